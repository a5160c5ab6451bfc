"""The cache: the same code and inputs are carried out once; anything else, or damaged, is a miss."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_place import Place, Session

from flowkit import Flow, Parameter, context, task
from flowkit.engine.engine import Engine
from flowkit.executors import ThreadExecutor
from flowkit.runs.memory import Asked


@task(cache=True)
def square(number: int) -> list[int]:
    print(f"squared {number}")
    return [number * number]


def squares(*given_numbers: int, name: str = "squares") -> Flow:
    with Flow(name) as flow:
        for number in given_numbers:
            square(number)
    return flow


def states(session: Session) -> list[str]:
    """How the tasks ended, by key."""
    return [session.state(key) for key in sorted(session.outcome.plan.keys)]


# -- what is a hit ------------------------------------------------------------------------------


def test_the_same_call_is_found_by_another_run_and_another_flow(place: Place) -> None:
    assert states(place.run(squares(3))) == ["Success"]
    found = place.run(squares(3))
    assert (states(found), found.value("square")) == (["Cached"], [9])
    assert states(place.run(squares(3, name="others"))) == ["Cached"]
    assert states(place.run(squares(4))) == ["Success"]


def test_the_log_of_that_time_is_given_back_each_time(place: Place) -> None:
    for _ in range(3):
        assert place.run(squares(3)).seen.lines == ["squared 3"]
    assert place.rows("SELECT run, text FROM logs") == [(run, "squared 3") for run in (1, 2, 3)]


def test_what_is_forced_or_not_to_be_cached_is_carried_out(place: Place) -> None:
    place.run(squares(3))
    assert states(place.run(squares(3), asked=Asked(forced=("square",)))) == ["Success"]
    assert states(place.run(squares(3), asked=Asked(reads=False))) == ["Success"]
    assert states(place.run(squares(3), asked=Asked(persists=False))) == ["Success"]
    assert [run for [run] in place.rows("SELECT run FROM cache")] == [2]


def test_what_is_forced_without_an_entry_makes_one(place: Place) -> None:
    place.run(squares(3), asked=Asked(forced=("*",)))
    assert states(place.run(squares(3))) == ["Cached"]


def test_an_argument_without_a_digest_only_costs_the_cache(place: Place) -> None:
    @task
    def lock() -> Any:
        return threading.Lock()

    @task(cache=True)
    def takes(value: Any) -> str:
        return "taken"

    with Flow("undigestible") as flow:
        takes(lock())
    assert place.run(flow).value("takes") == "taken"
    assert place.run(flow).state("takes") == "Success"
    assert place.rows("SELECT 1 FROM cache") == []


def test_by_inputs_alone_the_code_may_change_but_not_the_function(place: Place) -> None:
    def made(text: str) -> Flow:
        def load(number: int) -> str:
            return text

        with Flow("inputs") as flow:
            task(load, cache="inputs")(1)
        return flow

    assert place.run(made("first")).value("load") == "first"
    assert place.run(made("second")).value("load") == "first"

    def load(number: int) -> str:
        return "of another function"

    with Flow("inputs") as flow:
        task(load, cache="inputs")(1)
    assert place.run(flow).value("load") == "of another function"


def test_a_function_may_say_what_counts(place: Place) -> None:
    @task(cache=lambda arguments: arguments["name"].lower())
    def greet(name: str) -> str:
        return f"hello {name}"

    with Flow("greet") as flow:
        greet(Parameter("name"))
    assert place.run(flow, name="Ann").value("greet") == "hello Ann"
    assert place.run(flow, name="ANN").value("greet") == "hello Ann"
    assert place.run(flow, name="Bob").value("greet") == "hello Bob"


def test_a_function_that_raises_fails_its_task(place: Place) -> None:
    @task(cache=lambda arguments: arguments["nothing"])
    def greet(name: str) -> str:
        return name

    with Flow("greet") as flow:
        greet("x")
    assert place.run(flow).state("greet") == "Failed"


def test_what_it_depends_on_counts(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "weights"

    def made() -> Flow:
        @task(cache=True, depends_on=[file])
        def weigh() -> str:
            return file.read_text()

        with Flow("weigh") as flow:
            weigh()
        return flow

    for text in ("one", "two"):
        file.write_text(text)
        assert place.run(made()).value("weigh") == text
    assert place.run(made()).state("weigh") == "Cached"


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(numbers=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_children_with_equal_inputs_are_carried_out_once(place: Place, numbers: list[int]) -> None:
    with Flow("mapped") as flow:
        square.map(numbers)
    session = place.run(flow, executor=ThreadExecutor(3), asked=Asked())
    assert session.value("square") == [[number * number] for number in numbers]
    made = [session.state(f"square[{child}]") for child in range(len(numbers))].count("Success")
    assert made <= len(set(numbers))
    again = place.run(flow)
    assert {again.state(f"square[{child}]") for child in range(len(numbers))} == {"Cached"}


# -- time ---------------------------------------------------------------------------------------


@task(cache=timedelta(hours=1))
def hourly(number: int) -> list[int]:
    return [number]


def aged(place: Place, seconds: float) -> None:
    """Let all entries be older."""
    memory = place.memory()
    memory.connection.execute("UPDATE cache SET made=made-?", (seconds,))
    memory.close()


def test_an_entry_is_of_no_use_after_its_time(place: Place) -> None:
    with Flow("hourly") as flow:
        hourly(1)
    place.run(flow)
    aged(place, 3000)
    assert states(place.run(flow)) == ["Cached"]
    aged(place, 1000)
    assert states(place.run(flow)) == ["Success"]
    assert states(place.run(flow)) == ["Cached"]


def test_an_entry_from_the_future_is_of_no_use(place: Place) -> None:
    with Flow("hourly") as flow:
        hourly(1)
    place.run(flow)
    aged(place, -100)
    assert states(place.run(flow)) == ["Success"]


def test_children_that_find_one_entry_expired_make_it_once(place: Place) -> None:
    with Flow("hourly") as flow:
        hourly.map([1] * 5)
    place.run(flow)
    aged(place, 4000)
    session = place.run(flow)
    assert sorted(session.state(f"hourly[{child}]") for child in range(5)) == ["Cached"] * 4 + ["Success"]


# -- plain values, which are looked for many at a time -----------------------------------------


@task(cache=True)
def added(number: int, more: int = 1, *, sign: str = "+") -> int:
    return number + more if sign == "+" else number - more


@task
def given_late(number: int) -> int:
    return number


def sums() -> Flow:
    with Flow("sums") as flow:
        added(1)
        added(1, 1)
        added(more=1, number=1)
        added(1, sign="-", more=5)
        added(added(added(2)), more=given_late(3))
        added.map([1, 2, 3])
    return flow


@pytest.mark.parametrize("executor", [None, ThreadExecutor(3)])
def test_however_a_call_is_written_it_is_found(place: Place, executor: Any) -> None:
    made = place.run(sums(), executor=executor)
    assert [made.value(key) for key in ("added", "added-2", "added-3")] == [2, 2, 2]
    found = place.run(sums(), executor=executor)
    assert found.values == made.values
    assert {found.state(key) for key in made.values if key.startswith("added")} == {"Cached"}


def test_what_is_found_at_once_remembers_what_it_was_made_from(place: Place) -> None:
    for _ in range(2):
        place.run(sums())
    found = place.rows(
        "SELECT one.detail, two.detail FROM attempts one JOIN attempts two USING (node, child)"
        " WHERE one.run=1 AND two.run=2 AND two.status=6 AND node=0"
    )
    [(was, now)] = [tuple(json.loads(detail)["origin"] for detail in row) for row in found]
    assert now == was | {"run": 1, "attempt": 1, "made": now["made"]}


@pytest.mark.parametrize("cache", ["inputs", timedelta(hours=1), lambda given: given["number"] % 10])
def test_each_kind_of_key_finds_plain_values(place: Place, cache: Any) -> None:
    @task(cache=cache)
    def kept(number: int) -> int:
        return number

    with Flow("kinds") as flow:
        kept(3)
        kept(4)
    assert states(place.run(flow)) == ["Success"] * 2
    assert states(place.run(flow)) == ["Cached"] * 2


def test_a_slow_call_keeps_none_from_starting_that_was_looked_for_with_it(place: Place) -> None:
    both = threading.Barrier(2)

    @task(cache=True)
    def kept(number: int, waits: bool = False) -> int:
        if waits:
            both.wait(20)
        return number

    def numbers(*slow: int) -> Flow:
        with Flow("slow") as flow:
            for number in range(600):
                kept(number, number in slow)
        return flow

    place.run(numbers())
    session = place.run(numbers(3, 500), executor=ThreadExecutor(2))
    assert [key for key, state in ends(session).items() if state == "Success"] == ["kept-4", "kept-501"]


def ends(session: Session) -> dict[str, str]:
    return {key: session.state(key) for key in session.outcome.plan.keys}


def test_a_plain_value_that_is_not_there_is_tried_again_as_often_as_any(place: Place) -> None:
    @task(cache=True, max_retries=2, retry_delay=timedelta(0))
    def flaky(number: int) -> int:
        if context.task_run_count < 3:
            raise ValueError("not yet")
        return number

    with Flow("flaky") as flow:
        flaky(5)
    assert [states(place.run(flow)) for _ in range(2)] == [["Success"], ["Cached"]]
    assert place.rows("SELECT run, attempt FROM attempts") == [(1, 1), (1, 2), (1, 3), (2, 1)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE cache SET data=CAST(substr(data, 1, length(data) - 1) || x'39' AS BLOB)",
        "UPDATE cache SET data=x'00'",
        "UPDATE cache SET data=CAST(substr(data, 1, 16) || 'p{' AS BLOB)",
        "UPDATE cache SET used='x'",
        "UPDATE cache SET log='[['",
    ],
)
def test_a_plain_value_that_was_altered_is_made_again(place: Place, damage: str) -> None:
    with Flow("two") as flow:
        added(1)
        added(2)
    place.run(flow)
    memory = place.memory()
    memory.connection.execute(damage)
    memory.close()
    again = place.run(flow)
    assert states(again) == ["Success"] * 2
    assert [again.value(key) for key in ("added", "added-2")] == [2, 3]


def test_a_plain_value_with_a_log_gives_it_back(place: Place) -> None:
    @task(cache=True)
    def says(number: int) -> int:
        print(f"it is {number}")
        return number

    with Flow("says") as flow:
        says(3)
    for _ in range(3):
        assert place.run(flow).seen.lines == ["it is 3"]


# -- damage -------------------------------------------------------------------------------------


@task(cache=True)
def large(number: int) -> bytes:
    return bytes([number]) * 200_000


def file_of(place: Place) -> Path:
    [file] = [path for path in (place.folder / "results").rglob("*") if path.is_file()]
    return file


def flip_file(place: Place) -> None:
    data = bytearray(file_of(place).read_bytes())
    data[-10] ^= 1
    file_of(place).write_bytes(data)


def flip_entry(place: Place) -> None:
    memory = place.memory()
    [data] = memory.connection.execute("SELECT data FROM cache").fetchone()
    memory.connection.execute("UPDATE cache SET data=?", (data[:-1] + bytes([data[-1] ^ 1]),))
    memory.close()


def sign_otherwise(place: Place) -> None:
    path = place.project.root.parent / "config" / "flowkit" / "key"
    path.write_bytes(os.urandom(32))


@pytest.mark.parametrize(
    "damage", [flip_file, flip_entry, sign_otherwise, lambda place: file_of(place).unlink()]
)
def test_an_entry_that_is_damaged_is_made_again(place: Place, damage: Callable[[Place], None]) -> None:
    with Flow("large") as flow:
        large(7)
    place.run(flow)
    damage(place)
    session = place.run(flow)
    assert (session.state("large"), session.value("large")) == ("Success", bytes([7]) * 200_000)
    assert place.run(flow).state("large") == "Cached"


@dataclasses.dataclass
class Report:
    title: str
    files: dict[str, list[Path]]


@task(cache=True)
def writes(folder: str, kind: str) -> Any:
    path = Path(folder, "out.txt")
    path.write_text("made")
    return {"path": path, "report": Report("all", {"a": [path]}), "set": ({path}, "x" * 100_000)}[kind]


@pytest.mark.parametrize("kind", ["path", "report", "set"])
def test_a_result_that_holds_a_path_is_found_while_what_lies_there_is_as_it_was(
    place: Place, tmp_path: Path, kind: str
) -> None:
    with Flow("files") as flow:
        writes(str(tmp_path), kind)
    out = tmp_path / "out.txt"
    assert place.run(flow).state("writes") == "Success"
    assert place.run(flow).state("writes") == "Cached"
    for alter in (out.unlink, lambda: out.write_text("altered")):
        alter()
        again = place.run(flow)
        assert again.state("writes") == "Success"
        assert out.read_text() == "made"
        assert place.run(flow).state("writes") == "Cached"


def test_an_entry_cannot_stand_in_for_another(place: Place) -> None:
    place.run(squares(2, 3))
    memory = place.memory()
    (first, one), (second, other) = memory.connection.execute("SELECT key, data FROM cache").fetchall()
    memory.connection.execute("UPDATE cache SET data=? WHERE key=?", (other, first))
    memory.connection.execute("UPDATE cache SET data=? WHERE key=?", (one, second))
    memory.close()
    session = place.run(squares(2, 3))
    assert (session.value("square"), session.value("square-2")) == ([4], [9])


# -- failures, and many at once -----------------------------------------------------------------


def test_a_call_that_fails_leaves_no_entry_and_keeps_nobody_waiting(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task(cache=True, max_retries=1, retry_delay=0)
    def fails(number: int) -> int:
        if "BROKEN" in os.environ:
            raise ValueError("broken")
        return number

    with Flow("fails") as flow:
        fails.map([1, 1])
    monkeypatch.setenv("BROKEN", "yes")
    assert place.run(flow).state("fails[1]") == "Failed"
    assert place.rows("SELECT 1 FROM cache") == []
    monkeypatch.delenv("BROKEN")
    assert place.run(flow).value("fails") == [1, 1]


def test_an_attempt_that_was_given_up_keeps_the_next_one_from_nothing(place: Place) -> None:
    go_on, begun = threading.Event(), threading.Event()
    waits = {"first": go_on}

    @task(cache=lambda arguments: "one", timeout=0.2, max_retries=1, retry_delay=0)
    def slow() -> str:
        begun.set()
        wait = waits.pop("first", None)
        return "first" if wait is not None and wait.wait(20) else "second"

    with Flow("slow") as flow:
        slow()
    session = place.run(flow, executor=ThreadExecutor(1))
    assert session.value("slow") == "second"
    go_on.set()
    assert place.run(flow, executor=ThreadExecutor(1)).value("slow") == "second"


class Full:
    """A ledger without a disk."""

    def __init__(self, record: Any) -> None:
        self._record = record

    def append(self, *_: Any) -> None:
        raise OSError("the disk is full")

    def wish(self) -> str:
        return ""

    def end(self, outcome: Any) -> None:
        self._record.close()


@pytest.mark.parametrize("executor", [None, ThreadExecutor(2)], ids=str)
def test_where_nothing_can_be_written_nobody_waits_for_an_entry(place: Place, executor: Any) -> None:
    def fill(engine: Engine) -> None:
        engine.recorder._ledger = Full(engine.recorder._ledger)

    with Flow("mapped") as flow:
        square.map([1] * 5)
    session = place.run(flow, executor=executor, change=fill)
    assert "the disk is full" in str(session.outcome.broken)
    assert session.outcome.left_behind == ()
    assert states(place.run(squares(1))) == ["Success"]


def test_an_entry_whose_end_was_written_at_once_has_its_log_too(place: Place) -> None:
    with Flow("durable") as flow:
        square.copy(durability="task").bind(3)
    place.run(flow)
    found = place.run(flow)
    assert (found.state("square"), found.seen.lines) == ("Cached", ["squared 3"])


def test_two_runs_at_once_carry_a_call_out_once(place: Place) -> None:
    both = threading.Barrier(2)

    @task
    def meet() -> int:
        both.wait(20)
        return 5

    with Flow("meeting") as flow:
        square(meet())
    sessions: list[Session] = []
    # What tasks print is taken over by one run at a time.
    threads = [
        threading.Thread(target=lambda: sessions.append(place.run(flow, capture=False))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(session.state("square") for session in sessions) == ["Cached", "Success"]


class Unseen:
    """Has no digest, as its state lies where nobody sees it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_a_key_by_ones_own_function_does_not_need_what_it_leaves_out(place: Place) -> None:
    @task(cache=lambda arguments: arguments["number"])
    def kept(number: int, unseen: Any) -> int:
        return number + 1

    with Flow("by-hand") as flow:
        kept(1, Unseen())
    assert place.run(flow).state("kept") == "Success"
    assert place.run(flow).state("kept") == "Cached"
