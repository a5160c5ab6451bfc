"""What of an earlier run stands, and what has to run again. Pure: from what is known to what to do.

Guarantees: what ended well stands where its code and all that it was made from stand; what was made from a
failure, or from what has changed, does not, nor will it in a later session. A result that cannot be read
again is made again only where something that runs needs it. Where anything runs, so does what sets up a
resource, and what cleans it up; what was made with the resource stands all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flowkit.plan.outline import Outline, size_of
from flowkit.plan.status import CACHED, CANCELLED, LOOPED, MAPPED, PAUSED, RETRYING, RUNNING, SKIPPED, SUCCESS

Child = tuple[int, int]
_GOOD = (SUCCESS, CACHED)
_WELL = (*_GOOD, MAPPED, SKIPPED)
EXPANSION = -1


class Attempt(NamedTuple):
    """An attempt of an earlier session; times in seconds since 1970. Number 0: decided without one;
    `EXPANSION`: a mapped task expanded to so many children (`width`). One that looped was an
    `iteration`, from 1."""

    number: int
    status: int
    ended: float = 0.0
    retry_in: float | None = None
    lost: bool = False
    width: int = -1
    iteration: int = 0


@dataclass
class Resumption:
    """What stands.

    Attributes:
        ends: the status of each task, and child of a mapped one, that is not run again.
        widths: of the mapped tasks all of whose children stand.
        attempts, waits: as in engine/earlier.py.
        loops: of tasks that go on with a loop, the last attempt that was an iteration.
        resumed: tasks that were paused, and may go on now.
        uncounted: how many attempts of those that go on were iterations, or before one, or were paused.
        unreadable: tasks that run again only because their result was not kept, or is gone.
        runs: tasks that run, or of whose children some do.
        stale: ends that looked well and do not stand any more.
        lost: tasks that were running each time when the process of the run died, with how often.
    """

    ends: dict[Child, int] = field(default_factory=dict)
    widths: dict[int, int] = field(default_factory=dict)
    attempts: dict[Child, tuple[int, int]] = field(default_factory=dict)
    waits: dict[Child, float] = field(default_factory=dict)
    loops: dict[Child, Attempt] = field(default_factory=dict)
    resumed: set[Child] = field(default_factory=set)
    uncounted: dict[Child, int] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    runs: set[int] = field(default_factory=set)
    stale: set[Child] = field(default_factory=set)
    lost: dict[Child, int] = field(default_factory=dict)


def resumption(
    outline: Outline,
    order: Sequence[int],
    pairs: Mapping[int, Collection[int]],
    attempts: Mapping[Child, Sequence[Attempt]],
    readable: Container[Child],
    *,
    same: Collection[int],
    given: Collection[int],
    now: float,
) -> Resumption:
    """Find out what stands.

    Args:
        outline: of the flow as it is now; all nodes are its nodes.
        order: the nodes, each after those that it depends on.
        pairs: for mapped nodes, those that they follow child by child.
        attempts: of the earlier sessions, by node and child, in order.
        readable: whose results can be had.
        same: nodes that have not changed.
        given: nodes whose values are known without running: parameters and constants.
        now: seconds since 1970.
    """
    work = _Work(outline, pairs, attempts, readable, same, given)
    for node in order:
        work.judge(node)
    if all(work.stands[node] for node in order if node not in work.given):
        work.again = frozenset()
    stale = work.stale()
    for node in reversed(order):
        work.need(node)
    found = work.result(now)
    found.stale = stale
    return found


class _Work:
    """The columns that `resumption` fills in."""

    def __init__(
        self,
        outline: Outline,
        pairs: Mapping[int, Collection[int]],
        attempts: Mapping[Child, Sequence[Attempt]],
        readable: Container[Child],
        same: Collection[int],
        given: Collection[int],
    ) -> None:
        size = size_of(outline)
        self.mapped = set(outline["mapped"])
        self.pairs, self.attempts, self.readable = pairs, attempts, readable
        self.same, self.given = same, given
        self.sources = [
            {*outline["upstreams"][node], *(gate[0] for gate in outline["gates"].get(node, ()))}
            for node in range(size)
        ]
        self.followers: list[list[int]] = [[] for _ in range(size)]
        for node, sources in enumerate(self.sources):
            for source in sources:
                self.followers[source].append(node)
        # Whether it ended as it would end again; for mapped ones by child.
        self.stands = bytearray(size)
        self.children: dict[int, set[int]] = {}
        self.known: dict[int, dict[int, Attempt]] = {}
        for (node, child), some in attempts.items():
            if child >= 0 and some and child < self._width(node):
                self.known.setdefault(node, {})[child] = some[-1]
        self.gates = outline["gates"]
        self.again = frozenset(outline.get("again", ()))
        self.runs = bytearray(size)
        self.unreadable: set[int] = set()

    def _width(self, node: int) -> float:
        """How many children a mapped node had when it last expanded; those of before count no more."""
        found = [each.width for each in self.attempts.get((node, -1), ()) if each.number == EXPANSION]
        return found[-1] if found else float("inf")

    def judge(self, node: int) -> None:
        """Whether a node stands, given that those before it were judged."""
        if node in self.given:
            self.stands[node] = node in self.same
            return
        pairs = self.pairs.get(node, ())
        if node not in self.same or not all(
            self.stands[source] for source in self.sources[node] - set(pairs)
        ):
            self.children[node] = set()
            return
        if node in self.mapped:
            self._judge_children(node, pairs)
            return
        last = self._last(node)
        # What was skipped without an attempt will be again, as all that it was decided by stands.
        self.stands[node] = last is not None and (last.status in _GOOD or last.status == SKIPPED)

    def _judge_children(self, node: int, pairs: Collection[int]) -> None:
        rows = self.attempts.get((node, -1), ())
        # What was skipped as a whole has no children, though an earlier session may have made some.
        known = {} if rows and rows[-1].status == SKIPPED else self.known.get(node, {})
        good = {child for child, last in known.items() if last.status in _GOOD or last.status == SKIPPED}
        for source in pairs:
            if not self.stands[source]:
                good &= self.children.get(source, set())
        self.children[node] = good
        last = self._last(node)
        # Without children it is what it follows one by one that decided.
        whole = bool(known) or all(self.stands[source] for source in pairs)
        ended = last is not None and last.status in (MAPPED, SKIPPED)
        self.stands[node] = ended and whole and len(good) == len(known)

    def _last(self, node: int) -> Attempt | None:
        """How a node ended; of a mapped one, as a whole."""
        found = [each for each in self.attempts.get((node, -1), ()) if each.number >= 0]
        return found[-1] if found else None

    def need(self, node: int) -> None:
        """Whether a node runs, given that those after it were asked."""
        if node in self.given:
            return
        self.runs[node] = not self.stands[node] or node in self.again
        if node in self.again:
            self.children[node] = set()
        elif node in self.mapped:
            self._need_children(node)
        elif self.stands[node] and self._is_needed(node) and not self._is_readable(node, -1):
            self._again(node)

    def _is_needed(self, node: int) -> bool:
        return any(self.runs[follower] for follower in self.followers[node])

    def _need_children(self, node: int) -> None:
        needed: set[int] = set()
        for follower in self.followers[node]:
            if self.runs[follower]:
                needed |= self.children[node] - self._served(node, follower)
        readable = {child for child in needed if self._is_readable(node, child)}
        if readable != needed:
            self.children[node] -= needed - readable
            self._again(node)

    def _served(self, node: int, follower: int) -> set[int]:
        """The children whose value a follower does not take any more: it follows one by one, and its own
        stand. Gates are asked once more, of all children."""
        asked = any(gate[0] == node for gate in self.gates.get(follower, ()))
        if asked or node not in self.pairs.get(follower, ()):
            return set()
        return self.children[follower]

    def _again(self, node: int) -> None:
        self.runs[node] = 1
        self.unreadable.add(node)

    def _is_readable(self, node: int, child: int) -> bool:
        last = self.known[node][child] if child >= 0 else self._last(node)
        return (node, child) in self.readable or (last is not None and last.status == SKIPPED)

    def result(self, now: float) -> Resumption:
        found = Resumption(unreadable=self.unreadable)
        found.runs = {node for node, runs in enumerate(self.runs) if runs}
        for node in range(len(self.stands)):
            if node in self.given:
                continue
            if node in self.mapped:
                self._mapped_result(node, found)
            elif not self.runs[node]:
                self._take(node, -1, found)
        for child, attempts in self.attempts.items():
            if child not in found.ends and child[0] not in self.given:
                self._go_on(child, attempts, found, now)
        return found

    def stale(self) -> set[Child]:
        """What must not be taken for good by the next session either, should this one die."""
        found: set[Child] = set()
        for node, stands in enumerate(self.stands):
            if stands or node in self.given:
                continue
            last = self._last(node)
            if last is not None and last.status in _WELL and not self.children.get(node):
                found.add((node, -1))
            for child, end in self.known.get(node, {}).items():
                if end.status in _WELL and child not in self.children[node]:
                    found.add((node, child))
        return found

    def _mapped_result(self, node: int, found: Resumption) -> None:
        for child in self.children.get(node, ()):
            self._take(node, child, found)
        width = len(self.known.get(node, {}))
        all_taken = all((node, child) in found.ends for child in range(width))
        last = self._last(node)
        if self.stands[node] and not self.runs[node] and all_taken and last and last.status == MAPPED:
            found.widths[node] = width

    def _take(self, node: int, child: int, found: Resumption) -> None:
        """Take an end over, unless a task was skipped without an attempt: that is decided again at once."""
        last = self.known[node][child] if child >= 0 else self._last(node)
        if last is not None and (last.number > 0 or child >= 0):
            found.ends[node, child] = last.status

    def _go_on(self, child: Child, attempts: Sequence[Attempt], found: Resumption, now: float) -> None:
        made = [each for each in attempts if each.number > 0]
        if (made or attempts)[-1].status == PAUSED:
            found.resumed.add(child)
        if not made:
            return
        forgiven = 0
        for each in made:
            if each.status in (CANCELLED, RUNNING, PAUSED):
                forgiven += 1
            elif each.status != RETRYING:
                forgiven = each.number
        found.attempts[child] = (made[-1].number + 1, forgiven)
        last = made[-1]
        if child[0] not in self.same:
            found.attempts[child] = (last.number + 1, last.number)
        else:
            self._loop_on(child, made, found)
        if child[0] in self.same and last.status in (RETRYING, PAUSED) and last.retry_in is not None:
            left = last.ended + last.retry_in - now
            # A clock that was set back must not make the wait longer than it ever was.
            found.waits[child] = min(max(0.0, left), last.retry_in)
        times = 0
        while times < len(made) and made[-1 - times].lost:
            times += 1
        if times:
            found.lost[child] = times

    def _loop_on(self, child: Child, made: Sequence[Attempt], found: Resumption) -> None:
        """How far a loop was, and which attempts were no tries of its present iteration."""
        looped = [each for each in made if each.status == LOOPED]
        if looped:
            found.loops[child] = looped[-1]
        before = looped[-1].number if looped else 0
        paused = sum(each.status == PAUSED and each.number > before for each in made)
        if before + paused:
            found.uncounted[child] = before + paused
