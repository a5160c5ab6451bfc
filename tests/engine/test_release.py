"""Values that nobody needs any more are let go, are found again where somebody asks, and are never missed."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from fake_store import Pickled, Store

from flowkit import Flow, case, flatten, merge, task, unmapped
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.outcome import Outcome
from flowkit.engine.release import GONE, Release
from flowkit.plan.compiler import compile_flow


class Big:
    """A value that is counted while it is alive.

    Attributes:
        most: how many there were at once.
    """

    alive: ClassVar[int] = 0
    most: ClassVar[int] = 0
    guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, content: Any) -> None:
        self.content = content
        with Big.guard:
            Big.alive += 1
            Big.most = max(Big.most, Big.alive)

    def __del__(self) -> None:
        with Big.guard:
            Big.alive -= 1

    def __reduce__(self) -> Any:
        return Big, (self.content,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Big) and other.content == self.content

    def __hash__(self) -> int:
        return hash(repr(self.content))

    def __repr__(self) -> str:
        return f"Big({self.content!r})"


@pytest.fixture(autouse=True)
def none_alive() -> None:
    gc.collect()
    Big.alive = Big.most = 0


def content(value: Any) -> Any:
    """What is in a value, all the way down; fails where a value is missing."""
    assert value is not GONE, "a task was given what stands for a value"
    if isinstance(value, Big):
        return value.content
    if isinstance(value, list | tuple):
        return [content(each) for each in value]
    return value


@task
def on(value: Any) -> Big:
    return Big(("on", content(value)))


@task
def several(value: Any, count: int) -> list[Big]:
    return [Big((content(value), number)) for number in range(count)]


@task
def joined(values: Any) -> Big:
    return Big(("joined", content(values)))


@task(trigger=lambda states: all(content(state.result) is not None for state in states.values()))
def checked(value: Any) -> Big:
    return Big(("checked", content(value)))


@task
def number_of(value: Any) -> int:
    content(value)
    return 7


@task
def start(number: int) -> Big:
    return Big(number)


def carried_out(flow: Flow, store: Store | None, executor: Any = None) -> Outcome:
    used = executor or LocalExecutor()
    plan = compile_flow(flow, lane=used.name)
    return Engine(plan, [used], ledger=store, results=store, timeout=60.0).run()


def in_step(flow: Flow) -> tuple[Outcome, int]:
    """Run a flow so that before each task all is committed that has ended; and the most values at once."""
    store = Store()
    engine = Engine(
        compile_flow(flow, lane="inline"), [LocalExecutor()], ledger=store, results=store, timeout=60.0
    )
    recorder, execute = engine.recorder, engine.worker.execute
    alive: list[int] = []

    def after_all_before(call: Any, name: str) -> Any:
        recorder._drain()
        alive.append(Big.alive)
        return execute(call, name)

    engine.worker.execute = after_all_before  # type: ignore[method-assign]
    recorder.begin = lambda: None  # type: ignore[method-assign]
    recorder.stop = recorder._drain  # type: ignore[method-assign,assignment]
    return engine.run(), max(alive, default=0)


def value(outcome: Outcome, key: str) -> Any:
    return outcome.states.of(outcome.plan.keys.index(key)).result


LENGTH = 30


def test_of_a_chain_a_few_values_are_alive_at_once() -> None:
    with Flow("chain") as flow:
        last = start(1)
        for _ in range(LENGTH):
            last = on(last)
    outcome, most = in_step(flow)
    assert most <= 4
    gc.collect()
    assert Big.alive <= 2, "what nobody takes is let go too"
    assert value(outcome, "start") == Big(1)
    assert value(outcome, "on") == Big(("on", 1))


def test_children_that_are_followed_one_by_one_go_one_by_one() -> None:
    with Flow("pairs") as flow:
        first = start.map(list(range(LENGTH)))
        number_of.map(on.map(first))
    outcome, most = in_step(flow)
    assert most <= 8
    assert value(outcome, "start") == [Big(number) for number in range(LENGTH)]


def test_what_is_mapped_over_goes_when_its_last_child_has_ended() -> None:
    with Flow("mapped") as flow:
        number_of(number_of.map(several(0, LENGTH)))
    outcome, _ = in_step(flow)
    gc.collect()
    assert Big.alive == 0
    assert len(value(outcome, "several")) == LENGTH


def test_flattened_values_go_too() -> None:
    with Flow("flat") as flow:
        number_of.map(flatten(several.map(list(range(5)), unmapped(4))))
    outcome, _ = in_step(flow)
    gc.collect()
    assert Big.alive == 0
    assert content(value(outcome, "several")[2]) == [(2, number) for number in range(4)]


def test_a_value_that_a_trigger_looks_at_is_there_for_it() -> None:
    with Flow("triggers") as flow:
        first = start(1)
        number_of(first)
        end = on(1)
        for _ in range(5):
            end = on(end)
        checked(first, upstream_tasks=[end])
    outcome, _ = in_step(flow)
    assert value(outcome, "checked") == Big(("checked", 1))


def test_the_side_of_a_case_that_was_not_chosen_holds_nothing() -> None:
    with Flow("gated") as flow:
        data = start(1)
        with case(number_of(data), 7):
            chosen = on(data)
        with case(number_of(data), 8):
            other = on(data)
        both = merge(chosen, other)
        number_of(both)
    outcome, _ = in_step(flow)
    gc.collect()
    assert Big.alive == 0
    assert outcome.state.result[both].result == Big(("on", 1))


def test_what_was_not_committed_is_not_let_go() -> None:
    def breaks(rows: Any) -> None:
        raise OSError("the disk is full")

    with Flow("breaks") as flow:
        number_of(start(1))
    outcome = carried_out(flow, Store(breaks))
    assert value(outcome, "start") == Big(1)


# -- any flow -----------------------------------------------------------------------------------


@st.composite
def flows(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Kinds of tasks, each with the places of two that it takes."""
    kinds = [
        "start",
        "on",
        "on",
        "joined",
        "several",
        "map",
        "map",
        "flat",
        "checked",
        "gate",
        "merge",
        "number",
    ]
    found = [("start", 0, 0), ("several", 0, 0)]
    for place in range(2, draw(st.integers(3, 14))):
        kind = draw(st.sampled_from(kinds))
        found.append((kind, draw(st.integers(0, place - 1)), draw(st.integers(0, place - 1))))
    return found


def built(drawn: list[tuple[str, int, int]]) -> Flow:
    with Flow("drawn") as flow:
        made: list[Any] = []
        lists: set[int] = set()
        for place, (kind, one, two) in enumerate(drawn):
            first, second = (made[one], made[two]) if made else (None, None)
            wide = one if one in lists else min(lists, default=-1)
            if kind == "several":
                made.append(several(first, 3))
                lists.add(place)
            elif kind == "map":
                made.append(on.map(made[wide]))
                lists.add(place)
            elif kind == "flat":
                made.append(on.map(flatten([made[wide], made[wide]])))
                lists.add(place)
            elif kind == "gate":
                with case(number_of(first), 7 if one % 2 else 8):
                    made.append(on(second))
            else:
                made.append(_plain(kind, place, first, second))
    return flow


def _plain(kind: str, place: int, first: Any, second: Any) -> Any:
    match kind:
        case "start":
            return start(place)
        case "joined":
            return joined([first, second])
        case "merge":
            return merge(first, second)
        case _:
            return {"on": on, "checked": checked, "number": number_of}[kind](first)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(drawn=flows(), threads=st.booleans())
def test_a_run_with_a_store_gives_what_one_without_gives(drawn: Any, threads: bool) -> None:
    flow = built(drawn)
    plain = carried_out(flow, None)
    kept = carried_out(flow, Store(plain=frozenset()), ThreadExecutor(3) if threads else None)
    for key in plain.plan.keys:
        one, other = (each.states.of(each.plan.keys.index(key)) for each in (plain, kept))
        assert type(one) is type(other), key
        assert repr(one.result) == repr(other.result), key


def test_workers_look_values_up_while_others_are_let_go() -> None:
    """What a resumed run does whose tasks take thousands of earlier results."""
    with Flow("many") as flow:
        on.map(list(range(3)))
    engine = Engine(compile_flow(flow), [LocalExecutor()])
    releases = [Release(engine, unkept=False) for _ in range(20)]
    now = releases[0]

    def look_up() -> None:
        for number in range(100_000, 200_000):
            now.look_up(0, number)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=look_up)
    thread.start()
    try:
        for now in releases:
            now.hold({(0, number): Pickled(b"") for number in range(2000)})
            now.see([])
    finally:
        thread.join()
        sys.setswitchinterval(before)
