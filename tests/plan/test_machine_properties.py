"""What the machine promises: the rules of docs/semantics.md, in any order, and nothing twice."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from play import Play, ends_as_the_rules_say, resumes_from_what_succeeded, stops_when_cancelled, told
from reference import Attempt, Edge, Gate, Node, Scenario, Trigger, evaluate, run_state
from scenarios import FAIL, REFUSE, RETRY, SKIP, TIMEOUT, Incomparable, Scripted, scenarios

from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail, Row
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan
from flowkit.plan.status import CANCELLED, FAILED, SKIPPED, SUCCESS, TRIGGER_FAILED

ONE = Attempt("value", 1)
orders = st.integers(0, 10_000)
workers = st.integers(1, 4)


def examples(count: int) -> settings:
    """So many, on a machine of any speed."""
    return settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow])


# -- any scenario, in any order ---------------------------------------------------------------


@examples(250)
@given(scenarios(), orders, workers)
def test_everything_ends_as_the_rules_say_in_any_order(scenario: Scenario, order: int, workers: int) -> None:
    ends_as_the_rules_say(Machine, scenario, order, workers)


@examples(150)
@given(scenarios(), orders, workers)
def test_a_cancelled_run_ends_and_starts_nothing_more(scenario: Scenario, order: int, workers: int) -> None:
    stops_when_cancelled(Machine, scenario, order, workers)


@examples(150)
@given(scenarios(), orders, workers)
def test_what_is_given_is_not_run_and_changes_no_other_end(
    scenario: Scenario, order: int, workers: int
) -> None:
    resumes_from_what_succeeded(Machine, scenario, order, workers)


def test_what_was_looked_at_is_put_back_only_where_it_still_waits() -> None:
    play = Play(Machine, [node("one", ONE), node("two", ONE)], random.Random(1), workers=2)
    play.start()
    machine = play.machine
    calls = machine.take_to_look(0, {0, 1}, 9)
    assert (len(calls), machine.running, machine.ready(0)) == (2, 2, 0)
    machine.cancel(101.0)
    machine.put_back(calls[0], 101.0)
    assert not machine.over
    assert machine.abandon(102.0) == [calls[1]]
    machine.put_back(calls[1], 103.0)
    machine.check()
    assert machine.over
    assert [row[3] for row in machine.events] == [CANCELLED, CANCELLED]


def mapped_and_taken(children: int) -> tuple[Machine, list[Row]]:
    """A machine of a mapped task whose children were taken together, and the rows of their success."""
    with Flow("mapped") as flow:
        task(lambda number: number).map(list(range(children)))
    machine = Machine(compile_flow(flow))
    machine.start(100.0)
    source = machine.take(0, 100.0)
    assert source is not None
    assert machine.done((*source, SUCCESS, 100.0, 100.0, "worker", Detail(length=children)))
    (node,) = machine.queued()
    calls = machine.take_many(0, {node}, children)
    return machine, [(*call, SUCCESS, 101.0, 102.0, "worker", None) for call in calls]


def test_ends_that_are_taken_together_mean_what_each_of_them_means() -> None:
    together, rows = mapped_and_taken(4)
    alone, _ = mapped_and_taken(4)
    for part in (rows[:2], rows[2:]):
        assert together.children_done(part)
        assert all(alone.done(row) for row in part)
        together.check()
        assert together.events == alone.events
        assert together.running == alone.running
    assert together.over
    assert alone.over


def test_ends_are_not_taken_together_where_one_of_them_is_more_than_a_success() -> None:
    machine, rows = mapped_and_taken(3)
    before = list(machine.events)
    assert not machine.children_done([rows[0], (*rows[1][:3], FAILED, *rows[1][4:])])
    assert (machine.running, machine.events) == (3, before)
    assert machine.done(rows[0])
    assert not machine.children_done(rows)  # one has ended before
    machine.cancel(103.0)
    assert not machine.children_done(rows[1:])
    machine.check()


def value(result: Any) -> Attempt:
    return Attempt("value", result)


def node(name: str, *attempts: Attempt, **more: Any) -> Node:
    """A task that does the same in each child."""
    return Node(name, (attempts or (ONE,),), **more)


def mapped(name: str, *children: Attempt, **more: Any) -> Node:
    """A mapped task, with what each child does."""
    return Node(name, tuple((attempt,) for attempt in children or (ONE,)), **more)


def after(*upstreams: int) -> tuple[Edge, ...]:
    return tuple(Edge(upstream) for upstream in upstreams)


def over(*upstreams: int) -> tuple[Edge, ...]:
    return tuple(Edge(upstream, mapped=True) for upstream in upstreams)


def flat(*upstreams: int) -> tuple[Edge, ...]:
    return tuple(Edge(upstream, mapped=True, flattened=True) for upstream in upstreams)


def states(*nodes: Node) -> dict[str, str]:
    """How each task and child ends, where the reference and the machine agree in several orders."""
    for seed in range(3):
        ends_as_the_rules_say(Machine, nodes, seed, workers=seed + 1)
    return {key: state for key, (state, _) in told(nodes).items()}


THREE = node("a", value([0, 1, 2]))
ALWAYS = {"trigger": Trigger("always_run"), "skip_on_upstream_skip": False}


# -- a plain task -----------------------------------------------------------------------------


def test_an_upstream_counts_once_however_many_edges_it_has() -> None:
    twice = Trigger("some_successful", at_most=1)
    assert states(node("a"), node("b", edges=after(0, 0), trigger=twice))["b"] == "Success"


def test_the_condition_of_a_gate_is_not_an_upstream() -> None:
    gated = node("c", edges=after(1), gates=(Gate(0, 1),), trigger=Trigger("all_failed"))
    assert states(node("a"), node("b", FAIL), gated)["c"] == "Success"


def test_a_shut_gate_skips_whatever_the_trigger_and_the_options_say() -> None:
    assert states(node("a"), node("b", gates=(Gate(0, 2),), **ALWAYS))["b"] == "Skipped"


def test_a_shut_gate_outranks_a_bad_condition_and_a_bad_upstream() -> None:
    gated = node("c", edges=after(1), gates=(Gate(0, 2), Gate(1, 1)))
    assert states(node("a"), node("b", FAIL), gated)["c"] == "Skipped"


@pytest.mark.parametrize("condition", [FAIL, TIMEOUT, value(Incomparable())])
def test_a_gate_whose_condition_is_bad_or_cannot_be_compared_is_a_failed_trigger(condition: Attempt) -> None:
    assert states(node("a", condition), node("b", gates=(Gate(0, 1),), **ALWAYS))["b"] == "TriggerFailed"


def test_a_bad_condition_outranks_one_that_was_skipped() -> None:
    gated = node("c", gates=(Gate(0, 1), Gate(1, 1)))
    assert states(node("a", SKIP), node("b", FAIL), gated)["c"] == "TriggerFailed"


def test_a_gate_whose_condition_was_skipped_skips() -> None:
    assert states(node("a", SKIP), node("b", gates=(Gate(0, 1),), **ALWAYS))["b"] == "Skipped"


def test_a_skip_is_passed_on() -> None:
    assert states(node("a", SKIP), node("b"), node("c", edges=after(0, 1)))["c"] == "Skipped"


def test_a_failure_outranks_a_skip() -> None:
    assert states(node("a", SKIP), node("b", FAIL), node("c", edges=after(0, 1)))["c"] == "TriggerFailed"


def test_without_skip_on_upstream_skip_a_skip_counts_as_a_success() -> None:
    assert states(node("a", SKIP), node("b", edges=after(0), skip_on_upstream_skip=False))["b"] == "Success"


S, F, K = ONE, FAIL, SKIP


@pytest.mark.parametrize(
    ("trigger", "upstreams", "state"),
    [
        (Trigger("all_successful"), [], "Success"),
        (Trigger("all_successful"), [S, K], "Success"),
        (Trigger("all_successful"), [S, F], "TriggerFailed"),
        (Trigger("all_failed"), [], "Success"),
        (Trigger("all_failed"), [F, TIMEOUT], "Success"),
        (Trigger("all_failed"), [F, K], "TriggerFailed"),
        (Trigger("any_successful"), [], "Success"),
        (Trigger("any_successful"), [F, K], "Success"),
        (Trigger("any_successful"), [F, F], "TriggerFailed"),
        (Trigger("any_failed"), [], "Success"),
        (Trigger("any_failed"), [S, F], "Success"),
        (Trigger("any_failed"), [S, K], "TriggerFailed"),
        (Trigger("all_finished"), [F, K, S], "Success"),
        (Trigger("always_run"), [F, F], "Success"),
        (Trigger("some_successful", 1, 2), [S, K, F], "Success"),
        (Trigger("some_successful", 1, 2), [S, S, S], "TriggerFailed"),
        (Trigger("some_successful", 0.5), [S, F], "Success"),
        (Trigger("some_successful", 0.5), [S, F, F], "TriggerFailed"),
        (Trigger("some_successful", 2), [], "Success"),
        (Trigger("some_failed", 1, 2), [F, F, S], "Success"),
        (Trigger("some_failed", 1, 2), [S, K], "TriggerFailed"),
        (Trigger("some_failed", None, 0.5), [F, F, S], "TriggerFailed"),
        (Trigger("some_failed", 2), [], "Success"),
        (Trigger("not_all_skipped"), [], "Skipped"),
        (Trigger("not_all_skipped"), [S, K], "Success"),
        (Trigger("not_all_skipped"), [K, K], "Skipped"),
        (Trigger("not_all_skipped"), [K, F], "TriggerFailed"),
    ],
)
def test_a_trigger_decides_by_the_states_of_the_upstreams(
    trigger: Trigger, upstreams: list[Attempt], state: str
) -> None:
    nodes = [node(f"up{number}", attempt) for number, attempt in enumerate(upstreams)]
    judged = node("end", edges=after(*range(len(nodes))), trigger=trigger, skip_on_upstream_skip=False)
    assert states(*nodes, judged)["end"] == state


def test_a_trigger_that_is_a_function_is_asked_whatever_the_upstreams_ended_as() -> None:
    asked = Trigger("function")
    found = states(
        node("a", FAIL),
        node("b", ONE, edges=after(0), trigger=asked),
        node("c", REFUSE, edges=after(0), trigger=asked, max_retries=1),
        node("d", SKIP, edges=after(0), trigger=asked),
    )
    assert list(found.values()) == ["Failed", "Success", "TriggerFailed", "Skipped"]


@pytest.mark.parametrize(
    ("attempts", "max_retries", "ending"),
    [
        ([FAIL], 0, ("Failed", 1)),
        ([FAIL, ONE], 0, ("Failed", 1)),
        ([FAIL, ONE], 1, ("Success", 2)),
        ([TIMEOUT, FAIL, ONE], 1, ("Failed", 2)),
        ([FAIL, TIMEOUT], 1, ("TimedOut", 2)),
        ([FAIL, SKIP], 2, ("Skipped", 2)),
        ([FAIL, FAIL, FAIL, ONE], 2, ("Failed", 3)),
        ([RETRY, RETRY, ONE], 0, ("Success", 3)),
        ([RETRY, FAIL, ONE], 1, ("Failed", 2)),
        ([RETRY, FAIL, ONE], 2, ("Success", 3)),
    ],
)
def test_attempts_follow_each_other_while_the_policy_allows(
    attempts: list[Attempt], max_retries: int, ending: tuple[str, int]
) -> None:
    nodes = [node("a", *attempts, max_retries=max_retries)]
    states(*nodes)
    assert told(nodes)["a"] == ending


# -- a mapped task ----------------------------------------------------------------------------


def test_a_shut_gate_skips_a_mapped_task_as_a_whole() -> None:
    found = states(THREE, node("b", edges=over(0), gates=(Gate(0, 5),), **ALWAYS))
    assert found == {"a": "Success", "b": "Skipped"}


@pytest.mark.parametrize("edges", [over(0), flat(0), over(0) + after(1)])
def test_nothing_can_be_mapped_over_a_task_that_ended_bad(edges: tuple[Edge, ...]) -> None:
    found = states(node("a", FAIL), node("b", SKIP), node("c", edges=edges, **ALWAYS))
    assert found["c"] == "Failed"


def test_a_mapped_task_that_did_not_expand_and_is_bad_cannot_be_mapped_over() -> None:
    found = states(node("a", FAIL), node("b", edges=over(0)), node("c", edges=over(1), **ALWAYS))
    assert found["c"] == "Failed"


@pytest.mark.parametrize("edges", [over(0), flat(0), over(1) + after(0)])
def test_a_skipped_upstream_skips_a_mapped_task_as_a_whole(edges: tuple[Edge, ...]) -> None:
    found = states(node("a", SKIP), node("b", value([1, 2])), node("c", edges=edges))
    assert found["c"] == "Skipped"
    assert "c[0]" not in found


def test_a_skipped_child_of_what_is_passed_whole_skips_a_mapped_task_as_a_whole() -> None:
    found = states(THREE, mapped("b", SKIP, ONE, edges=over(0)), node("c", edges=over(0) + after(1)))
    assert found["c"] == "Skipped"


def test_a_mapped_task_that_was_skipped_as_a_whole_skips_what_is_mapped_over_it() -> None:
    assert states(node("a", SKIP), node("b", edges=over(0)), node("c", edges=over(1)))["c"] == "Skipped"


def test_a_failure_beside_the_skip_leaves_the_decision_to_the_children() -> None:
    found = states(THREE, node("b", SKIP), node("c", FAIL), node("d", edges=over(0) + after(1, 2)))
    assert found["d"] == "Mapped"
    assert found["d[2]"] == "TriggerFailed"


@pytest.mark.parametrize("given", [SKIP, value(None), value({"a": 1}), value(3)])
def test_what_has_no_elements_cannot_be_mapped_over(given: Attempt) -> None:
    assert states(node("a", given), node("b", edges=over(0), **ALWAYS))["b"] == "Failed"
    assert states(node("a", given), node("b", edges=flat(0), **ALWAYS))["b"] == "Failed"


def test_it_expands_into_as_many_children_as_the_shortest() -> None:
    found = states(
        THREE,
        node("b", value([[1], [2, 3], [4], [5, 6]])),
        node("c", value([1, 2])),
        node("d", edges=over(0)),
        node("e", edges=flat(1) + over(3)),
        node("f", edges=over(4, 2)),
        node("g", edges=flat(1)),
    )
    assert [sum(key.startswith(f"{name}[") for key in found) for name in "defg"] == [3, 3, 2, 6]


def test_nothing_to_map_over_is_a_success_and_nothing_for_a_trigger_to_see() -> None:
    found = states(
        node("a", value([])),
        node("b", edges=over(0)),
        node("c", edges=over(1)),
        node("d", edges=after(2), trigger=Trigger("all_failed")),
    )
    assert found == {"a": "Success", "b": "Mapped", "c": "Mapped", "d": "Success"}


def test_each_child_follows_its_own_and_the_whole_is_a_success_whatever_they_ended_as() -> None:
    found = states(THREE, mapped("b", ONE, FAIL, SKIP, edges=over(0)), node("c", edges=over(1)))
    assert [found[f"c[{i}]"] for i in range(3)] == ["Success", "TriggerFailed", "Skipped"]
    assert found["c"] == "Mapped"


def test_a_mapped_gate_decides_each_child() -> None:
    condition = mapped("b", value(0), value(1), FAIL, SKIP, edges=over(0))
    gated = node("c", edges=over(0), gates=(Gate(1, 1, mapped=True),), **ALWAYS)
    found = states(node("a", value([0, 1, 2, 3])), condition, gated)
    assert [found[f"c[{i}]"] for i in range(4)] == ["Skipped", "Success", "TriggerFailed", "Skipped"]


def test_a_mapped_gate_whose_condition_is_also_passed_whole_waits_for_all_of_it() -> None:
    condition = mapped("b", ONE, FAIL, ONE, edges=over(0))
    gated = node("c", edges=over(0) + after(1), gates=(Gate(1, 1, mapped=True),))
    assert states(THREE, condition, gated)["c[0]"] == "TriggerFailed"


def test_the_condition_of_a_mapped_gate_counts_for_the_width_too() -> None:
    found = states(
        THREE,
        node("b", value([1, 1])),
        node("c", edges=over(1)),
        node("d", edges=over(0), gates=(Gate(2, 1, mapped=True),)),
    )
    assert [key for key in found if key.startswith("d[")] == ["d[0]", "d[1]"]


def test_a_flattened_element_counts_as_the_child_that_it_came_from() -> None:
    makes = mapped("b", value([1, 2]), FAIL, SKIP, value([]), value(7), edges=over(0))
    found = states(node("a", value([0] * 5)), makes, node("c", edges=flat(1)))
    ends = [found[f"c[{i}]"] for i in range(5)]
    assert ends == ["Success", "Success", "TriggerFailed", "Skipped", "Success"]


def test_a_child_sees_all_children_of_what_is_passed_whole() -> None:
    two_of_four = Trigger("some_failed", 2, 2)
    whole = mapped("b", ONE, FAIL, FAIL, edges=over(0))
    found = states(THREE, whole, node("c", edges=over(0) + after(1), trigger=two_of_four))
    assert found["c[0]"] == "Success"


@pytest.mark.parametrize(
    ("children", "state"),
    [((ONE, ONE), "Success"), ((ONE, SKIP), "Skipped"), ((FAIL, SKIP), "TriggerFailed")],
)
def test_what_comes_after_sees_the_children(children: tuple[Attempt, ...], state: str) -> None:
    found = states(node("a", value([0, 1])), mapped("b", *children, edges=over(0)), node("c", edges=after(1)))
    assert found["c"] == state


# -- a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "state"),
    [
        ([node("a", FAIL), node("b", edges=after(0), trigger=Trigger("always_run"))], "Success"),
        ([node("a", FAIL), node("b", SKIP)], "Failed"),
        ([node("a", SKIP)], "Success"),
        ([THREE, mapped("b", ONE, FAIL, edges=over(0))], "Failed"),
        ([node("a", FAIL), node("b", gates=(Gate(0, 1),))], "Failed"),
    ],
)
def test_the_tasks_that_nothing_comes_after_decide_the_run(nodes: list[Node], state: str) -> None:
    states(*nodes)
    assert run_state(nodes, evaluate(nodes)) == state


def test_after_a_failure_for_good_a_run_that_fails_fast_starts_nothing_more() -> None:
    nodes = [node("a", FAIL, FAIL, max_retries=1), node("b"), node("c", edges=after(1))]
    play = Play(partial(Machine, fail_fast=True), nodes, random.Random(0), workers=1)
    play.start()
    while ("Failed", 2) not in play.told().values():
        play.step()
    assert play.told()["a"] == ("Failed", 2)
    play.stop()
    assert play.machine.over


# -- size -------------------------------------------------------------------------------------

LENGTH = 100_000


@pytest.fixture(scope="module")
def long_chain() -> Plan:
    flow = Flow("chain")
    flow.chain(*(Scripted("link") for _ in range(LENGTH)))
    return compile_flow(flow)


@pytest.mark.parametrize(("first", "others"), [(SKIPPED, SKIPPED), (FAILED, TRIGGER_FAILED)])
def test_a_long_chain_ends_with_its_first_task_and_without_recursion(
    long_chain: Plan, first: int, others: int
) -> None:
    machine = Machine(long_chain)
    machine.start(0.0)
    call = machine.take(0, 0.0)
    assert call is not None
    machine.done((*call, first, 0.0, 0.0, None, None))
    assert machine.over
    assert sorted(machine.status) == sorted([first] + [others] * (LENGTH - 1))


def test_a_long_chain_of_mapped_tasks_ends_child_by_child_and_without_recursion() -> None:
    links = [mapped(f"link{number}", SKIP, FAIL, edges=over(number)) for number in range(3_000)]
    play = Play(Machine, [node("a", value([0, 1])), *links], random.Random(0), workers=2, checked=False)
    play.start()
    found = play.finish()
    assert found["link2999[0]"] == ("Skipped", 0)
    assert found["link2999[1]"] == ("TriggerFailed", 0)
