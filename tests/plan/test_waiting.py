"""Loops, pauses and proposals change nothing about how tasks end; what is held waits for who lets it on."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from play import Mark, Play, told
from reference import Attempt, Scenario
from scenarios import scenarios

from flowkit import Flow, task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Call, Detail, Iteration, Row
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan
from flowkit.plan.status import (
    CANCELLED,
    FAILED,
    LOOPED,
    MAPPED,
    PAUSED,
    RETRYING,
    SKIPPED,
    SUCCESS,
    TRIGGER_FAILED,
)
from flowkit.plan.waiting import mark_of


def examples(number: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many scenarios."""
    return settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))


MOST = 2  # detours an attempt may take


def handling(seed: int) -> Callable[[Plan], Machine]:
    """A machine that proposes what it decides about some nodes."""
    chance = random.Random(seed)
    return lambda plan: Machine(
        plan, handled=frozenset(node for node in range(plan.size) if chance.random() < 0.6)
    )


class Detouring(Play):
    """A play whose attempts loop, and are paused, before they do what the scenario says."""

    def __init__(self, scenario: Scenario, seed: int, workers: int) -> None:
        super().__init__(handling(seed), scenario, random.Random(seed), workers)
        self.detours: dict[Mark, int] = {}

    def attempt(self, call: Call) -> Attempt:
        return self.node(call).attempt(max(call[1], 0), call[2] - self.detours.get(call[:2], 0))

    def take(self) -> None:
        lane = self.chance.choice(self.ready_lanes())
        proposed = dict(self.machine.proposed)
        call = self.machine.take(lane, self.now)
        assert call is not None
        mark = mark_of(*call[:2])
        if mark not in proposed:
            self.took(lane, call)
            return
        row = (*call, proposed[mark][0], self.now, self.now, None, None)
        assert self.machine.done(row), "the answer to a proposal is taken"
        assert not self.machine.done(row), "it is taken once"

    def answer(self) -> None:
        call = self.chance.choice([call for call in self.out if self.attempt(call).kind != "timeout"])
        mark = call[:2]
        taken = self.detours.get(mark, 0)
        if taken >= MOST or self.chance.random() < 0.5:
            self.done(call)
            return
        is_first = call[2] == taken + 1  # a loop forgives the failures before it
        status = self.chance.choice([LOOPED, PAUSED] if is_first else [PAUSED])
        wait = self.chance.choice([None, 0.0, 5.0])
        detail = Detail(iteration=Iteration(taken + 1)) if status == LOOPED else Detail(retry_in=wait)
        row = (*call, status, self.out.pop(call), self.now, "worker", detail)
        self.detours[mark] = taken + 1
        assert self.machine.done(row)
        if status == PAUSED and wait is not None:
            self.not_before[mark] = self.now + wait
        self.answered.append(row)

    def step(self) -> None:
        if self.machine.held and (self.machine.rests or self.chance.random() < 0.3):
            self.machine.resume([self.chance.choice(list(self.machine.held))])
            self.look()
        else:
            super().step()

    def finish(self) -> dict[str, tuple[str, int]]:
        self.machine.patient = True
        return super().finish()

    def told(self) -> dict[str, tuple[str, int]]:
        found = {}
        for mark, (state, attempts) in self.ended.items():
            found[self.plan.key(*mark)] = (state, max(0, attempts - self.detours.get(mark, 0)))
        return found


@examples(300)
@given(scenarios(), st.integers(0, 10_000), st.integers(1, 4))
def test_everything_ends_as_the_rules_say_whatever_loops_pauses_and_is_proposed(
    scenario: Scenario, order: int, workers: int
) -> None:
    play = Detouring(scenario, order, workers)
    play.start()
    assert play.finish() == told(scenario)


@examples(150)
@given(scenarios(), st.integers(0, 10_000), st.integers(1, 4))
def test_what_is_stopped_ends_though_things_are_held_or_proposed(
    scenario: Scenario, order: int, workers: int
) -> None:
    play = Detouring(scenario, order, workers)
    play.machine.patient = True
    play.start()
    for _ in range(play.chance.randrange(15)):
        if not play.machine.over:
            play.step()
    play.machine.cancel(play.now)
    play.machine.abandon(play.now)
    play.look()
    assert play.machine.over
    assert not play.machine.held and not play.machine.proposed
    assert {node.name for node in scenario} <= play.told().keys()


# -- by hand ----------------------------------------------------------------------------------


@task
def one() -> int:
    return 1


@task
def inc(value: int) -> int:
    return value + 1


def begun(flow: Flow, **options: object) -> Machine:
    machine = Machine(compile_flow(flow), **options)  # type: ignore[arg-type]
    machine.start(0.0)
    machine.check()
    return machine


def ended(machine: Machine, status: int, detail: Detail | None = None, now: float = 1.0) -> Row:
    """Take the next call and have it end so."""
    call = machine.take(0, now)
    assert call is not None
    row = (*call, status, now, now, "worker", detail)
    assert machine.done(row)
    machine.check()
    return row


def chain(**options: object) -> Flow:
    with Flow("chain") as flow:
        inc.copy(**options)(one.copy(**options)())
    return flow


def test_a_run_rests_where_all_that_is_left_is_held_and_is_over_unless_somebody_will_be_asked() -> None:
    machine = begun(chain())
    machine.patient = True
    ended(machine, PAUSED, Detail())
    assert machine.rests and not machine.over and machine.held == {0: PAUSED}
    machine.patient = False
    assert machine.over
    machine.resume([0])
    machine.check()
    assert not machine.over and machine.was_let_on(0, -1)
    assert ended(machine, SUCCESS)[2] == 2
    ended(machine, SUCCESS)
    assert machine.over


def test_a_pause_with_a_time_goes_on_by_itself() -> None:
    machine = begun(chain())
    ended(machine, PAUSED, Detail(retry_in=5.0))
    assert machine.next_deadline == 6.0 and not machine.over and not machine.was_let_on(0, -1)
    machine.expire(6.0)
    assert machine.take(0, 6.0) == (0, -1, 2)


def test_each_iteration_has_all_its_retries() -> None:
    machine = begun(chain(max_retries=1, retry_delay=0))
    for _ in range(3):
        ended(machine, FAILED, Detail(retry_in=0.0))
        machine.expire(1.0)
        ended(machine, LOOPED, Detail(iteration=Iteration(1)))
    ended(machine, FAILED, Detail(retry_in=0.0))
    machine.expire(1.0)
    ended(machine, FAILED, Detail(retry_in=0.0))
    assert machine.status[0] == FAILED


def test_in_one_pass_nothing_is_tried_again() -> None:
    machine = begun(chain(max_retries=1, retry_delay=0), one_pass=True)
    ended(machine, FAILED, Detail(retry_in=0.0))
    assert machine.over and machine.held == {0: RETRYING} and machine.next_deadline is None


def test_who_is_asked_may_have_it_end_otherwise() -> None:
    machine = begun(chain(), handled=frozenset([1]))
    ended(machine, FAILED)
    assert machine.proposed[1][0] == TRIGGER_FAILED and not machine.over
    ended(machine, SUCCESS, Detail())
    assert machine.over and machine.status[1] == SUCCESS


def test_a_proposal_that_is_agreed_to_has_no_attempt() -> None:
    machine = begun(chain(), handled=frozenset([1]))
    ended(machine, SKIPPED)
    machine.events.clear()
    ended(machine, SKIPPED)
    assert [(row[0], row[2], row[3]) for row in machine.events] == [(1, 0, SKIPPED)]
    assert machine.reasons[1] == "An upstream was skipped."


def test_a_mapped_task_expands_when_that_is_agreed_to() -> None:
    with Flow("map") as flow:
        inc.map([1, 2])
    machine = begun(flow, handled=frozenset([1]))
    ended(machine, SUCCESS, Detail(length=2))
    assert 1 not in machine.groups
    call = machine.take(0, 1.0)
    assert call is not None
    assert machine.done((*call, 4, 1.0, 1.0, None, None))
    machine.check()
    ended(machine, SUCCESS)
    ended(machine, SUCCESS)
    assert machine.over and machine.status[1] == MAPPED


def test_a_task_that_only_people_start_waits_for_them() -> None:
    with Flow("manual") as flow:
        inc.copy(trigger="manual_only")(one())
    machine = begun(flow)
    ended(machine, SUCCESS)
    assert machine.held == {1: PAUSED} and machine.over
    machine.resume([1])
    ended(machine, SUCCESS)
    assert machine.over and machine.status[1] == SUCCESS


def test_one_that_was_let_on_in_an_earlier_session_is_not_held_again() -> None:
    with Flow("manual") as flow:
        inc.copy(trigger="manual_only")(one())
    machine = Machine(compile_flow(flow))
    machine.let_on(1, -1)
    machine.start(0.0)
    ended(machine, SUCCESS)
    assert not machine.held
    assert machine.take(0, 1.0) == (1, -1, 1)


@pytest.mark.parametrize("status", [LOOPED, PAUSED])
def test_what_would_go_on_is_cancelled_where_the_run_stops(status: int) -> None:
    machine = begun(chain())
    call = machine.take(0, 0.0)
    assert call is not None
    machine.cancel(0.0)
    machine.done((*call, status, 0.0, 1.0, "worker", Detail(iteration=Iteration(1), retry_in=1.0)))
    machine.check()
    assert machine.over and machine.status[0] == CANCELLED and not machine.held


def test_a_time_limit_may_be_counted_from_later_on() -> None:
    """As for a call that waits where it was sent to."""
    with Flow("sent") as flow:
        task(lambda: None, name="slow", timeout=1.0)()
    machine = Machine(compile_flow(flow))
    machine.start(0.0)
    call = machine.take(0, 0.0)
    assert call is not None
    machine.limit(call, float("inf"))
    assert machine.expire(5.0) == []
    machine.limit(call, 7.0)
    assert machine.next_deadline == 7.0
    assert machine.expire(6.9) == []
    assert machine.expire(7.0) == [call]


def test_what_waits_for_another_attempt_when_the_run_stops_says_for_which() -> None:
    with Flow("retried") as flow:
        inc.copy(max_retries=4, retry_delay=3)(one())
    machine = begun(flow)
    ended(machine, SUCCESS)
    for attempt in (1, 2):
        call = machine.take(0, float(attempt * 10))
        assert call == (1, -1, attempt)
        now = float(attempt * 10 + 1)
        machine.done((*call, FAILED, now, now, "worker", Detail(retry_in=3.0)))
        if attempt == 1:
            machine.expire(now + 3)
    machine.cancel(25.0)
    assert machine.over and machine.status[1] == CANCELLED
    assert machine.reasons[1] == "It was stopped while waiting for attempt 3 of 5."
