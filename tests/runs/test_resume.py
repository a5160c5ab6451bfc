"""A run that died or failed goes on: what is done stands, what changed runs again, nothing is mixed up."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from run_place import Place, Session

from flowkit import Flow, Parameter, case, flatten, resource_manager, task, unmapped
from flowkit.engine.signals import RETRY, SKIP
from flowkit.errors import FlowkitError, UsageError
from flowkit.flow.structure import Constant
from flowkit.runs.memory import Asked
from flowkit.store.history import History
from flowkit.why.archive import Archive
from flowkit.why.hindsight import why


def is_broken(what: str = "") -> bool:
    """Whether this is to fail now; not part of any code or input."""
    return what in os.environ.get("BROKEN", "no").split(",")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The last task fails, until `mend`."""
    monkeypatch.setenv("BROKEN", "last")
    return monkeypatch


def mend(broken: pytest.MonkeyPatch) -> None:
    broken.delenv("BROKEN")


@task
def last(values: Any) -> Any:
    if is_broken("last"):
        raise ValueError("broken")
    return values


@task
def one() -> str:
    return "one"


@task(name="one")
def other_one() -> str:
    return "another"


@task
def two(value: str) -> str:
    return f"two of {value}"


def chain(first: Any) -> Flow:
    with Flow("chain") as flow:
        last(two(first()))
    return flow


def done_after(place: Place, flow: Flow, session: Session) -> Session:
    """The session, after it was seen that another one has nothing to do."""
    again = place.resume(flow, session.number)
    assert again.found is not None
    assert again.found.is_done
    assert again.ran == []
    return session


# -- what stands --------------------------------------------------------------------------------


def test_what_is_done_is_not_run_again(place: Place, broken: pytest.MonkeyPatch) -> None:
    place.run(chain(one))
    mend(broken)
    session = done_after(place, chain(one), place.resume(chain(one)))
    assert session.ran == ["last"]
    assert session.value("last") == "two of one"


def test_what_changed_and_what_follows_from_it_run_again(place: Place, broken: pytest.MonkeyPatch) -> None:
    place.run(chain(one))
    mend(broken)
    session = done_after(place, chain(other_one), place.resume(chain(other_one)))
    assert session.ran == ["one", "two", "last"]


@pytest.mark.parametrize("deaths", range(1, 6))
def test_what_was_made_from_the_old_code_does_not_stand_in_any_later_session(
    place: Place, broken: pytest.MonkeyPatch, deaths: int
) -> None:
    place.run(chain(one))
    mend(broken)
    for rows in range(deaths):
        place.resume(chain(other_one), dies_after=rows)
    assert place.resume(chain(other_one)).value("last") == "two of another"


def test_what_was_made_from_another_parameter_does_not_stand_in_any_later_session(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    with Flow("sized") as flow:
        last(two(Parameter("size", default="s")))
    place.run(flow, size="s")
    mend(broken)
    place.resume(flow, size="l", dies_after=0)
    assert place.resume(flow, size="l").value("last") == "two of l"


@task(trigger="always_run")
def kinds(values: list[Any]) -> list[str]:
    return [type(value).__name__ for value in values]


@task
def tenfold(value: int) -> int:
    if is_broken(str(value)):
        raise ValueError("broken")
    return 10 * value


@pytest.mark.parametrize("deaths", range(5))
def test_what_was_made_from_a_failure_does_not_stand_in_any_later_session(
    place: Place, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    with Flow("tolerant") as flow:
        kinds(tenfold.map([1, 2, 3]))
    monkeypatch.setenv("BROKEN", "2")
    assert place.run(flow).value("kinds") == ["int", "ValueError", "int"]
    monkeypatch.delenv("BROKEN")
    for rows in range(deaths):
        place.resume(flow, dies_after=rows)
    assert place.resume(flow).value("kinds") == ["int", "int", "int"]


def test_what_is_forced_runs_again_though_the_session_that_was_asked_to_died(place: Place) -> None:
    flow = chain(one)
    place.run(flow)
    place.resume(flow, forced=["one"], dies_after=0)
    assert place.resume(flow).ran == ["one", "two", "last"]


def test_a_task_that_is_not_in_the_flow_cannot_be_forced(place: Place) -> None:
    place.run(chain(one))
    with pytest.raises(UsageError, match="has no task `three`"):
        place.resume(chain(one), forced=["three"])
    assert place.resume(chain(one)).ran == []


def test_a_run_with_a_case_that_was_not_chosen_is_done(place: Place) -> None:
    with Flow("gated") as flow, case(one(), "not this"):
        two("it")
    session = done_after(place, flow, place.run(flow))
    assert session.state("two") == "Skipped"


def test_of_two_cases_the_one_that_was_not_chosen_stays_so(place: Place, broken: pytest.MonkeyPatch) -> None:
    with Flow("gated") as flow:
        chosen = one()
        with case(chosen, "not this"):
            two("it")
        with case(chosen, "one"):
            last(two("that"))
    place.run(flow)
    mend(broken)
    session = done_after(place, flow, place.resume(flow))
    assert session.ran == ["last"]
    assert (session.state("two"), session.state("last")) == ("Skipped", "Success")


# -- resources ----------------------------------------------------------------------------------


@resource_manager
class Room:
    """Can neither be pickled nor kept."""

    def __init__(self, raises: str = "") -> None:
        self.lock = threading.Lock()

    def setup(self) -> Any:
        return self.lock

    def cleanup(self, lock: Any) -> None:
        assert lock is self.lock
        if is_broken("cleanup"):
            raise ValueError("broken")


@task
def count(lock: Any) -> int:
    with lock:
        return 1


def with_room() -> Flow:
    with Flow("room") as flow, Room() as room:
        last(count(room))
    return flow


def test_a_resource_is_set_up_and_cleaned_up_again_for_what_runs_again(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    place.run(with_room())
    mend(broken)
    session = done_after(place, with_room(), place.resume(with_room()))
    assert session.ran == ["Room", "Room.setup", "last", "Room.cleanup"]
    assert session.value("last") == 1


def test_a_resource_that_was_not_cleaned_up_is_set_up_to_be_cleaned_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "cleanup")
    place.run(with_room())
    monkeypatch.delenv("BROKEN")
    session = place.resume(with_room())
    assert session.ran == ["Room", "Room.setup", "Room.cleanup"]
    assert session.state("Room.cleanup") == "Success"


# -- mapped tasks -------------------------------------------------------------------------------


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def plus_one(value: int) -> int:
    return value + 1


def mapped(count: int) -> Flow:
    with Flow("mapped") as flow:
        last(tenfold.map(plus_one.map(numbers(count))))
    return flow


def test_of_a_mapped_task_the_child_that_failed_runs_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "3")
    place.run(mapped(4))
    monkeypatch.delenv("BROKEN")
    session = done_after(place, mapped(4), place.resume(mapped(4)))
    assert session.ran == ["tenfold[2]", "last"]
    assert session.value("last") == [10, 20, 30, 40]


@pytest.mark.parametrize("count", [0, 3, 8])
def test_a_mapped_task_may_become_narrower_or_wider(
    place: Place, broken: pytest.MonkeyPatch, count: int
) -> None:
    place.run(mapped(5))
    place.resume(mapped(count))
    mend(broken)
    session = done_after(place, mapped(count), place.resume(mapped(count)))
    assert session.ran == ["last"]
    assert session.value("last") == [10 * number + 10 for number in range(count)]


def test_a_mapped_task_that_was_narrowed_by_a_session_that_died(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    place.run(mapped(5))
    mend(broken)
    for rows in range(12):
        place.resume(mapped(3), dies_after=rows)
    session = done_after(place, mapped(3), place.resume(mapped(3)))
    assert session.value("last") == [10, 20, 30]


@task
def check() -> None:
    if is_broken("last"):
        raise ValueError("broken")
    raise SKIP("nothing to do")


@task(skip_on_upstream_skip=False)
def told(values: Any) -> Any:
    return values


def test_a_mapped_task_that_had_children_and_is_skipped_now_is_done(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    with Flow("checked") as flow:
        told(plus_one.map(numbers(2), upstream_tasks=[unmapped(check())]))
    first = place.run(flow)
    assert first.state("plus_one[1]") == "TriggerFailed"
    mend(broken)
    session = done_after(place, flow, place.resume(flow))
    assert session.ran == ["check", "told"]
    assert session.state("plus_one") == "Skipped"


def mapped_over(*lists: list[int]) -> Flow:
    with Flow("mapped over") as flow:
        last([plus_one.map(each) for each in lists])
    return flow


def test_a_list_that_is_mapped_over_is_known_by_what_is_in_it(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    first = place.run(mapped_over([0, 1], [0]))
    mend(broken)
    flow = mapped_over([0], [0])
    second = done_after(place, flow, place.resume(flow, first.number))
    assert second.ran == ["plus_one[0]", "last"]


def test_two_tasks_may_be_mapped_over_lists_of_their_own_where_they_shared_one(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    with Flow("shared") as flow:
        shared = Constant([0])
        last([plus_one.map(shared), tenfold.map(shared)])
    first = place.run(flow)
    mend(broken)
    with Flow("shared") as flow:
        last([plus_one.map([0]), tenfold.map([0])])
    second = done_after(place, flow, place.resume(flow, first.number))
    assert second.ran == ["last"]


def test_flattened_children_stand_too(place: Place, broken: pytest.MonkeyPatch) -> None:
    with Flow("flat") as flow:
        last(tenfold.map(flatten(numbers.map([2, 0, 3]))))
    place.run(flow)
    mend(broken)
    session = done_after(place, flow, place.resume(flow))
    assert session.ran == ["last"]
    assert session.value("last") == [0, 10, 0, 10, 20]


# -- results that are not there -----------------------------------------------------------------


@task(persist=False)
def unkept_numbers(count: int) -> list[int]:
    return list(range(count))


@task(persist=False)
def unkept_plus_one(value: int) -> int:
    return value + 1


def test_what_was_mapped_over_need_not_be_kept(place: Place, broken: pytest.MonkeyPatch) -> None:
    with Flow("unkept") as flow:
        last(tenfold.map(unkept_numbers(3)))
    place.run(flow)
    mend(broken)
    assert done_after(place, flow, place.resume(flow)).ran == ["last"]


def test_an_unkept_child_is_made_again_only_for_a_child_that_needs_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Flow("unkept") as flow:
        last(tenfold.map(unkept_plus_one.map(unkept_numbers(4))))
    monkeypatch.setenv("BROKEN", "3")
    place.run(flow)
    monkeypatch.delenv("BROKEN")
    session = place.resume(flow)
    assert session.ran == ["unkept_numbers", "unkept_plus_one[2]", "tenfold[2]", "last"]
    assert session.value("last") == [10, 20, 30, 40]


def test_unkept_children_are_not_made_again_for_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    @task(persist=False)
    def unkept_tenfold(value: int) -> int:
        if is_broken(str(value)):
            raise ValueError("broken")
        return 10 * value

    with Flow("unkept") as flow:
        unkept_tenfold.map([1, 2, 3])
    monkeypatch.setenv("BROKEN", "3")
    place.run(flow)
    monkeypatch.delenv("BROKEN")
    assert place.resume(flow).ran == ["unkept_tenfold[2]"]


@task
def generator() -> Any:
    return (number for number in range(3))


@task
def listed(values: Any) -> list[int]:
    return list(values)


def test_a_value_without_a_pickle_is_said_once_and_made_again_where_it_is_needed(
    place: Place, broken: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Flow("unpicklable") as flow:
        last(listed(generator()))
    session = place.run(flow)
    assert sum("generator is not kept" in line for line in session.seen.lines) == 1
    mend(broken)
    assert place.resume(flow).ran == ["last"]
    assert place.resume(flow, forced=["listed"]).ran == ["generator", "listed", "last"]


def test_of_a_run_that_keeps_nothing_all_is_made_again_that_is_needed(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    place.run(chain(one), asked=Asked(persists=False))
    assert place.rows("SELECT data FROM results WHERE batch>=0 AND instr(data, 'one') > 0") == []
    mend(broken)
    session = place.resume(chain(one))
    assert session.ran == ["one", "two", "last"]
    assert session.found is not None
    assert len(session.found.standing.unreadable) == 2


@task
def large() -> bytes:
    return bytes(200_000)


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_result_whose_file_is_damaged_is_made_again(
    place: Place, broken: pytest.MonkeyPatch, damage: str
) -> None:
    with Flow("large") as flow:
        last(large())
    place.run(flow)
    [file] = [path for path in (place.folder / "results").rglob("*") if path.is_file()]
    if damage == "gone":
        file.unlink()
    else:
        data = bytearray(file.read_bytes())
        data[-5] ^= 1
        file.write_bytes(data)
    mend(broken)
    session = place.resume(flow)
    assert session.ran == ["large", "last"]
    assert session.value("last") == bytes(200_000)


class Fragile(list[int]):
    """A value that can be unpickled only while its class has not changed."""

    def __reduce__(self) -> Any:
        return fragile, (list(self),)


def fragile(values: list[int]) -> Fragile:
    if is_broken("fragile"):
        raise AttributeError("the class has changed")
    return Fragile(values)


@task
def fragile_numbers() -> list[int]:
    return Fragile([1, 2, 3])


def test_what_is_mapped_over_and_cannot_be_unpickled_is_made_again_where_it_is_needed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Flow("fragile") as flow:
        last(tenfold.map(fragile_numbers()))
    monkeypatch.setenv("BROKEN", "2,last")
    place.run(flow)
    monkeypatch.setenv("BROKEN", "fragile,last")
    assert place.resume(flow).ran == ["fragile_numbers", "tenfold[1]", "last"]
    monkeypatch.setenv("BROKEN", "fragile")
    assert place.resume(flow).ran == ["last"]


# -- retries ------------------------------------------------------------------------------------


@task(max_retries=2, retry_delay=0)
def failing() -> None:
    raise ValueError("always")


def test_a_task_that_had_failed_for_good_is_tried_as_often_again(place: Place) -> None:
    with Flow("retries") as flow:
        failing()
    place.run(flow)
    place.resume(flow)
    rows = place.rows("SELECT attempt, status, session FROM attempts ORDER BY attempt")
    assert [attempt for attempt, _, _ in rows] == [1, 2, 3, 4, 5, 6]
    assert [session for _, _, session in rows] == [1, 1, 1, 2, 2, 2]
    assert [status for _, status, _ in rows] == [3, 3, 9, 3, 3, 9]


@pytest.mark.parametrize("rows", range(1, 6))
def test_a_death_gives_no_more_retries_and_takes_none(place: Place, rows: int) -> None:
    with Flow("retries") as flow:
        failing()
    place.run(flow, dies_after=rows)
    place.resume(flow)
    ends = place.rows("SELECT status, detail FROM attempts ORDER BY attempt")
    lost = [status for status, detail in ends if status == 12]
    assert [status for status, _ in ends if status != 12] == [3, 3, 9]
    assert len(lost) <= 1


def test_a_task_may_ask_for_another_attempt_after_the_process_died(place: Place) -> None:
    @task
    def asks() -> str:
        if is_broken("asks"):
            raise RETRY("not yet", after=0)
        return "now"

    with Flow("asks") as flow:
        asks()
    place.run(flow, dies_after=1)
    assert place.resume(flow).value("asks") == "now"


def test_a_task_under_which_the_process_dies_each_time_is_not_run_without_end(place: Place) -> None:
    with Flow("deadly") as flow:
        one()
    place.run(flow, dies_after=1)
    for _ in range(2):
        place.resume(flow, dies_after=1)
    with pytest.raises(FlowkitError, match="was running each of the last 3 times"):
        place.resume(flow)
    assert place.resume(flow, forced=["one"]).ran == ["one"]


def why_it_ran(place: Place, key: str) -> str:
    """What is said of a task of the latest run."""
    with History(place.folder) as history, Archive(place.folder, history) as archive:
        run = archive.run(history.find("latest"))
        return why(run, run.nodes[key]).sentence


def test_why_a_task_ran_again_is_still_known_after_the_next_session(
    place: Place, broken: pytest.MonkeyPatch
) -> None:
    place.run(chain(one))
    place.resume(chain(other_one))
    assert why_it_ran(place, "two") == "it had ended in session 1, but upstream `one` ran again"
    [named] = [why_it_ran(place, "one")]
    assert "its code changed" in named
    mend(broken)
    place.resume(chain(other_one))
    with History(place.folder) as history, Archive(place.folder, history) as archive:
        run = archive.run(history.find("latest"))
        reasons = [why(run, run.nodes[key]).then for key in ("one", "two")]
    assert [reason and reason.sentence for reason in reasons] == [
        named,
        "it had ended in session 1, but upstream `one` ran again",
    ]


def test_what_was_not_kept_is_not_called_unreadable(place: Place, broken: pytest.MonkeyPatch) -> None:
    @task
    def numbers() -> Any:
        return (each for each in "ab")

    place.run(chain(numbers), asked=Asked(persists=False))
    place.resume(chain(numbers))
    assert why_it_ran(place, "two") == "it had ended in session 1, but its result was not kept"
    place.run(chain(numbers))
    place.resume(chain(numbers), forced=["two"])
    assert why_it_ran(place, "numbers") == "it had ended in session 1, but its result was not kept"
