"""Tasks behind a border of bytes: what crosses it, and what is found on the other side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loopback import LoopbackExecutor

from flowkit import Flow, case, context, flatten, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import ThreadExecutor
from flowkit.engine.manner import Manner
from flowkit.engine.outcome import Outcome
from flowkit.engine.sealed import OpeningError, Sealed, UnsealableError, sealed
from flowkit.plan.compiler import compile_flow


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class Shut:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@task
def point(x: int) -> Point:
    return Point(x)


@task
def x_of(point: Point) -> int:
    return point.x


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def double(value: int) -> int:
    return 2 * value


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def pair(value: int) -> list[int]:
    return [value, value]


@task
def shut() -> Shut:
    return Shut()


@task
def take(value: Any) -> Any:
    return value


@task(tags=["a"])
def seen() -> dict[str, Any]:
    names = ("task_name", "task_full_name", "map_index", "task_run_count", "flow_name", "task_tags", "given")
    return {name: context[name] for name in names}


@task
def fails() -> None:
    raise ValueError("no", 1)


def carried_out(flow: Flow, **options: Any) -> Outcome:
    plan = compile_flow(flow, lane="loopback")
    executors = [LoopbackExecutor(), *(ThreadExecutor(2) for _ in plan.lanes[1:])]
    return Engine(plan, executors, timeout=20.0, **options).run()


def test_values_stay_closed_between_tasks_and_are_opened_for_who_asks() -> None:
    with Flow("points") as flow:
        made = point(3)
        given = x_of(made)
        here = x_of.copy(executor="threads")(made)
    outcome = carried_out(flow)
    node = outcome.plan.tasks.index(made)
    assert type(outcome.engine.values[node]) is Sealed
    state = outcome.state
    assert (state.result[given].result, state.result[here].result) == (3, 3)
    assert type(state.result[made].result) is Point
    assert state.result[made].result is state.result[made].result


def test_maps_gates_and_reductions_are_decided_by_facts_from_there() -> None:
    with Flow("maps") as flow:
        many = numbers(4)
        doubled = double.map(many)
        summed = total(doubled)
        flat = total(flatten(pair.map(many)))
        flattened = double.map(flatten(pair.map(many)))
        with case(summed, 12):
            yes = double(summed)
        with case(summed, 13):
            no = double(summed)
    state = carried_out(flow).state
    assert (state.result[summed].result, state.result[flat].result) == (12, 12)
    assert state.result[flattened].result == [0, 0, 2, 2, 4, 4, 6, 6]
    assert state.result[yes].result == 24
    assert state.result[no].is_skipped()


def test_what_cannot_be_sent_is_the_failure_of_its_task_and_is_named() -> None:
    with Flow("refused") as flow:
        generator = take(each for each in "ab")
        back = take.copy(name="back")(1)
        back.run = lambda value: (each for each in "ab")
        closed = take.copy(name="closed")(shut())
        other = double(1)
    state = carried_out(flow).state
    assert (
        "its argument `value` cannot be sent: a `generator` cannot be pickled"
        in state.result[generator].message
    )
    assert "its result cannot be sent back: a `generator`" in state.result[back].message
    assert "cannot be unpickled: ValueError" in state.result[closed].message
    assert state.result[other].result == 2


def test_an_exception_comes_back_with_the_frames_that_it_had_there() -> None:
    with Flow("fails") as flow:
        made = fails()
    outcome = carried_out(flow)
    error = outcome.state.result[made].result
    assert type(error) is ValueError and error.args == ("no", 1)
    failure = outcome.engine.details[outcome.plan.tasks.index(made), -1].failure
    assert failure.place.endswith("in fails") and "raise ValueError" in failure.traceback


def test_a_task_finds_the_context_there_that_it_would_find_here() -> None:
    with Flow("seen") as flow:
        made = seen()
        mapped = take.map([0])
        mapped.run = lambda value: (context.map_index, context.task_full_name)
    manner = Manner(context={"given": 7})
    there = carried_out(flow, manner=manner).state
    here = Engine(compile_flow(flow), [ThreadExecutor(2)], timeout=20.0, manner=manner).run().state
    assert there.result[made].result == here.result[made].result
    assert there.result[made].result["given"] == 7
    assert there.result[mapped].result == [(0, "take[0]")]


def test_buffers_are_not_in_the_pickle() -> None:
    import pickle

    data = pickle.PickleBuffer(bytearray(200_000))
    found = sealed({"a": data})
    assert len(found.data) < 1000 and found.size > 200_000
    crossed = pickle.loads(pickle.dumps([found], 5))
    assert len(memoryview(crossed[0]["a"])) == 200_000


def test_a_function_by_value_keeps_its_file() -> None:
    text = "def fails():\n    raise ValueError"
    found: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "/somewhere/script.py", "exec"), found)
    again = sealed(found["fails"]).open()
    assert again.__code__.co_filename == "/somewhere/script.py"


def test_closures_are_taken_and_what_nobody_takes_is_refused() -> None:
    number = 3
    assert sealed(lambda: number).open()() == 3
    with pytest.raises(UnsealableError, match="generator"):
        sealed(each for each in "ab")
    with pytest.raises(OpeningError, match="no number"):
        sealed(Shut()).open()


def test_what_goes_as_a_buffer_can_be_measured_and_opened_where_it_does_not_travel() -> None:
    value = b"x" * 200_000
    again = Sealed(*sealed(value).message)
    assert again.size >= len(value)
    assert again.open() == value
