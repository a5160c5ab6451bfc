"""Scenarios played on the machine by hand, and what it promises about them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from reference import BAD, Attempt, Node, Scenario, evaluate, run_state
from scenarios import LANES, build, delay_of

from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Call, Detail, Row
from flowkit.plan.facts import detail_of
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan
from flowkit.plan.status import (
    EXPANDED,
    FAILED,
    MAPPED,
    RETRYING,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
    Status,
)
from flowkit.plan.verdicts import NOTHING_TO_MAP

PATIENCE = 100_000
Mark = tuple[int, int]
Make = Callable[[Plan], Machine]
_WORDS = {int(status): status.name.title().replace("_", "") for status in Status}
_STATUS = {
    "value": SUCCESS,
    "fail": FAILED,
    "timeout": TIMED_OUT,
    "skip": SKIPPED,
    "retry": RETRYING,
    "refuse": TRIGGER_FAILED,
}


class Play:
    """A run of a scenario: an engine without threads, whose clock moves when it is told to.

    Whatever it asks of the machine, it asserts what the machine promises.

    Args:
        make: the machine's class, or a mutant of it.
        chance: decides what happens next, where several things could.
        workers: how many calls may be out at a time.
        checked: whether the machine checks itself after each stimulus, which costs its whole size.
    """

    def __init__(
        self, make: Make, scenario: Scenario, chance: random.Random, workers: int, checked: bool = True
    ) -> None:
        self.scenario = scenario
        self.plan = compile_flow(build(scenario))
        # Some orders of children; those that there turn out not to be are left out.
        self.plan.first = {
            node: tuple(chance.sample(range(4), 3)) for node in self.plan.groups if chance.random() < 0.5
        }
        self.machine = make(self.plan)
        self.chance = chance
        self.workers = workers
        self.checked = checked
        self.now = 100.0
        places = {node.name: place for place, node in enumerate(scenario)}
        self.place = [places[key] for key in self.plan.keys]
        self.out: dict[Call, float] = {}
        self.ahead: dict[Call, int] = {}
        self.answered: list[Row] = []
        self.attempts: dict[Mark, int] = {}
        self.not_before: dict[Mark, float] = {}
        self.expanded: set[str] = set()
        self.ended: dict[Mark, tuple[str, int]] = {}

    def start(self) -> None:
        self.machine.start(self.now)
        self.look()

    def replay(self, given: set[int], rules: dict[str, tuple[str, int]]) -> None:
        """Give the successes of these nodes, in any order, before the start."""
        nodes = [node for node, place in enumerate(self.place) if place in given]
        self.chance.shuffle(nodes)
        for node in nodes:
            attempt = rules[self.plan.keys[node]][1]
            call = node, -1, attempt
            row = (*call, SUCCESS, 0.0, 0.0, None, self.facts(call, self.attempt(call), None))
            self.machine.replay(row)
            self.ended[node, -1] = ("Success", attempt)

    def stop(self) -> None:
        """Cancel, give what runs a while to end, then give it up."""
        self.machine.cancel(self.now)
        self.look()
        while not self.machine.over:
            self.starts_nothing()
            if self.out and self.chance.random() < 0.7:
                self.done(self.chance.choice(list(self.out)))
            else:
                assert set(self.machine.abandon(self.now)) == set(self.out), "what is given up is what runs"
            self.look()
        self.starts_nothing()

    def finish(self) -> dict[str, tuple[str, int]]:
        """Go on to the end; returns how everything ended."""
        for _ in range(PATIENCE):
            if self.machine.over:
                return self.told()
            self.step()
        raise AssertionError("it does not come to an end")

    def told(self) -> dict[str, tuple[str, int]]:
        """What has ended, by key: its state and the number of its attempts."""
        return {self.plan.key(*mark): ending for mark, ending in self.ended.items()}

    def run_state(self) -> str:
        """How the run ended, by the states of the reference tasks and of their children."""
        deciding = [self.plan.keys[node] for node in self.plan.references]
        ends = [state for key, (state, _) in self.told().items() if key.split("[")[0] in deciding]
        return "Failed" if BAD & set(ends) else "Success"

    # -- stimuli ------------------------------------------------------------------------------

    def step(self) -> None:
        """One thing that may happen now."""
        moves = self.moves()
        assert moves, "stuck"
        if self.answered:
            moves.append(self.answer_again)
        self.chance.choice(moves)()
        self.look()

    def moves(self) -> list[Callable[[], None]]:
        """What may happen now that leads on; what is more likely is there more often."""
        moves: list[Callable[[], None]] = []
        if len(self.out) < self.workers and self.ready_lanes():
            moves += [self.take] * 2 + [self.look_at_some]
        if any(self.attempt(call).kind != "timeout" for call in self.out):
            moves += [self.answer] * 2
        if self.machine.next_deadline is not None:
            moves.append(self.wait)
        if self.ahead:
            moves.append(self.not_ahead)
        return moves

    def take(self) -> None:
        lane = self.chance.choice(self.ready_lanes())
        call = self.machine.take(lane, self.now)
        assert call is not None, "what is ready is handed out"
        self.took(lane, call)
        if call[1] < 0 and self.chance.random() < 0.5:
            self.go_ahead(lane, call)

    def go_ahead(self, lane: int, call: Call) -> None:
        """Some that wait for a call go with it."""

        def may(node: int) -> bool:
            return self.may_go_ahead(lane, node) and self.chance.random() < 0.8

        calls = self.machine.take_ahead([call], self.chance.randint(1, 2), may)
        assert not self.ahead.keys() & calls, "nothing goes ahead twice"
        self.ahead.update(dict.fromkeys(calls, lane))

    def may_go_ahead(self, lane: int, node: int) -> bool:
        return self.plan.lane_of[node] == lane and node not in self.plan.timeouts

    def not_ahead(self) -> None:
        """Who has a call that went ahead does not carry it out."""
        call = self.chance.choice(list(self.ahead))
        del self.ahead[call]
        self.machine.put_back(call, self.now)

    def look_at_some(self) -> None:
        """Some are taken to be looked at, and each is put back, or stays out."""
        lane = self.chance.choice(self.ready_lanes())
        nodes = {node for node in range(self.plan.size) if self.chance.random() < 0.8}
        nodes -= self.plan.groups.keys() | self.plan.timeouts.keys() | self.machine.handled
        calls = self.machine.take_to_look(lane, nodes, self.chance.randint(1, 3))
        assert nodes.issuperset(call[0] for call in calls), "only what is wanted is handed out"
        for call in calls:
            if self.chance.random() < 0.5:
                self.machine.put_back(call, self.now)
            else:
                self.took(lane, call)

    def took(self, lane: int, call: Call) -> None:
        node, index, number = call
        assert self.plan.lanes[lane] == LANES[self.node(call).lane], "a lane gets its own"
        mark = node, index
        assert mark not in self.ended, "what has ended is not handed out"
        assert all(mark != (other[0], other[1]) for other in self.out), "nothing is handed out twice"
        assert number == self.attempts.get(mark, 0) + 1, "attempts are counted"
        assert self.now >= self.not_before.get(mark, 0.0), "a retry waits for its delay"
        assert self.upstreams_ended(node, index), "upstreams end first"
        self.attempts[mark] = number
        self.out[call] = self.now

    def answer(self) -> None:
        self.done(self.chance.choice([call for call in self.out if self.attempt(call).kind != "timeout"]))

    def done(self, call: Call) -> None:
        attempt, node = self.attempt(call), self.node(call)
        retry_in = None
        if attempt.kind in ("fail", "timeout", "retry"):
            retry_in = delay_of(node)
            self.not_before[call[:2]] = self.now + retry_in
        detail = self.facts(call, attempt, retry_in)
        row = (*call, _STATUS[attempt.kind], self.out.pop(call), self.now, "worker", detail)
        assert self.machine.done(row), "the answer to a call that is out is taken"
        self.answered.append(row)

    def answer_again(self) -> None:
        """A late answer, or one that comes twice, of another mind than the first."""
        row = self.chance.choice(self.answered)
        before = self.snapshot()
        late = (*row[:3], self.chance.choice([SUCCESS, FAILED]), *row[4:7], Detail(length=1, flat=1))
        assert not self.machine.done(late), "a late answer is dropped"
        assert self.snapshot() == before, "a late answer changes nothing"

    def wait(self) -> None:
        """Let time pass: attempts that must not be late are answered before."""
        until = self.machine.next_deadline
        assert until is not None
        until = max(self.now, self.chance.choice([until, min(until, self.now + 1.0)]))
        for call in [call for call in self.out if self.limit(call) <= until]:
            if self.attempt(call).kind != "timeout":
                self.done(call)
        self.now = until
        late = self.machine.expire(self.now)
        assert set(late) == {call for call in self.out if self.limit(call) <= self.now}, "time limits hold"
        for call in late:
            self.done(call)

    # -- what is known ------------------------------------------------------------------------

    def starts_nothing(self) -> None:
        for lane in range(len(self.plan.lanes)):
            assert self.machine.take(lane, self.now) is None, "nothing starts any more"
            assert not self.machine.ready(lane), "nothing is ready any more"

    def ready_lanes(self) -> list[int]:
        return [lane for lane in range(len(self.plan.lanes)) if self.machine.ready(lane)]

    def node(self, call: Call) -> Node:
        return self.scenario[self.place[call[0]]]

    def attempt(self, call: Call) -> Attempt:
        return self.node(call).attempt(max(call[1], 0), call[2])

    def limit(self, call: Call) -> float:
        """When the attempt is late."""
        timeout = self.plan.tasks[call[0]].timeout
        return float("inf") if timeout is None else self.out[call] + timeout

    def look(self) -> None:
        """Take the events away, then have the machine check itself."""
        for node, index, attempt, status, *_, detail in self.machine.events:
            if status == EXPANDED:
                self.expanded.add(self.plan.keys[node])
            elif Status(status).ended:
                assert (node, index) not in self.ended, "it ends once"
                counted = 0 if status == MAPPED else attempt
                word = "Failed" if detail == NOTHING_TO_MAP else _WORDS[status]
                self.ended[node, index] = (word, counted)
        self.machine.events.clear()
        for call, lane in list(self.ahead.items()):
            if self.machine.is_running(*call):
                del self.ahead[call]
                self.took(lane, call)
            elif call[:2] in self.ended:
                del self.ahead[call]
        if self.checked:
            self.machine.check()

    def snapshot(self) -> tuple[Any, ...]:
        machine = self.machine
        children = {node: bytes(group.states) for node, group in machine.groups.items()}
        return bytes(machine.status), children, machine.running, self.ready_lanes(), tuple(machine.events)

    def upstreams_ended(self, node: int, index: int) -> bool:
        """Whether all has ended that a call waits for."""
        mine = self.scenario[self.place[node]]
        ids = {place: number for number, place in enumerate(self.place)}
        waited = [(edge.upstream, edge.mapped and not edge.flattened) for edge in mine.edges]
        waited += [(gate.condition, gate.mapped) for gate in mine.gates]
        return all(
            (ids[upstream], -1) in self.ended or (one_by_one and (ids[upstream], index) in self.ended)
            for upstream, one_by_one in waited
        )

    def facts(self, call: Call, attempt: Attempt, retry_in: float | None) -> Detail | None:
        """What a worker would find out for the machine."""
        if attempt.kind != "value":
            return Detail(retry_in=retry_in)
        needs = self.plan.needs.get(call[0])
        if needs is None:
            return None
        return detail_of(needs, attempt.value, child=call[1] >= 0)


# -- what is promised -------------------------------------------------------------------------


def told(scenario: Scenario) -> dict[str, tuple[str, int]]:
    """What the reference says, by key: the state and the number of attempts."""
    found = {}
    for node, ending in zip(scenario, evaluate(scenario), strict=True):
        found[node.name] = (ending.state, ending.attempts)
        for number, child in enumerate(ending.children or ()):
            found[f"{node.name}[{number}]"] = (child.state, child.attempts)
    return found


def ends_as_the_rules_say(
    make: Make, scenario: Scenario, seed: int, workers: int, player: type[Play] = Play
) -> None:
    """The same final states and attempts as the reference, in this order, with so many workers."""
    play = player(make, scenario, random.Random(seed), workers)
    play.start()
    assert play.finish() == told(scenario)
    assert play.run_state() == run_state(scenario, evaluate(scenario))


def stops_when_cancelled(
    make: Make, scenario: Scenario, seed: int, workers: int, player: type[Play] = Play
) -> None:
    """Cancelled at some moment: nothing starts any more, everything ends, and what had ended stays."""
    play = player(make, scenario, random.Random(seed), workers)
    play.start()
    for _ in range(play.chance.randrange(12)):
        if not play.machine.over:
            play.step()
    before = play.told()
    out = [*play.out, *play.ahead]
    possible = {play.plan.key(*call[:2]): _ends_of_what_runs(play.attempt(call)) for call in out}
    play.stop()
    after = play.told()
    assert before.items() <= told(scenario).items(), "what had ended did so as the rules say"
    assert before.items() <= after.items(), "what had ended stays"
    assert {node.name for node in scenario} <= after.keys(), "everything ends"
    for key in after.keys() - before.keys():
        assert after[key][0] in possible.get(key, _ends_of_what_waits(play, key)), "the rest is cancelled"


def _ends_of_what_runs(attempt: Attempt) -> set[str]:
    """It may still end, but not be tried again."""
    return {"Cancelled"} if attempt.kind == "retry" else {"Cancelled", _WORDS[_STATUS[attempt.kind]]}


def _ends_of_what_waits(play: Play, key: str) -> set[str]:
    """A mapped task that has expanded is among what runs: its children decide what becomes of it."""
    if key not in play.expanded:
        return {"Cancelled"}
    children = {state for child, (state, _) in play.told().items() if child.startswith(f"{key}[")}
    return {"Cancelled", "Mapped"} if "Cancelled" in children else {"Mapped"}


def resumes_from_what_succeeded(
    make: Make, scenario: Scenario, seed: int, workers: int, player: type[Play] = Play
) -> None:
    """With some successes of an earlier run as given, the rest ends as it did without."""
    chance = random.Random(seed)
    rules = told(scenario)
    given: set[int] = set()
    for place, node in enumerate(scenario):
        needs = {edge.upstream for edge in node.edges} | {gate.condition for gate in node.gates}
        if rules[node.name][0] == "Success" and needs <= given and chance.random() < 0.8:
            given.add(place)
    play = player(make, scenario, chance, workers)
    play.replay(given, rules)
    play.start()
    assert play.finish() == rules
