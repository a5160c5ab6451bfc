"""The machine: what may start, what a completion means, what waits for when.

It is pure: no clock, thread, file, logger or random number; time is an argument, in seconds.
What decides is in verdicts.py, what an earlier session has left in known.py, what comes again in waiting.py;
this file carries decisions out.

Stimuli:

- `replay(row)` and `go_on(…)`, before `start`: an end that is known already, attempts that were made.
- `start(now)`, once.
- `take(lane, now)`: the next call of a lane, or None.
- `take_many(lane, nodes, most)`: the next calls that are of these nodes, for who takes several at once. They
  are out, but each begins only when that is said by `say`, or when it ends; until then `put_back` may be.
- `take_ahead(calls, workers, may)`: the calls that wait for nothing but these, which are out together: who
  has them can go on with no word to anybody. Each is out, as if it was taken by `take_many`, as soon as what
  it waits for has succeeded; where that has ended otherwise, nothing is decided until it is `put_back`.
- `take_to_look(lane, nodes, most)`: the next calls of a lane that are of these nodes. They are out, though
  no event tells of their start; each is answered by `done`, or by `put_back`.
- `done(row)`: how an attempt ended; False where nobody waits for that attempt any more.
  `children_done(rows)`: the same of several, where there is nothing to say but that they succeeded.
- `resume(marks)`: lets what is held go on: after a pause, say.
- `limit(call, at)`: when the time limit of a call that is out ends.
- `expire(now)`: makes due retries ready, and returns the calls that are past their time limit.
  Each is answered by `done` with TIMED_OUT: the delay before a retry may be the user's code.
- `cancel(now)`: nothing starts any more. `abandon(now)`: nothing is waited for any more.

Where a node is one of `handled`, what is decided about it without an attempt is only proposed: it is given
out as a call, to be answered by `done` like others. The row of who agrees has that status and no detail.

Guarantees: a call is given out once an attempt; final states do not depend on the order of stimuli;
nothing recurses over the graph; a stimulus costs what its own edges cost; `check()` holds after each.
Relies on: one caller at a time, and rows that answer calls which were taken.

It leaves `events`, a list of rows (see events.py), for the engine to take away.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from heapq import heappop, heappush

from flowkit.errors import BugError
from flowkit.plan.events import Call, Detail, Row
from flowkit.plan.group import Group
from flowkit.plan.invariants import invariants
from flowkit.plan.plan import AHEAD, GROUP, SETTLED, TROUBLE, Plan
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    EXPANDED,
    FAILED,
    LOOPED,
    MAPPED,
    PAUSED,
    READY,
    RETRYING,
    RUNNING,
    SUCCESS,
    TIMED_OUT,
    WAITING,
)
from flowkit.plan.waiting import RETRY, Mark, Waiting, mark_of

ABANDONED = "The run was stopped while it ran."

End = tuple[int, int, int]  # node, child or -1, status: an end, or an expansion, that others must hear of


class Machine(Waiting):
    """One run of a plan.

    Args:
        plan: what to run; never changed.
        fail_fast: stop where a task has failed for good.
        handled: the nodes about which nothing is decided without being proposed.
        one_pass: nothing is tried again, or goes on after a time: it is held.

    Attributes:
        proposed: what is decided about nodes and children without an attempt, until somebody agrees.
        reasons: why a node, or a child `(node, index)`, ended without an attempt.
        events: rows that nobody has taken away yet.
        running: how many calls are out.
        stopping: whether nothing starts any more.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        fail_fast: bool = False,
        handled: frozenset[int] = frozenset(),
        one_pass: bool = False,
    ) -> None:
        super().__init__(plan, one_pass)
        self.fail_fast = fail_fast
        self.handled = handled
        self.proposed: dict[Mark, tuple[int, str]] = {}
        self.reasons: dict[Mark, str] = {}
        self.events: list[Row] = []
        self.running = 0
        self.stopping = False
        self.started = False
        self._flags = bytearray(plan.flags)
        self._waits = list(plan.waits)
        self._open = plan.size
        self._ready: list[list[int]] = [[] for _ in plan.lanes]
        self._unsaid: set[Call] = set()
        self._ahead: set[int] = set()

    # -- stimuli ------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin with what waits for nothing."""
        self.started = True
        for node in [node for node, waits in enumerate(self._waits) if not waits]:
            if not self._flags[node]:
                self._ready_again(node, -1)
                continue
            work: list[End] = []
            self._decide(node, work, now)
            self._follow(work, now)
        self._close_if_stopped(now)

    def take(self, lane: int, now: float) -> Call | None:
        """The ready call of this lane that goes first, now running; None where there is none."""
        heap = self._ready[lane]
        if not heap or self.stopping:
            return None
        node = heap[0]
        if self._flags[node] & GROUP and node in self.groups:
            return self._take_child(heap, node, now)
        heappop(heap)
        self.status[node] = RUNNING
        self.running += 1
        attempt = 1
        if self._attempts:
            attempt = self._attempts.get(node, 1)
            if node in self.proposed:
                return (node, -1, attempt)
        if self.plan.timeouts and node in self.plan.timeouts:
            self._limit(node, -1, attempt, now)
        self.events.append((node, -1, attempt, RUNNING, now, 0.0, None, None))
        return (node, -1, attempt)

    def first(self, lane: int) -> int | None:
        """The node of the ready call of this lane that goes first."""
        heap = self._ready[lane]
        return heap[0] if heap and not self.stopping else None

    def take_many(self, lane: int, nodes: Container[int], most: int) -> list[Call]:
        """The next calls of this lane that go first, as long as they are of these nodes.

        Args:
            nodes: none that has a time limit, or is one of `handled`.
        """
        heap = self._ready[lane]
        calls: list[Call] = []
        while heap and len(calls) < most and heap[0] in nodes and not self.stopping:
            node = heap[0]
            group = self.groups.get(node)
            if group is None:
                heappop(heap)
                self.status[node] = RUNNING
                calls.append((node, -1, self.attempt(node)))
                continue
            indexes, states = group.pop_many(most - len(calls)), group.states
            for index in indexes:
                states[index] = RUNNING
            if self._attempts:
                calls += [(node, index, self.attempt(node, index)) for index in indexes]
            else:
                calls += [(node, index, 1) for index in indexes]
            if not group.has_ready:
                heappop(heap)
        self.running += len(calls)
        self._unsaid.update(calls)
        return calls

    def take_ahead(self, calls: Sequence[Call], workers: int, may: Callable[[int], bool]) -> list[Call]:
        """Calls that wait for nothing but these and each other, in an order in which they can be carried out.

        They are all that follows: where there is more, or something that others could do meanwhile, those
        wait for a word of what has ended.

        Args:
            calls: out, and none of a mapped task.
            workers: among whom calls are shared.
            may: whether a node may be taken ahead; asked once a node, with some of the guarantees of
                `take_many`: none that has a time limit, is handled, or of another lane.
        """
        waits, flags, successors = self._waits, self._flags, self.plan.successors
        ended: dict[int, int] = {}
        found: list[Call] = []
        step = [node for node, _, _ in calls]
        while step:
            for node in step:
                for follower in successors[node]:
                    ended[follower] = ended.get(follower, 0) + 1
            followers = list(dict.fromkeys(follower for node in step for follower in successors[node]))
            if len(followers) > -(-len(followers) // workers):
                break
            step = [
                follower
                for follower in followers
                if ended[follower] == waits[follower]
                and not flags[follower]
                and self.status[follower] == WAITING
                and not (self._attempts and follower in self._attempts)
                and may(follower)
            ]
            for follower in step:
                flags[follower] = AHEAD
                self._ahead.add(follower)
                found.append((follower, -1, 1))
            if len(step) < len(followers):
                break
        return found

    def say(self, call: Call, started: float) -> None:
        """A call that was taken with others has begun."""
        if call in self._unsaid:
            self._unsaid.remove(call)
            self.events.append((*call, RUNNING, started, 0.0, None, None))

    def take_to_look(self, lane: int, nodes: Container[int], most: int) -> list[Call]:
        """The ready calls of this lane that go first, as long as they are of these nodes.

        Args:
            nodes: none that is mapped.
        """
        heap = self._ready[lane]
        calls: list[Call] = []
        while heap and heap[0] in nodes and len(calls) < most and not self.stopping:
            node = heappop(heap)
            self.status[node] = RUNNING
            calls.append((node, -1, self._attempts.get(node, 1) if self._attempts else 1))
        self.running += len(calls)
        return calls

    def put_back(self, call: Call, now: float) -> None:
        """What was looked at, or was not begun, is ready again, unless it was given up meanwhile."""
        if call[0] in self._ahead:
            self._not_ahead(call[0], now)
            return
        self._unsaid.discard(call)
        if self.is_running(*call):
            self.running -= 1
            self._ready_again(call[0], call[1])
            self._close_if_stopped(now)

    def _not_ahead(self, node: int, now: float) -> None:
        """Nobody has it any more; what it waits for may have ended meanwhile, other than by succeeding."""
        self._ahead.remove(node)
        self._flags[node] &= ~AHEAD
        if not self._waits[node] and self.status[node] == WAITING:
            work: list[End] = []
            self._decide(node, work, now)
            self._follow(work, now)
            self._close_if_stopped(now)

    def done(self, row: Row) -> bool:
        """Take the end of an attempt; False where it comes too late, and nothing was changed."""
        node, index, attempt, status, started, now, _, detail = row
        if self._unsaid:
            self.say((node, index, attempt), started)
        told = detail is not None and node in self.plan.needs
        if SUCCESS <= status <= CACHED and not (told or self._attempts or self.stopping):
            # What nearly every task does, without the detours below.
            if index >= 0:
                return self._child_succeeded(row)
            if self.status[node] != RUNNING or attempt != 1:
                return False
            self.running -= 1
            self.events.append(row)
            work: list[End] = []
            self._node_ended(node, status, work, now)
            if work:
                self._follow(work, now)
                self._close_if_stopped(now)
            return True
        if not self.is_running(node, index, attempt):
            return False
        self.running -= 1
        if self.proposed and self._agreed(row):
            self._close_if_stopped(now)
            return True
        if status in (LOOPED, PAUSED):
            self._again(row)
            self._close_if_stopped(now)
            return True
        if status != SUCCESS and self._retried(row):
            return True
        if status == RETRYING:  # asked for, but the run is stopping
            status = CANCELLED
            row = (*row[:3], CANCELLED, *row[4:])
        self.events.append(row)
        if detail is not None:
            self._remember(node, index, detail)
        self._end((node, index, status), now)
        if self.fail_fast and status in (FAILED, TIMED_OUT):
            self.stopping = True
        self._close_if_stopped(now)
        return True

    def _child_succeeded(self, row: Row) -> bool:
        """As `done`, for a child of a mapped task, where there are no attempts but the first."""
        node, index, attempt, status, _, now, _, _ = row
        if self.groups[node].states[index] != RUNNING or attempt != 1:
            return False
        self.running -= 1
        self.events.append(row)
        work: list[End] = []
        self._child_ended(node, index, status, work, now)
        if work:
            self._follow(work, now)
            self._close_if_stopped(now)
        return True

    def children_done(self, rows: Sequence[Row]) -> bool:
        """As `done`, of children of one mapped task that were taken together and have simply succeeded.

        False, and nothing was changed: they are more than that, and each is to be answered by `done`.
        """
        node = rows[0][0]
        group = self.groups.get(node)
        if group is None or self._attempts or self.stopping or node in self.plan.paired:
            return False
        states, unsaid = group.states, self._unsaid
        events: list[Row] = []
        for row in rows:
            call = index_node, index, attempt = row[:3]
            if index_node != node or index < 0 or attempt != 1 or row[3] != SUCCESS or row[7] is not None:
                return False
            if states[index] != RUNNING:
                return False
            if call in unsaid:
                events.append((*call, RUNNING, row[4], 0.0, None, None))
            events.append(row)
        unsaid.difference_update([row[:3] for row in rows])
        self.events += events
        self.running -= len(rows)
        *others, last = rows
        for row in others:
            states[row[1]] = SUCCESS
        group.left -= len(others)
        self._end((node, last[1], SUCCESS), last[5])
        return True

    def expire(self, now: float) -> list[Call]:
        """Make due retries ready; return the running calls whose time limit is over."""
        late = []
        while self.deadlines and self.deadlines[0][0] <= now:
            _, kind, node, index, attempt = heappop(self.deadlines)
            if kind == RETRY:
                self._ready_again(node, index)
            elif self.is_running(node, index, attempt) and self._is_late((node, index, attempt), now):
                late.append((node, index, attempt))
        return late

    def cancel(self, now: float) -> None:
        """Start nothing any more. What runs may still end; when all has, the rest is Cancelled."""
        self.stopping = True
        self._close_if_stopped(now)

    def abandon(self, now: float) -> list[Call]:
        """Wait for nothing any more: what runs is Cancelled. Returns those calls."""
        self.stopping = True
        left = self.running_calls()
        for node, index, attempt in left:
            self.reasons[mark_of(node, index)] = ABANDONED
            self.done((node, index, attempt, CANCELLED, now, now, None, Detail(message=ABANDONED)))
        self._close_if_stopped(now)
        return left

    # -- questions ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether everything has ended, or the rest waits for what nobody will say."""
        return not self._open or (bool(self.held) and not self.patient and self.rests)

    @property
    def stuck(self) -> bool:
        """Whether nothing can ever happen again though not everything has ended: a bug."""
        going_on = self.running or self.deadlines or self.held or self._ahead or any(self._ready)
        return bool(self._open) and not going_on

    @property
    def next_deadline(self) -> float | None:
        """When `expire` may have something to do; what has passed away since may still show here."""
        return self.deadlines[0][0] if self.deadlines else None

    def ready(self, lane: int) -> int:
        """How many calls a lane could take now."""
        heap = self._ready[lane]
        if not heap or self.stopping:
            return 0
        first = self.groups.get(heap[0])
        return len(heap) if first is None else len(heap) - 1 + first.width - first.next + len(first.ready)

    def running_calls(self) -> list[Call]:
        """The calls that are out."""
        found = [(node, -1) for node, status in enumerate(self.status) if status == RUNNING]
        for node, group in self.groups.items():
            found += [(node, index) for index, status in enumerate(group.states) if status == RUNNING]
        return [(node, index, self.attempt(node, index)) for node, index in found]

    def is_running(self, node: int, index: int, attempt: int) -> bool:
        """Whether an attempt is out, and was not given up."""
        status = self.status[node] if index < 0 else self.groups[node].states[index]
        if status != RUNNING:
            return False
        return attempt == self.attempt(node, index) if self._attempts else attempt == 1

    def has_ended(self, node: int, index: int) -> bool:
        """Whether nothing more happens to a task, or a child."""
        status = self.status[node] if index < 0 else self.groups[node].states[index]
        return SUCCESS <= status <= CANCELLED

    # -- ends, and what follows from them -----------------------------------------------------

    def _end(self, end: End, now: float) -> None:
        """An end, and all that it means for what waits for it."""
        self._follow([end], now)

    def _follow(self, work: list[End], now: float) -> None:
        """What ends and expansions mean for all that wait for them, however far that goes."""
        while work:
            node, index, status = work.pop()
            if index >= 0:
                self._child_ended(node, index, status, work, now)
            elif status == EXPANDED:
                self._release(self.plan.paired.get(node, ()), work, now)
            else:
                self._node_ended(node, status, work, now)

    def _node_ended(self, node: int, status: int, work: list[End], now: float) -> None:
        plan, waits, flags, states = self.plan, self._waits, self._flags, self.status
        states[node] = status
        self._open -= 1
        if plan.paired and node in plan.paired and node not in self.groups:
            self._release(plan.paired[node], work, now)
        trouble = status >= MAPPED
        for follower in plan.successors[node]:
            left = waits[follower] - 1
            waits[follower] = left
            if trouble:
                flags[follower] |= TROUBLE
            if not left:
                if flags[follower]:
                    self._decide(follower, work, now)
                else:
                    states[follower] = READY
                    heappush(self._ready[plan.lane_of[follower]], follower)

    def _release(self, followers: tuple[int, ...], work: list[End], now: float) -> None:
        """Those that follow a mapped node child by child: it has expanded, or never will."""
        for follower in followers:
            self._waits[follower] -= 1
            if not self._waits[follower]:
                self._decide(follower, work, now)

    def _decide(self, node: int, work: list[End], now: float) -> None:
        """A node waits for nothing any more: make it ready, expand it, or end it without an attempt."""
        flags = self._flags[node]
        if flags & AHEAD:
            if flags == AHEAD:  # it has begun where it is, perhaps, also where nothing starts any more
                self._flags[node] = 0
                self._ahead.remove(node)
                self.status[node] = RUNNING
                self.running += 1
                self._unsaid.add((node, -1, 1))
            return  # else it is put back by who has it
        if flags & SETTLED or self.stopping:
            return
        status, reason = self.of_group(node) if flags & GROUP else self.of_node(node)
        if status == READY:
            self._make_ready(node, -1, now)
        else:
            self._conclude(node, -1, status, reason, work, now)

    def _conclude(self, node: int, index: int, status: int, reason: str, work: list[End], now: float) -> None:
        """Carry out what is decided without an attempt, or propose it first."""
        if node in self.handled:
            self._propose(node, index, status, reason)
        elif status == EXPANDED:
            self._expand(node, work, now)
        else:
            self._settle(node, index, status, reason, work, now)

    def _propose(self, node: int, index: int, status: int, reason: str) -> None:
        """Give out what is decided without an attempt, as a call."""
        mark = mark_of(node, index)
        self.proposed[mark] = (status, reason)
        self._attempts.setdefault(mark, 1)  # a call with a number takes the slower way
        self._ready_again(node, index)

    def _agreed(self, row: Row) -> bool:
        """Carry out what was proposed, where the answer to it agrees; False where there was nothing, or
        something else has come of it."""
        node, index, _, status, _, now, _, detail = row
        proposed = self.proposed.pop(mark_of(node, index), None)
        if proposed is None or proposed[0] != status or detail is not None:
            return False
        work: list[End] = []
        if status == EXPANDED:
            self._expand(node, work, now)
        else:
            self._settle(node, index, status, proposed[1], work, now)
        self._follow(work, now)
        return True

    def _make_ready(self, node: int, index: int, now: float) -> None:
        """It may start now, or when what is left of the wait for its next attempt is over."""
        wait = self._delays.pop((node, index), None) if self._delays else None
        if wait is None:
            self._ready_again(node, index)
        else:
            self._set(node, index, RETRYING)
            heappush(self.deadlines, (now + wait, RETRY, node, index, self.attempt(node, index)))

    def _settle(self, node: int, index: int, status: int, reason: str, work: list[End], now: float) -> None:
        """End a node or a child without an attempt."""
        if status == PAUSED:
            self.events.append((node, index, 0, PAUSED, now, now, None, reason))
            self._wait(node, index, now, None, PAUSED)
            return
        self.reasons[mark_of(node, index)] = reason
        self.events.append((node, index, 0, status, now, now, None, reason))
        if self.fail_fast and status == FAILED:
            self.stopping = True
        work.append((node, index, status))

    def _remember(self, node: int, index: int, detail: Detail) -> None:
        if node in self.plan.needs:
            details = self.details if index < 0 else self.groups[node].details
            details[node if index < 0 else index] = detail

    # -- mapped tasks -------------------------------------------------------------------------

    def _expand(self, node: int, work: list[End], now: float) -> None:
        """Make the children of a mapped node."""
        shape = self.plan.groups[node]
        group = self.groups[node] = Group(self.width(node), len(shape.pairs))
        if node in self.plan.first:
            group.put_first(self.plan.first[node])
        group.base = self.shared(node)
        group.counted = tuple(source for source in shape.pairs if source in self.plan.upstreams[node])
        group.flat = {
            source: self.elements(source) for source in shape.flat_groups if source not in shape.whole
        }
        self.status[node] = EXPANDED
        self.events.append((node, -1, group.width, EXPANDED, now, now, None, None))
        if not group.width:
            self._group_ended(node, work, now)
        elif shape.pairs or shape.gated or group.flat or node in self._known or self._delays or self._resumed:
            self._decide_one_by_one(node, group, work, now)
        else:
            self._decide_alike(node, group, work, now)
        work.append((node, -1, EXPANDED))

    def _decide_alike(self, node: int, group: Group, work: list[End], now: float) -> None:
        """All children see the same upstream states, so one verdict is that of all."""
        status, reason = self.of_child(node, 0)
        if status == READY:
            group.all_ready()
            heappush(self._ready[self.plan.lane_of[node]], node)
            return
        for index in range(group.width):
            self._conclude(node, index, status, reason, work, now)

    def _decide_one_by_one(self, node: int, group: Group, work: list[End], now: float) -> None:
        for source in self.plan.groups[node].pairs:
            states = self.groups[source].states
            for index in range(group.width):
                if states[index] >= SUCCESS:
                    group.waits[index] -= 1
        for index in range(group.width):
            if not group.waits[index]:
                self._decide_child(node, index, work, now)

    def _decide_child(self, node: int, index: int, work: list[End], now: float) -> None:
        if self.stopping:
            return
        status, reason = self.of_child(node, index)
        known = self._known[node].pop(index, None) if node in self._known else None
        if status != READY:
            self._conclude(node, index, status, reason, work, now)
        elif known is None:
            self._make_ready(node, index, now)
        else:
            if known[1] is not None:
                self._remember(node, index, known[1])
            work.append((node, index, known[0]))

    def _take_child(self, heap: list[int], node: int, now: float) -> Call:
        group = self.groups[node]
        index = group.pop()
        if not group.has_ready:
            heappop(heap)
        group.states[index] = RUNNING
        self.running += 1
        attempt = 1
        if self._attempts:
            attempt = self.attempt(node, index)
            if (node, index) in self.proposed:
                return (node, index, attempt)
        if node in self.plan.timeouts:
            self._limit(node, index, attempt, now)
        self.events.append((node, index, attempt, RUNNING, now, 0.0, None, None))
        return (node, index, attempt)

    def _child_ended(self, node: int, index: int, status: int, work: list[End], now: float) -> None:
        group = self.groups[node]
        group.states[index] = status
        group.left -= 1
        for follower in self.plan.paired.get(node, ()):
            after = self.groups.get(follower)
            if after is not None and index < after.width and after.states[index] < SUCCESS:
                after.waits[index] -= 1
                if not after.waits[index]:
                    self._decide_child(follower, index, work, now)
        if not group.left:
            self._group_ended(node, work, now)

    def _group_ended(self, node: int, work: list[End], now: float) -> None:
        status = CANCELLED if self.stopping and CANCELLED in self.groups[node].states else MAPPED
        self.events.append((node, -1, 0, status, now, now, None, None))
        work.append((node, -1, status))

    # -- the end ------------------------------------------------------------------------------

    def _close_if_stopped(self, now: float) -> None:
        """Where nothing starts and nothing runs any more, everything that has not ended is Cancelled."""
        if not self.stopping or self.running or not self._open:
            return
        for node, group in self.groups.items():
            for index, status in enumerate(group.states):
                if status < SUCCESS:
                    group.states[index] = CANCELLED
                    self._say_cancelled(node, index, now)
            group.left = 0
        for node, status in enumerate(self.status):
            if status < SUCCESS:
                self.status[node] = CANCELLED
                self._say_cancelled(node, -1, now)
        self._open = 0
        self._ready = [[] for _ in self._ready]
        self.deadlines.clear()
        self.held.clear()
        self.proposed.clear()

    def _say_cancelled(self, node: int, index: int, now: float) -> None:
        reason = self.reasons[mark_of(node, index)] = self._stopped(node, index)
        self.events.append((node, index, 0, CANCELLED, now, now, None, reason))

    def check(self) -> None:
        """Raise where an invariant does not hold; for tests.

        Raises:
            BugError: with the invariant that is broken.
        """
        for promise, kept in self.promises():
            if not kept:
                raise BugError(f"the machine broke an invariant: {promise}")

    def promises(self) -> list[tuple[str, bool]]:
        """What must hold after each stimulus, and whether it does."""
        return invariants(self)

    def queued(self) -> list[int]:
        """The nodes that are ready, or have children that are."""
        return [node for heap in self._ready for node in heap]
