"""How long a run will still take, from what earlier runs took and from how this one has gone so far.

Guarantees: pure, time is an argument; a row costs the same whatever was before, and an answer costs what is
at work at that moment, not what the plan holds.

The estimate is the largest of what no run can be quicker than: the longest way from what runs or waits to an
end; and for each lane, and each limit, the work that is left by how much of it is done at once. Source of the
rule: Graham 1969. What an attempt says of itself goes before what earlier runs say of it. A run of few calls
is played through before it begins, and what it took from the moment at which as much work was left counts
too: where the graph is narrow in places, it is longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowkit.plan.durations import Durations
from flowkit.plan.events import Row
from flowkit.plan.expected import Expected
from flowkit.plan.foreseen import foreseen
from flowkit.plan.limits import Limits
from flowkit.plan.plan import Plan
from flowkit.plan.status import CANCELLED, EXPANDED, RUNNING, SUCCESS

_AGAIN, _LONG_AGAIN = 0.1, 1.0  # seconds in which an answer is counted down; the second where much is at work
_MUCH = 1_000
_OVERDUE = 0.5  # of the time that it is late: what is left of an attempt that should have ended
_TRUSTED = 0.1  # of the expected work: so much must have ended until the pace of this run counts half
_FEW = 3  # children that must have ended until the others are expected to be like them
_NEVER = float("inf")
_NOTHING: Mapping[tuple[int, int], float] = {}


class _Group:
    """A mapped task that has expanded.

    Args:
        before: children that had ended before the run.

    Attributes:
        width: the others; `left`, `fresh`: of them, those that have not ended, or never begun.
        made, seconds: those that have succeeded, and what they took.
    """

    __slots__ = ("fresh", "left", "made", "seconds", "width")

    def __init__(self, width: int, before: int) -> None:
        self.width = self.left = self.fresh = max(0, width - before)
        self.made = 0
        self.seconds = 0.0


class TimeLeft:
    """The time that one run will still take.

    How to use it: make one when the run begins, tell it of every batch of rows that an observer is told of,
    in that order, and ask it as often as you like; rows and questions one at a time.

        left = TimeLeft(engine.plan, durations, engine.workers)
        left.take_over(engine.earlier.rows)   # what is done already, of a run that goes on
        left.see(rows)                        # in `Observer.see`
        left.seconds(engine.clock())          # 41.3; None where too little is known

    An answer is found out anew ten times a second at most, and counted down in between; where more than a
    thousand calls are out, once a second.

    Args:
        plan: what runs.
        durations: of earlier runs, as `durations_of` gives them; None: nothing is known, and only mapped
            tasks of which some children have ended are foreseen.
        workers: how many calls each lane of the plan carries out at once, in the order of the lanes.
        limits: what calls share, where there are limits.
    """

    def __init__(
        self,
        plan: Plan,
        durations: Durations | None,
        workers: Sequence[int],
        limits: Limits | None = None,
    ) -> None:
        self._expected = expected = Expected(plan, durations, workers, limits)
        self._course = foreseen(plan, expected, durations, workers, limits)
        self._open = bytearray(b"\1") * plan.size  # neither ended, nor expanded
        self._fresh = bytearray(b"\1") * plan.size  # never begun
        self._next = 0  # in the nodes by their way: all before have begun
        # Since when; for ever later where another attempt is waited for.
        self._running: dict[tuple[int, int], float] = {}
        self._groups: dict[int, _Group] = {}
        self._before: dict[int, int] = {}  # children that had ended before the run
        self._work = [0.0] * len(expected.shares)  # by kind: of open nodes
        self._calls = [0, 0]  # of open nodes of which nothing, or something, is known
        self._taken = self._due = 0.0  # what plain tasks took, and should have taken
        self._whole = 0.0
        self._said: float | None = None
        self._at, self._until = 0.0, -_NEVER
        for node in range(plan.size):
            self._count(node, 1)
        self._whole = sum(self._work)
        for node in (*plan.known, *plan.parameters.values()):
            self._end(node)

    def take_over(self, rows: Iterable[Row]) -> None:
        """Leave out what is done already; as for the machine's `replay`."""
        for node, index, *_ in rows:
            if index < 0:
                self._end(node)
            else:
                self._before[node] = self._before.get(node, 0) + 1

    def see(self, rows: Sequence[Row]) -> None:
        """Take what happened; see plan/events.py."""
        running, groups, fresh = self._running, self._groups, self._fresh
        for node, index, number, status, began, ended, _, _ in rows:
            if status == RUNNING:
                running[node, index] = began
                if index < 0:
                    fresh[node] = 0
                elif number == 1 and node in groups:
                    groups[node].fresh -= 1
            elif SUCCESS <= status <= CANCELLED:
                begun = running.pop((node, index), None)
                if index >= 0:
                    if node in groups:
                        self._child_ended(groups[node], begun, status, ended - began)
                else:
                    if status == SUCCESS and self._open[node] and self._expected.known[node]:
                        self._taken += ended - began
                        self._due += self._expected.own[node]
                    self._end(node)
            elif status == EXPANDED:
                self._end(node)
                groups[node] = _Group(number, self._before.pop(node, 0))
            else:  # another attempt follows
                running[node, index] = _NEVER

    def seconds(self, now: float, told: Mapping[tuple[int, int], float] = _NOTHING) -> float | None:
        """Seconds from now to the end of the run; None where nothing is known of half of what is left.

        Args:
            now: of the clock that the rows have their times from.
            told: of attempts at work that say how far they are, seconds until they end; whatever earlier runs
                say of them does not count then.
        """
        if not self._at <= now < self._until:
            self._said = self._found(now, told)
            much = len(self._running) + len(self._groups) > _MUCH
            self._at, self._until = now, now + (_LONG_AGAIN if much else _AGAIN)
        return None if self._said is None else max(0.0, self._said - (now - self._at))

    # -- what happens -------------------------------------------------------------------------

    def _count(self, node: int, sign: int) -> None:
        """Add an open node, or take it away."""
        expected = self._expected
        calls = expected.widths.get(node, 1)
        self._calls[expected.known[node]] += sign * calls
        self._work[expected.kind_of[node]] += sign * calls * expected.own[node]

    def _end(self, node: int) -> None:
        """A node has ended, or expanded, or the children of one have ended."""
        self._fresh[node] = 0
        self._groups.pop(node, None)
        if self._open[node]:
            self._open[node] = 0
            self._count(node, -1)

    def _child_ended(self, group: _Group, begun: float | None, status: int, seconds: float) -> None:
        group.left -= 1
        if begun is None:  # without an attempt, or found
            group.fresh -= 1
        elif status == SUCCESS:
            group.made += 1
            group.seconds += seconds

    # -- what is left -------------------------------------------------------------------------

    def _pace(self) -> float:
        """How much longer tasks take in this run than before."""
        before = _TRUSTED * self._whole
        return (self._taken + before) / (self._due + before) if before > 0 else 1.0

    def _found(self, now: float, told: Mapping[tuple[int, int], float]) -> float | None:
        expected, pace = self._expected, self._pace()
        unknown, known = self._calls
        work = [max(0.0, seconds) * pace for seconds in self._work]
        longest = 0.0
        means: dict[int, float] = {}
        rests: dict[int, float] = {}
        wholes = self._wholes(told, now)
        for node, group in self._groups.items():
            found = self._mean(node, group, pace, wholes.get(node, ()))
            unknown += group.left if found is None else 0
            known += group.left if found is not None else 0
            means[node] = mean = (expected.guess or 0.0) if found is None else found
            rest = mean * group.left
            if node in expected.uneven:  # the longest went first
                rest = max(rest / 2, expected.own[node] * pace * group.width - group.seconds)
            rests[node] = rest
        of_plain = sum(node not in means and not expected.known[node] for node in wholes)
        if unknown - of_plain > known + of_plain:
            return None
        for child, began in self._running.items():
            node = child[0]
            own = means[node] if node in means else expected.own[node] * pace
            spent = max(0.0, now - began)
            left = told.get(child, own - spent if spent <= own else _OVERDUE * (spent - own))
            if node in rests:
                rests[node] += left - own
            else:
                work[expected.kind_of[node]] += left - own
            longest = max(longest, left + expected.after[node] * pace)
        for node, rest in rests.items():
            work[expected.kind_of[node]] += rest
            if self._groups[node].fresh:
                share = expected.shares[expected.kind_of[node]][0][1]
                longest = max(longest, max(means[node], rest * share) + expected.after[node] * pace)
        return max(longest, self._first_way() * pace, self._rest(work, pace), *self._loads(work))

    def _wholes(self, told: Mapping[tuple[int, int], float], now: float) -> dict[int, list[float]]:
        """By node, seconds of attempts at work from start to end, as they say."""
        found: dict[int, list[float]] = {}
        for child, left in told.items():
            if child in self._running:
                found.setdefault(child[0], []).append(max(0.0, now - self._running[child]) + left)
        return found

    def _rest(self, work: Sequence[float], pace: float) -> float:
        """Seconds that the run took from where so much work was left, when it was played through."""
        rest = sum(work)
        if self._course is None or rest <= 0 or not pace:
            return 0.0
        return self._course.left(self._course.work - rest / pace) * pace

    def _mean(self, node: int, group: _Group, pace: float, wholes: Sequence[float]) -> float | None:
        """Seconds of a child on average.

        Args:
            wholes: seconds of those that say themselves how long they take.
        """
        expected = self._expected
        made, seconds = group.made + len(wholes), group.seconds + sum(wholes)
        if not expected.known[node]:
            return seconds / made if wholes or made >= _FEW else None
        if node in expected.uneven:
            return expected.own[node] * pace
        doubt = 1 + _TRUSTED * group.width
        return (seconds + doubt * pace * expected.own[node]) / (made + doubt)

    def _first_way(self) -> float:
        """The longest way from what has never begun to an end."""
        order, fresh = self._expected.by_way, self._fresh
        while self._next < len(order) and not fresh[order[self._next]]:
            self._next += 1
        return self._expected.way(order[self._next]) if self._next < len(order) else 0.0

    def _loads(self, work: Sequence[float]) -> list[float]:
        """Seconds that each lane, and each limit, needs for the work that is left."""
        loads = [0.0] * self._expected.pools
        for seconds, shares in zip(work, self._expected.shares, strict=True):
            for pool, share in shares:
                loads[pool] += seconds * share
        return loads
