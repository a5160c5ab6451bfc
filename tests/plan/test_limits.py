"""Limits: no more at once than there is of anything, nothing forgotten, and the same ends in any order."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limited_play import LimitedPlay, World, limited
from play import ends_as_the_rules_say, resumes_from_what_succeeded, stops_when_cancelled, told
from reference import Scenario
from scenarios import scenarios

from flowkit import Flow, Task, tags, task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Call
from flowkit.plan.limited import LimitedMachine
from flowkit.plan.limits import Limit, Limits, limits_of
from flowkit.plan.plan import Plan
from flowkit.plan.status import SUCCESS

GIB = 1 << 30
orders = st.integers(0, 10_000)
workers = st.integers(1, 6)


def examples(count: int) -> settings:
    return settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow])


# -- any scenario, in any order ---------------------------------------------------------------


@examples(250)
@given(scenarios(), orders, workers)
def test_everything_ends_as_it_does_without_limits(scenario: Scenario, order: int, workers: int) -> None:
    ends_as_the_rules_say(limited(order), scenario, order, workers, LimitedPlay)


@examples(150)
@given(scenarios(), orders, workers)
def test_a_cancelled_run_ends_whatever_it_waits_for(scenario: Scenario, order: int, workers: int) -> None:
    stops_when_cancelled(limited(order), scenario, order, workers, LimitedPlay)


@examples(100)
@given(scenarios(), orders, workers)
def test_what_is_given_takes_no_slot(scenario: Scenario, order: int, workers: int) -> None:
    resumes_from_what_succeeded(limited(order), scenario, order, workers, LimitedPlay)


@examples(200)
@given(scenarios(), scenarios(), orders, workers)
def test_two_runs_of_a_machine_never_wait_for_each_other(
    one: Scenario, other: Scenario, order: int, workers: int
) -> None:
    chance, world = random.Random(order), World()
    plays = [
        LimitedPlay(limited(order + n), scenario, chance, workers) for n, scenario in enumerate([one, other])
    ]
    for play in plays:
        play.world, play.alone = world, True
        play.start()
    going_on = list(plays)
    while going_on:
        able = [play for play in going_on if play.moves()]
        assert able, "they wait for each other"
        play = chance.choice(able)
        play.step()
        if play.machine.over:
            going_on.remove(play)
            for pool, slots in enumerate(play.limited.granted):
                world.left[pool] += slots
    assert [play.told() for play in plays] == [told(one), told(other)]
    assert world.left == World().left


def test_who_waits_for_a_slot_keeps_none_that_comes_later_in_the_order() -> None:
    """Another run might have the one that is waited for, and wait for the one that is kept."""
    machine = limited_machine(
        [Task("both", limits={"a": 1, "b": 1}), Task("first", limits={"a": 1})],
        {"a": Limit(1, outside=True), "b": Limit(1, outside=True)},
    )
    a, b = pool_numbers(machine, "a", "b")
    assert machine.take(0, 1.0) is None
    assert machine.asking == {a}
    assert machine.grant(a)
    call = machine.take(0, 1.0)  # `both` has its first slot, and `first` takes it before the second comes
    assert call is not None and machine.plan.keys[call[0]] == "first"
    assert machine.asking == {b}
    assert machine.grant(b)
    assert not machine.ready(0)
    assert (machine.returned, machine.granted[b]) == ([b], 0)
    machine.check()


def test_a_slot_that_nobody_waits_for_any_more_is_refused() -> None:
    machine = limited_machine([Task("one", limits={"a": 1})], {"a": Limit(1, outside=True)})
    (a,) = pool_numbers(machine, "a")
    assert machine.take(0, 1.0) is None
    machine.cancel(2.0)
    assert not machine.asking
    assert not machine.grant(a)
    assert machine.over


def test_a_slot_of_the_machine_is_given_back_with_the_end_of_each_attempt() -> None:
    machine = limited_machine([Task("one", limits={"a": 1}).copy() for _ in range(2)], {"a": Limit(1, True)})
    (a,) = pool_numbers(machine, "a")
    for _ in range(2):
        assert machine.take(0, 1.0) is None
        machine.grant(a)
        call = machine.take(0, 1.0)
        assert call is not None
        assert machine.done((*call, SUCCESS, 1.0, 2.0, None, None))
        assert (machine.returned.pop(), machine.returned, machine.granted[a]) == (a, [], 0)
    assert machine.over


def test_many_different_wants_of_one_limit_cost_no_look_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand hosts with a limit of their own, and one of all of them."""
    looks = 0

    def counted(machine: LimitedMachine, kind: int) -> int | None:
        nonlocal looks
        looks += 1
        return lack(machine, kind)

    lack = LimitedMachine._lack
    monkeypatch.setattr(LimitedMachine, "_lack", counted)
    hosts = 1000
    tasks = [
        Task(f"t{number}", limits={"all": 4, f"host {number % hosts}": 1}) for number in range(2 * hosts)
    ]
    machine = limited_machine(tasks, {})
    out: list[Call] = []
    while not machine.over:
        while call := machine.take(0, 1.0):
            out.append(call)
        machine.done((*out.pop(), SUCCESS, 1.0, 2.0, None, None))
    assert looks <= 8 * len(tasks)


def test_what_goes_first_is_brought_back_first_whatever_amount_it_wants() -> None:
    machine = limited_machine(
        [
            Task("all", cpus=2, priority=9),
            Task("late", cpus=1.25, priority=1),
            Task("first", cpus=1.5, priority=3),
            Task("second", cpus=1, priority=2),
        ],
        {},
    )
    assert order_of(machine) == ["all", "first", "second", "late"]


def test_what_comes_later_and_goes_first_overtakes_those_that_wait() -> None:
    """Also where others of its kind wait already, and another kind is between them."""
    with Flow("f") as flow:
        Task("holds", limits={"db": 1}, priority=9)()
        Task("low", limits={"db": 1}, priority=1)()
        Task("middle", limits={"db": 1, "other": 1}, priority=2)()
        Task("high", limits={"db": 1}, priority=3)(upstream_tasks=[Task("before", priority=8)()])
    machine = machine_of(compile_flow(flow), {})
    holds, before = machine.take(0, 1.0), machine.take(0, 1.0)
    assert machine.take(0, 1.0) is None
    assert holds is not None and before is not None
    machine.done((*before, SUCCESS, 1.0, 2.0, None, None))
    assert machine.take(0, 2.0) is None
    machine.done((*holds, SUCCESS, 1.0, 3.0, None, None))
    assert order_of(machine) == ["high", "middle", "low"]


# -- what the limits of a plan are ------------------------------------------------------------


def test_the_smallest_number_that_anybody_says_counts() -> None:
    found = limits_of_tasks(
        [Task("x", limits={"db": 3}), Task("y", limits={"db": 2})], {"db": Limit(4), "unused": Limit(1)}
    )
    assert found is not None
    assert {pool.name: pool.size for pool in found.pools if pool.is_limit} == {"db": 2}


def test_a_limit_of_the_settings_holds_for_tags_and_for_names() -> None:
    with tags("other"):
        tagged = Task("tagged", tags=["db"])
    found = limits_of_tasks([tagged, Task("named", limits={"db": 9}), Task("free")], {"db": Limit(1)})
    assert found is not None
    assert len(found.kind_of) == 2
    assert len(found.kinds) == 1


def test_what_only_carries_values_takes_no_slot() -> None:
    @task
    def add(values: list[int]) -> int:
        return sum(values)

    with Flow("f") as flow, tags("db"):
        add([add([1]), 2])
    plan = compile_flow(flow)
    found = limits_of(plan, {"db": Limit(1)}, 1, GIB)
    assert found is not None
    assert {plan.keys[node] for node in found.kind_of} == {"add", "add-2"}


def test_without_demands_and_tags_there_are_none() -> None:
    assert limits_of_tasks([Task("x", tags=["a"]), Task("y", priority=3, executor="inline")], {}) is None
    assert limits_of_tasks([Task("x", tags=["a"])], {"b": Limit(1)}) is None


def test_a_task_that_wants_more_than_there_is_gets_all_of_it() -> None:
    found = limits_of_tasks([Task("big", cpus=64, memory="64 GiB"), Task("small", memory="1 GiB")], {})
    assert found is not None
    assert sorted(found.kinds) == [((0, 2000), (1, 8 * GIB)), ((1, GIB),)]
    assert list(found.alone.values()) == ["64 processors, and there are 2"]


def test_sizes_that_are_nearly_alike_are_compared_as_one() -> None:
    """A thousand tasks that each say a size of their own are not a thousand kinds."""
    sizes = [GIB + number * 1000 for number in range(1000)]
    found = limits_of_tasks([Task(f"t{size}", memory=size) for size in sizes], {})
    assert found is not None
    assert len(found.kinds) == 2
    for node, size in enumerate(sizes):
        ((_, amount),) = found.kinds[found.kind_of[node]]
        assert size <= amount <= size * 17 / 16


# -- priority ---------------------------------------------------------------------------------


def test_a_higher_priority_goes_first_among_what_is_ready_whatever_follows() -> None:
    @task
    def step(before: object = None) -> int:
        return 1

    with Flow("f") as flow:
        step(step(step(task_args={"name": "long"})))
        step(task_args={"name": "urgent", "priority": 2})
        step(task_args={"name": "urgent too", "priority": 2})
        step(task_args={"name": "late", "priority": -1})
    plan = compile_flow(flow)
    assert [plan.keys[node] for node in range(3)] == ["urgent", "urgent too", "long"]
    assert plan.keys[-1] == "late"


def test_what_waits_goes_on_in_the_order_of_priorities() -> None:
    machine = limited_machine(
        [Task(name, limits={"db": 1}, priority=priority) for name, priority in [("c", 1), ("b", 2), ("a", 3)]]
        + [Task("free", priority=-9)],
        {},
    )
    order = []
    calls = [machine.take(0, 1.0), machine.take(0, 1.0)]
    assert machine.take(0, 1.0) is None
    while calls:
        call = calls.pop(0)
        assert call is not None
        order.append(machine.plan.keys[call[0]])
        machine.done((*call, SUCCESS, 1.0, 2.0, None, None))
        if machine.ready(0):
            calls.append(machine.take(0, 2.0))
    assert order == ["a", "free", "b", "c"]


def order_of(machine: LimitedMachine) -> list[str]:
    """The keys of what is handed out, one after another to a single worker that looks for more each time."""
    found = []
    while call := machine.take(0, 1.0):
        assert machine.take(0, 1.0) is None
        machine.done((*call, SUCCESS, 1.0, 2.0, None, None))
        machine.check()
        found.append(machine.plan.keys[call[0]])
    return found


def limited_machine(tasks: list[Task], declared: dict[str, Limit]) -> LimitedMachine:
    return machine_of(plan_of(tasks), declared)


def machine_of(plan: Plan, declared: dict[str, Limit]) -> LimitedMachine:
    limits = limits_of(plan, declared, 2, 8 * GIB)
    assert limits is not None
    machine = LimitedMachine(plan, limits)
    machine.start(0.0)
    return machine


def limits_of_tasks(tasks: list[Task], declared: dict[str, Limit]) -> Limits | None:
    """Of tasks on a machine with 2 processors and 8 GiB."""
    return limits_of(plan_of(tasks), declared, 2, 8 * GIB)


def plan_of(tasks: list[Task]) -> Plan:
    return compile_flow(Flow("f", tasks=tasks))


def pool_numbers(machine: LimitedMachine, *names: str) -> list[int]:
    numbers = {pool.name: number for number, pool in enumerate(machine.limits.pools)}
    return [numbers[name] for name in names]
