"""What a run that goes on promises: the ends of a run that nothing happened to, and nothing done twice."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from play import PATIENCE, Mark
from reference import Attempt as Does
from reference import Edge, Node, Scenario, evaluate
from scenarios import scenarios
from sessions import History, Session, resumption_of

from flowkit.plan.resumption import EXPANSION, Attempt, Resumption, resumption
from flowkit.plan.status import (
    CANCELLED,
    FAILED,
    MAPPED,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
    WAITING,
)

GOOD = ("Success", "Skipped")
orders = st.integers(0, 10_000)
# `t2` has no children, whatever became of `t1`; but when `t1` is skipped, so is `t2`, and `t3` after it.
CHILDLESS = [
    Node("t0", ((Does("value", []),),)),
    Node("t1", ((Does("fail"),),)),
    Node("t2", edges=(Edge(0, mapped=True), Edge(1, data=False))),
    Node("t3", edges=(Edge(2, mapped=True),)),
]


def examples(count: int) -> settings:
    """So many, on a machine of any speed."""
    return settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow])


def states_of(scenario: Scenario) -> dict[str, str]:
    """How everything ends in a run that nothing happens to."""
    found = {}
    for node, ending in zip(scenario, evaluate(scenario), strict=True):
        found[node.name] = ending.state
        for number, child in enumerate(ending.children or ()):
            found[f"{node.name}[{number}]"] = child.state
    return found


def played(scenario: Scenario, chance: random.Random, deaths: int, unreadable: float = 0.0) -> list[Session]:
    """The sessions of a run that dies so often; the last one comes to the end."""
    sessions: list[Session] = []
    for left in range(deaths, -1, -1):
        sessions.append(begun(scenario, chance, sessions[-1] if sessions else None, unreadable))
        if left:
            goes_on_for(sessions[-1], chance.randrange(25))
    sessions[-1].finish()
    return sessions


def begun(
    scenario: Scenario, chance: random.Random, before: Session | None = None, unreadable: float = 0.0
) -> Session:
    """A session that has started, after others or none."""
    session = Session(scenario, chance, chance.randint(1, 3), before.history if before else History())
    if before is not None:
        session.go_on(before, {mark for mark in session.history.attempts() if chance.random() < unreadable})
    session.start()
    return session


def goes_on_for(session: Session, steps: int) -> None:
    while steps and not session.machine.over:
        session.step()
        steps -= 1


def finished(scenario: Scenario, before: Session | None = None) -> Session:
    """A session that has come to its end, after others or none."""
    session = begun(scenario, random.Random(0), before)
    session.finish()
    return session


def closed(session: Session) -> set[Mark]:
    """What ended well and was made from nothing else than what did."""
    found: set[Mark] = set()
    for place, mine in enumerate(session.scenario):
        node = session.place.index(place)
        sources = [
            (session.place.index(edge.upstream), edge.mapped and not edge.flattened) for edge in mine.edges
        ]
        sources += [(session.place.index(gate.condition), gate.mapped) for gate in mine.gates]
        pairs = set(session.plan.groups[node].pairs) if node in session.plan.groups else set()
        if not all((source, -1) in found for source, _ in sources if source not in pairs):
            continue
        group = session.machine.groups.get(node)
        state = session.ended.get((node, -1), ("", 0))[0]
        if group is None:
            if state in GOOD and all((source, -1) in found for source in pairs):
                found.add((node, -1))
            continue
        children = [
            child for child in range(group.width) if session.ended.get((node, child), ("", 0))[0] in GOOD
        ]
        good = {(node, child) for child in children if all((source, child) in found for source in pairs)}
        found |= good
        # Without children, it is what it follows one by one that it was made from.
        whole = group.width or all((source, -1) in found for source in pairs)
        if state == "Mapped" and whole and len(good) == group.width:
            found.add((node, -1))
    return found


# -- any scenario, dying at any moments ---------------------------------------------------------


@examples(250)
@given(scenarios(), orders, st.integers(1, 3))
def test_a_run_that_goes_on_ends_as_one_that_nothing_happened_to(
    scenario: Scenario, order: int, deaths: int
) -> None:
    last = played(scenario, random.Random(order), deaths)[-1]
    assert {key: state for key, (state, _) in last.told().items()} == states_of(scenario)


@examples(250)
@given(scenarios(), orders, st.integers(1, 3))
def test_whatever_ends_well_was_made_from_the_ends_that_stand(
    scenario: Scenario, order: int, deaths: int
) -> None:
    last = played(scenario, random.Random(order), deaths)[-1]
    for mark, (state, attempt) in last.ended.items():
        if state == "Success":
            assert last.made_from[mark, attempt] == dict(last.inputs(mark)), last.plan.key(*mark)


@examples(200)
@given(scenarios(), orders)
def test_what_ended_well_and_was_made_from_what_did_is_not_run_again(scenario: Scenario, order: int) -> None:
    chance = random.Random(order)
    first, second = played(scenario, chance, 1)
    assert not closed(first) & second.ran


@example(CHILDLESS, 0)
@examples(150)
@given(scenarios(), orders)
def test_a_run_that_goes_on_once_more_runs_only_what_had_failed(scenario: Scenario, order: int) -> None:
    *_, last = played(scenario, random.Random(order), 1)
    standing = resumption_of(last.plan, last.history, last.now, set())
    well = closed(last)
    assert standing.runs == {node for node in range(last.plan.size) if (node, -1) not in well}
    assert not standing.unreadable


@examples(200)
@given(scenarios(), orders, st.sampled_from([0.2, 1.0]))
def test_results_that_are_gone_change_no_end_and_cost_nobody_else_an_attempt(
    scenario: Scenario, order: int, share: float
) -> None:
    first, second = played(scenario, random.Random(order), 1, unreadable=share)
    assert {key: state for key, (state, _) in second.told().items()} == states_of(scenario)
    again = {mark for mark in closed(first) & second.ran if first.ended[mark][0] == "Success"}
    assert {node for node, _ in again} <= second.standing.unreadable
    for mark in again:
        assert serves(second, mark), "it is made again only for somebody who takes it"


@examples(250)
@given(scenarios(), orders, st.data())
def test_a_run_whose_failures_are_mended_ends_as_if_there_had_been_none(
    scenario: Scenario, order: int, data: st.DataObject
) -> None:
    chance = random.Random(order)
    last = None
    for _ in range(data.draw(st.integers(1, 3))):
        last = begun(scenario, chance, last)
        goes_on_for(last, chance.choice([chance.randrange(25), PATIENCE]))
        scenario = [data.draw(mendings(node)) for node in scenario]
    last = begun(scenario, chance, last)
    last.finish()
    assert {key: state for key, (state, _) in last.told().items()} == states_of(scenario)
    standing = resumption_of(last.plan, last.history, last.now, set())
    well = closed(last)
    assert standing.runs == {node for node in range(last.plan.size) if (node, -1) not in well}


@st.composite
def mendings(draw: st.DrawFn, node: Node) -> Node:
    """A node that does something else where it had failed for good."""
    other = st.sampled_from([Does("value", [1, 0]), Does("value", []), Does("value", 1), Does("skip")])
    rows = [
        (draw(other),) if end_of(node, number) not in GOOD and draw(st.booleans()) else row
        for number, row in enumerate(node.behaviour)
    ]
    return replace(node, behaviour=tuple(rows))


def end_of(node: Node, child: int) -> str:
    """How a child ends where it runs."""
    alone = Node("alone", (node.behaviour[child],), max_retries=node.max_retries)
    return evaluate([alone])[0].state


def serves(session: Session, mark: Mark) -> bool:
    """Whether something that runs, or is decided again, depends on a node."""
    node = mark[0]
    after = {*session.plan.successors[node], *session.plan.paired.get(node, ())}
    return bool(after & session.standing.runs)


# -- what has no children ------------------------------------------------------------------------


def test_what_follows_a_mapped_task_without_children_is_decided_with_it_again() -> None:
    first = finished(CHILDLESS)
    assert first.told()["t3"][0] == "Mapped"
    mended = [*CHILDLESS]
    mended[1] = Node("t1", ((Does("skip"),),))
    second = finished(mended, first)
    assert {key: state for key, (state, _) in second.told().items()} == states_of(mended)
    assert second.told()["t3"][0] == "Skipped"


def test_a_mapped_task_that_was_skipped_as_a_whole_stands_whatever_children_it_had_before() -> None:
    scenario = [
        Node("t0", ((Does("value", [1, 0]),),)),
        Node("t1", ((Does("fail"),),)),
        Node("t2", edges=(Edge(0, mapped=True), Edge(1, data=False))),
        Node("t3", edges=(Edge(2, data=False),), skip_on_upstream_skip=False),
    ]
    first = finished(scenario)
    assert first.told()["t2"][0] == "Mapped"
    scenario[1] = Node("t1", ((Does("skip"),),))
    second = finished(scenario, first)
    assert second.told()["t2"][0] == "Skipped"
    third = finished(scenario, second)
    assert not third.standing.runs
    assert not third.ran


def test_children_of_before_a_mapped_task_was_skipped_are_no_ends_of_a_later_expansion() -> None:
    outline = {"code": [0], "upstreams": [[]], "gates": {}, "mapped": [0]}
    attempts = {
        (0, -1): [Attempt(EXPANSION, 4, width=1), Attempt(0, SKIPPED)],
        (0, 0): [Attempt(1, SUCCESS)],
    }
    stands = resumption(outline, [0], {}, attempts, set(attempts), same={0}, given=(), now=0.0)
    assert not stands.runs
    assert not stands.ends
    changed = resumption(outline, [0], {}, attempts, set(attempts), same=(), given=(), now=0.0)
    assert changed.stale == {(0, -1), (0, 0)}


# -- attempts -----------------------------------------------------------------------------------


def left_of(*attempts: Attempt, now: float = 0.0, same: bool = True) -> Resumption:
    """What stands of a run of one task, with these attempts."""
    outline = {
        "code": [0],
        "upstreams": [[]],
        "gates": {},
        "mapped": [],
    }
    return resumption(
        outline, [0], {}, {(0, -1): attempts}, {(0, -1)}, same={0} if same else (), given=(), now=now
    )


def test_attempts_go_on_and_those_that_were_lost_do_not_count() -> None:
    failed, lost = Attempt(1, RETRYING, 10.0, 0.0), Attempt(2, RUNNING)
    assert left_of(failed, lost).attempts == {(0, -1): (3, 1)}
    assert left_of(failed, Attempt(2, CANCELLED, lost=True)).attempts == {(0, -1): (3, 1)}


def test_a_task_that_failed_for_good_has_all_its_retries_anew() -> None:
    for status in (FAILED, TIMED_OUT, TRIGGER_FAILED):
        some = [Attempt(1, RETRYING, 10.0, 0.0), Attempt(2, status, 11.0)]
        assert left_of(*some).attempts == {(0, -1): (3, 2)}


def test_a_task_that_changed_has_all_its_retries_anew_and_does_not_wait() -> None:
    found = left_of(Attempt(1, RETRYING, 10.0, 60.0), now=11.0, same=False)
    assert found.attempts == {(0, -1): (2, 1)}
    assert found.waits == {}


@given(now=st.floats(-1e9, 1e9), wait=st.floats(0, 1e6))
def test_what_is_left_of_a_wait_is_waited_for_and_never_more_than_all_of_it(now: float, wait: float) -> None:
    found = left_of(Attempt(1, RETRYING, 0.0, wait), now=now).waits[0, -1]
    assert 0 <= found <= wait
    if 0 <= now <= wait:
        assert found == wait - now


def test_deaths_are_counted_while_they_follow_each_other() -> None:
    lost = [Attempt(number, CANCELLED, lost=True) for number in (2, 3)]
    assert left_of(Attempt(1, RETRYING, 0.0, 0.0), *lost).lost == {(0, -1): 2}
    assert left_of(*lost, Attempt(4, RETRYING, 0.0, 0.0)).lost == {}


def test_what_is_said_to_wait_does_not_stand_however_well_it_had_ended() -> None:
    assert left_of(Attempt(1, SUCCESS)).ends == {(0, -1): SUCCESS}
    assert left_of(Attempt(1, SUCCESS), Attempt(0, WAITING)).runs == {0}
    assert left_of(Attempt(0, SKIPPED)).runs == set()


def test_children_beyond_the_last_expansion_count_no_more() -> None:
    outline = {"code": [0], "upstreams": [[]], "gates": {}, "mapped": [0]}
    attempts = {(0, child): [Attempt(1, SUCCESS)] for child in range(5)}
    attempts[0, -1] = [
        Attempt(-1, 4, width=5),
        Attempt(0, MAPPED),
        Attempt(-1, 4, width=3),
        Attempt(0, MAPPED),
    ]
    found = resumption(outline, [0], {}, attempts, set(attempts), same={0}, given=(), now=0.0)
    assert found.widths == {0: 3}
    assert sorted(child for _, child in found.ends) == [0, 1, 2]
