"""Of what a run takes from earlier ones it is said what it would make otherwise itself, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from run_place import Place

from flowkit import Flow, Parameter, case, task
from flowkit.flow.values import checked
from flowkit.plan.compiler import compile_flow
from flowkit.runs.borrow import borrowed, choose
from flowkit.runs.outdated import outdated, said


@task
def load(day: int) -> int:
    return day


@task
def clean(number: int, factor: int = 10) -> int:
    return factor * number


@task
def report(number: Any, hour: int = 0) -> Any:
    return number


@task(name="load")
def other_load(day: int) -> int:
    return -day


@task(name="clean")
def other_clean(number: int) -> int:
    return 100 * number


def daily(load: Callable[..., Any] = load, clean: Callable[..., Any] = clean, **constants: int) -> Flow:
    """load → clean → report; `hour` reaches report only."""
    with Flow("daily") as made:
        hour = Parameter("hour", default=12)
        report(clean(load(Parameter("day", default=1)), **constants), hour)
    return made


def found(place: Place, flow: Flow, select: str = "report", **given: Any) -> dict[str, tuple[str, ...]]:
    """What is said before a run of such a selection."""
    memory, values = place.memory(), checked(flow, given)
    chosen = choose(flow, select, None, memory, values)
    plan = compile_flow(flow, only=chosen.only, given=chosen.given)
    try:
        return outdated(memory, flow, values, borrowed(memory, plan, chosen).runs)
    finally:
        memory.close()


def test_what_would_be_made_the_same_is_not_named(place: Place) -> None:
    place.run(daily())
    assert found(place, daily()) == {}


def test_a_parameter_is_named_where_it_reaches_what_is_taken(place: Place) -> None:
    place.run(daily(), day=1, hour=12)
    assert found(place, daily(), day=2, hour=13) == {"clean": ("parameter `day` changed",)}
    assert found(place, daily(), day=1, hour=13) == {}


def test_a_parameter_that_decides_whether_it_runs_reaches_it_too(place: Place) -> None:
    with Flow("gated") as gated:
        with case(Parameter("wanted", default=1), 1):
            number = load(5)
        report(number)
    place.run(gated)
    assert found(place, gated, wanted=2) == {"load": ("parameter `wanted` changed",)}


def test_its_code_is_told_from_that_of_what_is_upstream(place: Place) -> None:
    place.run(daily())
    assert found(place, daily(clean=other_clean)) == {"clean": ("its code changed",)}
    assert found(place, daily(load=other_load)) == {"clean": ("upstream `load` changed",)}


def test_all_that_changed_is_named(place: Place) -> None:
    place.run(daily())
    assert found(place, daily(load=other_load, clean=other_clean), day=3) == {
        "clean": ("its code changed", "parameter `day` changed", "upstream `load` changed")
    }


def test_what_the_flow_itself_gives_counts(place: Place) -> None:
    place.run(daily(factor=2))
    assert found(place, daily(factor=3)) == {"clean": ("its arguments in the flow changed",)}


def test_what_comes_from_elsewhere_now_has_changed_upstream(place: Place) -> None:
    place.run(daily())
    with Flow("daily") as rewired:
        load(Parameter("day", default=1))
        report(clean(load(1, task_args={"name": "fetch"})), Parameter("hour", default=12))
    assert found(place, rewired) == {"clean": ("what is upstream of it changed",)}


def test_what_only_carries_values_is_not_named(place: Place) -> None:
    def of_list(last: int) -> Flow:
        with Flow("listed") as made:
            report(report([load(1), last], task_args={"name": "inner"}))
        return made

    place.run(of_list(2))
    assert found(place, of_list(3)) == {"inner": ("what is upstream of it changed",)}


def test_what_the_earlier_run_had_taken_itself_is_compared_with_where_that_was_made(place: Place) -> None:
    place.run(daily(), day=1)
    place.run(daily(), day=2, select="clean")
    assert found(place, daily(), day=2) == {"clean": ("parameter `day` changed",)}
    assert found(place, daily(), day=1) == {}


def test_of_a_secret_it_is_said_that_it_changed_and_nothing_more(place: Place) -> None:
    with Flow("closed") as closed:
        report(load(Parameter("day", secret=True)))
    place.run(closed, day=1)
    assert found(place, closed, day=1) == {}
    assert found(place, closed, day=2) == {"load": ("parameter `day` changed",)}


def test_a_long_chain_is_followed_to_its_beginning(place: Place) -> None:
    with Flow("long") as long:
        number = load(Parameter("day", default=1))
        for _ in range(1500):
            number = clean(number)
        report(number)
    place.run(long)
    [reasons] = found(place, long, day=2).values()
    assert reasons == ("parameter `day` changed",)


def test_one_line_says_all_that_is_taken_for_one_reason_from_one_run() -> None:
    day, code = ("parameter `day` changed",), ("its code changed", "upstream `load` changed")
    reasons = {"a": day, "b": day, "c": code, "d": day, "e": day, "f": day}
    assert said(reasons, {**dict.fromkeys("abcde", 1), "f": 2}) == (
        "taken, but not as this run would make it: a, b, d and 1 more from run 1 (parameter `day` changed); "
        "c from run 1 (its code changed, upstream `load` changed); f from run 2 (parameter `day` changed)"
    )


def test_many_reasons_are_counted_in_the_end() -> None:
    reasons = {str(number): (f"upstream `{number}` changed",) for number in range(9)}
    assert said(reasons, dict.fromkeys(reasons, 7)).endswith(
        "2 from run 7 (upstream `2` changed); and 6 more"
    )
