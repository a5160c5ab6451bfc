"""What is known of a run before it starts: ends that are not found out again, attempts that were made.

Guarantees: what is taken as given raises no event; a child that has ended is given only where its mapped task
expands so far, and in its turn, so that gates and triggers are asked first.
"""

from __future__ import annotations

from flowkit.errors import BugError
from flowkit.plan.events import Detail, Row
from flowkit.plan.group import Group
from flowkit.plan.plan import GROUP, SETTLED, TROUBLE, WAITED, Plan
from flowkit.plan.status import MAPPED, SUCCESS
from flowkit.plan.verdicts import Verdicts

Child = tuple[int, int]


class Known(Verdicts):
    """The part of the machine that begins where something else has left off."""

    started: bool
    _flags: bytearray
    _waits: list[int]
    _open: int
    _attempts: dict[int | Child, int]

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._known: dict[int, dict[int, tuple[int, Detail | None]]] = {}
        self._forgiven: dict[Child, int] = {}
        self._delays: dict[Child, float] = {}

    def is_mapped(self, node: int) -> bool:
        """Whether a node has children."""
        return bool(self._flags[node] & GROUP)

    def replay(self, row: Row) -> None:
        """Take an end as given; it is not run. Of a mapped task those of its children, and, where all
        have ended, its own after theirs, with the width as the attempt; or that of it as a whole, where it
        never expanded."""
        node, index, width, status, detail = row[0], row[1], row[2], row[3], row[7]
        if self.started or self._flags[node] & SETTLED or not self._fits(node, index, status):
            raise BugError(f"`{self.plan.keys[node]}` cannot be replayed")
        if index >= 0:
            self._known.setdefault(node, {})[index] = (status, detail)
            return
        self._flags[node] |= SETTLED
        if detail is not None:
            self.details[node] = detail
        self.status[node] = status
        self._open -= 1
        if status == MAPPED:
            self._replay_children(node, width)
        for follower in self.plan.paired.get(node, ()):
            self._waits[follower] -= 1
        for follower in self.plan.successors[node]:
            self._waits[follower] -= 1
            if status >= MAPPED:
                self._flags[follower] |= TROUBLE

    def _fits(self, node: int, index: int, status: int) -> bool:
        """Whether such a node can have such an end."""
        if self.is_mapped(node):
            return index >= 0 or status >= MAPPED
        return index < 0 and status != MAPPED

    def _replay_children(self, node: int, width: int) -> None:
        group = self.groups[node] = Group(width, 0)
        group.left = 0
        for index, (status, detail) in self._known.pop(node, {}).items():
            if index < width:
                group.states[index] = status
                if detail is not None:
                    group.details[index] = detail
        if min(group.states, default=SUCCESS) < SUCCESS:
            raise BugError(f"not all children of `{self.plan.keys[node]}` have ended")

    def go_on(self, node: int, index: int, attempt: int, forgiven: int, wait: float | None) -> None:
        """A task goes on with a later attempt.

        Args:
            attempt: the number of the next one.
            forgiven: how many of those before do not count against `max_retries`.
            wait: seconds until it may begin; None: none.
        """
        self._attempts[node if index < 0 else (node, index)] = attempt
        if forgiven:
            self._forgiven[node, index] = forgiven
        if wait is not None:
            self._delays[node, index] = wait
            if index < 0:
                self._flags[node] |= WAITED

    def forgiven(self, node: int, index: int) -> int:
        """How many earlier attempts do not count against `max_retries`."""
        return self._forgiven.get((node, index), 0)

    def was_let_on(self, node: int, index: int) -> bool:
        """Whether somebody has let it go on after a pause."""
        return (node, index) in self._resumed

    def let_on(self, node: int, index: int) -> None:
        """It was paused, and may go on."""
        self._resumed.add((node, index))
