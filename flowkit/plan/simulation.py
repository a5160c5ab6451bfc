"""A run that is played through: the machine itself decides, calls last as long as a script says.

Guarantees: pure; the same plan, script and workers give the same course; there is no other scheduler than the
machine.
Relies on: the script knows how each call ends.

Handing a call over takes a time of its own, one call at a time, as the machine has one lock: of tasks that do
nothing, eight workers carry out no more than one does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from flowkit.errors import BugError
from flowkit.plan.events import Detail, Row
from flowkit.plan.facts import skipped_itself
from flowkit.plan.limits import Limits
from flowkit.plan.machine import Machine
from flowkit.plan.machine_of import machine_of
from flowkit.plan.plan import Plan
from flowkit.plan.status import RETRYING, SKIPPED, SUCCESS

Child = tuple[int, int]  # a node, and the child of a mapped one or -1
Span = tuple[float, float]  # from when to when, in seconds from the start

_LAST = 1 << 30  # more than there are attempts
WITHOUT_END = 1 << 60  # workers: as many as there is something to do for


@dataclass(kw_only=True)
class Script:
    """How the calls of a plan end.

    Attributes:
        seconds: of each node; of a mapped one, those of the children that `children` does not have.
        children: of mapped nodes, seconds of their children, by number; NaN: as `seconds` says.
        details: what is decided by, of nodes and children.
        skipped: calls that ask to be skipped; all others succeed.
        again: of calls that do not so at their first attempt, seconds of each attempt before, and of what is
            waited after it.
        known: ends that are known before the run.
        hand_over: seconds between the end of a call and the start of the next one of a worker.
    """

    seconds: Sequence[float]
    children: Mapping[int, Sequence[float]] = field(default_factory=dict)
    details: Mapping[Child, Detail] = field(default_factory=dict)
    skipped: Collection[Child] = ()
    again: Mapping[Child, Sequence[tuple[float, float]]] = field(default_factory=dict)
    known: Sequence[Row] = ()
    hand_over: float = 0.0

    def lasts(self, node: int, index: int, attempt: int = _LAST) -> float:
        """Seconds of an attempt, of the last one where none is named."""
        if self.again and attempt <= len(before := self.again.get((node, index), ())):
            return before[attempt - 1][0]
        if index >= 0 and node in self.children:
            some = self.children[node]
            if index < len(some) and some[index] == some[index]:
                return some[index]
        return self.seconds[node]


@dataclass(frozen=True, slots=True)
class Link:
    """A call of a critical path."""

    node: int
    index: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a run went.

    Attributes:
        makespan: seconds from its start to its last end.
        calls: how many attempts were made.
        busy: seconds of work, by lane; what handing over took is not in it.
        path: the calls that came after each other up to the last end, where that was asked for.
    """

    makespan: float
    calls: int
    busy: tuple[float, ...]
    path: tuple[Link, ...] = ()

    @property
    def work(self) -> float:
        """Seconds of all calls."""
        return sum(self.busy)


def simulate(plan: Plan, script: Script, workers: Sequence[int], limits: Limits | None = None) -> Course:
    """Play a plan through.

    Args:
        workers: how many calls each lane of the plan carries out at once, in the order of the lanes.
        limits: what calls share; of what other runs share too, all is there.
    """
    return _Play(plan, script, workers, limits).course()


def spans(plan: Plan, script: Script, workers: Sequence[int], limits: Limits | None = None) -> list[Span]:
    """As `simulate`: when each call begins and ends."""
    play = _Play(plan, script, workers, limits)
    play.spans = []
    play.course()
    return play.spans


def critical_path(plan: Plan, script: Script) -> Course:
    """The course with as many workers as there is something to do for, and neither limits nor hand-overs: no
    run can be quicker. It has the path."""
    play = _Play(plan, script, [WITHOUT_END] * len(plan.lanes), None)
    play.hand_over = 0.0
    play.causes = {}
    return play.course()


class _Play:
    """One play.

    Attributes:
        causes: for each call, the one whose end it began after, where that is to be known.
        spans: when each began and ended, where that is.
    """

    def __init__(self, plan: Plan, script: Script, workers: Sequence[int], limits: Limits | None) -> None:
        self.plan, self.script = plan, script
        self.hand_over = script.hand_over
        self.causes: dict[Child, Child] | None = None
        self.spans: list[Span] | None = None
        self._machine: Machine = machine_of(plan, limits)
        self._machine.asks = False
        self._free = list(workers)
        self._shares = limits is not None
        self._out: list[tuple[float, int, int, int, int, float]] = []
        self._due: list[float] = []  # when another attempt may begin
        self._handed = 0.0  # until when the lock is held
        self._calls = 0

    def course(self) -> Course:
        """How it went, from the start to the end."""
        machine, out, free, lane_of = self._machine, self._out, self._free, self.plan.lane_of
        busy = [0.0] * len(self.plan.lanes)
        for row in self.script.known:
            machine.replay(row)
        machine.start(0.0)
        now, last = 0.0, (-1, -1)
        self._take(now, last)
        while out or self._due:
            if self._due and (not out or self._due[0] <= out[0][0]):
                now = heappop(self._due)
                machine.expire(now)
                self._take(now, last)
                continue
            now, _, node, index, attempt, began = heappop(out)
            lane = lane_of[node]
            busy[lane] += now - began
            free[lane] += 1
            last = node, index
            if self.spans is not None:
                self.spans.append((began, now))
            machine.done(self._end(node, index, attempt, began, now))
            machine.events.clear()
            self._take(now, last)
        if not machine.over:
            raise BugError("a run that was played through came to no end")
        return Course(makespan=now, calls=self._calls, busy=tuple(busy), path=tuple(self._path(last)))

    def _take(self, now: float, cause: Child) -> None:
        """Begin what can begin."""
        self._take_ready(now, cause)
        while self._shares and self._granted():
            self._take_ready(now, cause)

    def _take_ready(self, now: float, cause: Child) -> None:
        machine, free, out = self._machine, self._free, self._out
        for lane, idle in enumerate(free):
            while idle and (call := machine.take(lane, now)) is not None:
                node, index, _ = call
                began = max(now, self._handed) + self.hand_over
                self._handed = began
                self._calls += 1
                heappush(out, (began + self.script.lasts(*call), self._calls, *call, began))
                idle -= 1
                if self.causes is not None:
                    self.causes.setdefault((node, index), cause)
            free[lane] = idle

    def _granted(self) -> bool:
        """Give what is asked for of what other runs share too; whether that was anything."""
        asked = tuple(self._machine.asking)  # type: ignore[attr-defined]
        for pool in asked:
            self._machine.grant(pool)  # type: ignore[attr-defined]
        return bool(asked)

    def _end(self, node: int, index: int, attempt: int, began: float, now: float) -> Row:
        script = self.script
        status, detail = SUCCESS, None
        if script.again and attempt <= len(before := script.again.get((node, index), ())):
            wait = before[attempt - 1][1]
            heappush(self._due, now + wait)
            return (node, index, attempt, RETRYING, began, now, None, Detail(retry_in=wait))
        if script.skipped and (node, index) in script.skipped:
            needs = self.plan.needs.get(node)
            status, detail = SKIPPED, skipped_itself(needs) if needs is not None else None
        elif node in self.plan.needs:
            detail = script.details.get((node, index))
        return (node, index, attempt, status, began, now, None, detail)

    def _path(self, last: Child) -> list[Link]:
        found: list[Link] = []
        while self.causes is not None and last in self.causes:
            found.append(Link(*last, self.script.lasts(*last)))
            last = self.causes[last]
        return found[::-1]
