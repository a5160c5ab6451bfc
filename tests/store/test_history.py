"""Reading the history: the run that is meant, its tasks, its lines; and a file that is no good."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_history import BEGAN, BROKEN, MANY, MadeHistory, line, row

from flowkit.errors import HistoryError, UsageError
from flowkit.plan.status import FAILED, RETRYING, SUCCESS, Status
from flowkit.store import database
from flowkit.store.history import History
from flowkit.store.records import RunRecord
from flowkit.store.run_status import RunStatus


@pytest.fixture
def history(made: MadeHistory) -> Iterator[History]:
    with History(made.folder) as history:
        yield history


def test_a_run_is_found_by_number_name_beginning_of_its_id_and_by_how_it_ended(
    made: MadeHistory, history: History
) -> None:
    first, second = made.run(RunStatus.FAILED, BROKEN), made.run()
    run = history.find(str(first))
    assert (
        history.find(run.name) == history.find(run.uid[:20]) == history.find(f" {run.name.upper()} ") == run
    )
    assert history.find("failed") == run
    assert history.find("latest").number == second


def test_a_run_that_is_not_there_is_said_with_the_nearest_name(made: MadeHistory, history: History) -> None:
    with pytest.raises(UsageError, match="there are no runs yet"):
        history.find("latest")
    name = history.find(str(made.run())).name
    with pytest.raises(UsageError, match="there is no run `") as caught:
        history.find(f"{name}x")
    assert f"did you mean `{name}`?" in caught.value.hints
    with pytest.raises(UsageError, match="no run has failed"):
        history.find("failed")


@pytest.mark.parametrize(
    "text", ["", "9" * 30, "0", "-1", "🦦", "a\udcffb", "'; DROP TABLE runs; --", "abc", "%"]
)
def test_any_text_finds_a_run_or_says_that_there_is_none(
    made: MadeHistory, history: History, text: str
) -> None:
    made.run()
    with pytest.raises(UsageError, match="there is no run"):
        history.find(text)


def test_four_characters_are_enough_for_one_of_many_runs_of_a_moment(
    made: MadeHistory, history: History
) -> None:
    numbers = [made.run() for _ in range(20)]
    ids = [run.uid for run in history.runs()]
    assert not any(each[:4].isdecimal() for each in ids)
    assert len({each[:4] for each in ids}) >= 18  # two pairs alike: once in 30,000 times
    alone = [run for run in history.runs() if sum(each.startswith(run.uid[:4]) for each in ids) == 1]
    assert all(history.find(run.uid[:4]) == run for run in alone)
    assert [run.number for run in history.runs()] == numbers[::-1]


def test_an_id_of_an_earlier_release_which_begins_with_the_moment_is_found(
    made: MadeHistory, history: History
) -> None:
    number = made.run()
    made.connection.execute("UPDATE runs SET uid='0198b3c4d5e6' || substr(uid, 1, 20)")
    assert history.find("0198b3c4d5e6").number == number


def test_an_id_that_begins_several_is_refused_and_says_which(made: MadeHistory, history: History) -> None:
    made.run(), made.run()
    made.connection.execute("UPDATE runs SET uid='abcd' || number")
    with pytest.raises(UsageError, match="beginning of several runs") as caught:
        history.find("abcd")
    assert "`1`" in caught.value.hints[0]
    assert "`2`" in caught.value.hints[0]
    with pytest.raises(UsageError, match="there is no run"):
        history.find("abc")


def test_runs_are_listed_latest_first_and_by_flow_status_and_time(
    made: MadeHistory, history: History
) -> None:
    numbers = [made.run(flow="etl"), made.run(RunStatus.FAILED, flow="ml"), made.run(flow="etl")]

    def listed(**wanted: object) -> list[int]:
        return [run.number for run in history.runs(**wanted)]  # type: ignore[arg-type]

    assert listed() == numbers[::-1]
    assert listed(limit=1) == [numbers[2]]
    assert listed(flow="etl") == [numbers[2], numbers[0]]
    assert listed(status=RunStatus.FAILED) == [numbers[1]]
    assert listed(since=BEGAN) == numbers[::-1]
    assert listed(since=BEGAN + 1) == listed(flow="nope\udcff") == []
    assert history.flows() == ["etl", "ml"]


def test_a_run_has_types_and_durations_without_the_time_between_its_sessions(
    made: MadeHistory, history: History
) -> None:
    run = history.find(str(made.run(parameters={"n": 3}, reason="all is well")))
    assert run.status is RunStatus.SUCCESS
    assert (run.parameters, run.reason, run.counts) == ({"n": 3}, "all is well", {"ok": 1})
    assert run.duration == 5
    made.connection.execute("UPDATE runs SET ended=ended+86400")
    assert history.find(str(run.number)).duration == 5
    going_on = history.find(str(made.run(None)))
    assert going_on.duration is None


def test_attempts_have_keys_and_come_in_order(made: MadeHistory, history: History) -> None:
    rows = [row(0, RETRYING), row(0, FAILED, attempt=2), row(0, SUCCESS, attempt=3), row(1, SUCCESS, child=7)]
    run = history.find(str(made.run(rows=rows[:3])))
    found = history.attempts(run)
    assert [(each.key, each.attempt, each.status) for each in found] == [
        ("load", 1, Status.RETRYING),
        ("load", 2, Status.FAILED),
        ("load", 3, Status.SUCCESS),
    ]
    assert history.key(run, 1, 7) == "clean[7]"


def test_the_time_between_sessions_is_not_what_children_took(made: MadeHistory, history: History) -> None:
    run = made.run(RunStatus.FAILED, MANY)  # from 0 to 5
    later = {"session": 2, "started": BEGAN + 100, "ended": BEGAN + 110}
    columns = [name for _, name, *_ in made.rows("PRAGMA table_info(sessions)")]
    chosen = ", ".join(str(later.get(name, name)) for name in columns)
    made.rows(f"INSERT INTO sessions SELECT {chosen} FROM sessions")
    again = (run, 1, 1, 2, int(Status.SUCCESS), BEGAN + 101, BEGAN + 103, "worker-2", None, 0, 2)
    order = "run, node, child, attempt, status, started, ended, worker, detail, batch, session"
    made.rows(f"INSERT INTO attempts ({order}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *again)
    [many] = history.children(history.find(str(run))).values()
    assert many.counts == {Status.SUCCESS: 3}
    assert (many.started, many.ended, many.took) == (BEGAN, BEGAN + 103, 8)


def test_children_are_counted_by_their_last_attempts(made: MadeHistory, history: History) -> None:
    run = history.find(str(made.run(RunStatus.FAILED, MANY)))
    [many] = history.children(run).values()
    assert many.counts == {Status.SUCCESS: 2, Status.FAILED: 1}
    assert many.ended - many.started == 4
    assert [each.key for each in history.failed_children(run, 9)] == ["clean[1]"]
    assert history.width(run, 1) == 3
    assert [each.child for each in history.attempts(run, children=False)] == [-1, -1, -1]


def test_a_task_is_located_by_its_key(made: MadeHistory, history: History) -> None:
    run = history.find(str(made.run(rows=MANY, keys=("load", "clean", "odd[1]"))))
    assert history.locate(run, "clean") == (1, None)
    assert history.locate(run, "clean[2]") == (1, 2)
    assert history.locate(run, "odd[1]") == (2, None)
    with pytest.raises(UsageError, match="has no task `claen`") as caught:
        history.locate(run, "claen")
    assert caught.value.hints == ("did you mean `clean`?",)
    with pytest.raises(UsageError, match="`clean` has 3 children"):
        history.locate(run, "clean[3]")


def test_lines_are_those_of_a_task_a_child_an_attempt_a_level_or_after_another(
    made: MadeHistory, history: History
) -> None:
    lines = [
        line("one"),
        line("two", attempt=2),
        line("three", node=1, child=4),
        line("four", node=1, level=30),
        line("five", level=10),
    ]
    run = history.find(str(made.run(lines=lines)))

    def texts(**wanted: int) -> list[str]:
        return [each.text for each in history.logs(run, **wanted)]

    assert texts() == ["one", "two", "three", "four", "five"]
    assert texts(node=0, attempt=2) == ["two"]
    assert texts(node=1, child=4) == ["three"]
    assert texts(level=20) == ["four"]
    assert texts(after=2) == ["four", "five"]
    assert next(history.logs(run, node=1)).key == "clean[4]"


def test_a_task_that_has_two_numbers_after_a_resume_is_the_one_that_is_left(
    made: MadeHistory, history: History
) -> None:
    run = history.find(str(made.run(keys=("a", "b", "a"))))
    assert history.locate(run, "a") == (2, None)
    history.outline(run)["ids"] = [0, 1]
    assert history.locate(run, "a") == (0, None)


def read_all(folder: Path) -> None:
    """All that reading commands ask."""
    with History(folder) as history:
        for run in history.runs(limit=20):
            read_run(history, run)
        history.flows()
        history.find("latest")


def read_run(history: History, run: RunRecord) -> None:
    history.sessions(run), history.outline(run), history.children(run), history.failed_children(run, 3)
    history.attempts(run), list(history.logs(run)), history.width(run, 1)


def closed(made: MadeHistory) -> bytes:
    """The bytes of a history that nobody writes to."""
    for _ in range(3):
        made.run(RunStatus.FAILED, MANY, lines=[line("text " * 20) for _ in range(20)])
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return made.path.read_bytes()


def survives(folder: Path, damaged: bytes) -> None:
    """Reading what is damaged gives what is there, or one sentence; the next command goes on."""
    for kept in folder.glob(f"{database.FILE}*"):
        kept.unlink()
    path = folder / database.FILE
    path.write_bytes(damaged)
    path.chmod(0o600)
    try:
        read_all(folder)
    except (HistoryError, UsageError) as error:
        assert "\n" not in error.message
        if path.exists():
            with pytest.raises((HistoryError, UsageError)):
                read_all(folder)
        else:
            database.open_to_write(path).close()
            with History(folder) as history:
                assert history.runs() == []


def test_a_history_cut_at_any_block_is_named_and_set_aside(made: MadeHistory) -> None:
    whole = closed(made)
    for size in range(0, len(whole), 512):
        survives(made.folder, whole[:size])


def test_a_history_with_a_flipped_bit_or_an_empty_page_never_ends_in_a_traceback(made: MadeHistory) -> None:
    whole = closed(made)
    chance = random.Random(20)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 20])):
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        survives(made.folder, bytes(damaged))
    for page in range(0, len(whole), 4096):
        survives(made.folder, whole[:page] + bytes(4096) + whole[page + 4096 :])


def test_text_and_nothing_in_place_of_a_history_are_set_aside_or_new(made: MadeHistory) -> None:
    made.close()
    survives(made.folder, b"this is no history\n" * 100)
    survives(made.folder, b"")


def test_a_folder_in_place_of_the_history_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / database.FILE).mkdir()
    with pytest.raises(HistoryError, match="is not a file"):
        History(tmp_path).runs()


@pytest.mark.parametrize("lost", ["-wal", "-shm"])
def test_a_lost_companion_costs_at_most_what_was_in_it(made: MadeHistory, lost: str, tmp_path: Path) -> None:
    made.run()
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in made.folder.glob(f"{database.FILE}*"):
        if not path.name.endswith(lost):
            (copy / path.name).write_bytes(path.read_bytes())
    with History(copy) as history:
        assert len(history.runs()) <= 1


def test_a_history_that_turns_out_damaged_is_set_aside_once_and_named(
    made: MadeHistory, nothing_set_aside: Callable[[], None]
) -> None:
    whole = closed(made)
    made.path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(HistoryError, match="is damaged") as caught:
        read_all(made.folder)
    [kept] = database.SET_ASIDE
    assert str(kept) in caught.value.hints[0]
    assert kept.exists()
    assert not made.path.exists()
