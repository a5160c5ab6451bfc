"""Values that nobody needs any more are let go.

Guarantees: a value goes only after it was committed and everything that takes it has ended; who asks for
it later gets it from what was kept. Plain values stay: they are as small as what would stand for them.
Relies on: one thread, but for `look_up`; each row once, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flowkit.engine.ledger import Kept
from flowkit.plan.events import Row
from flowkit.plan.plan import CHILD
from flowkit.plan.status import CANCELLED, SUCCESS

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


class _Gone:
    """Stands for a value that is kept elsewhere."""

    def __repr__(self) -> str:
        return "<kept elsewhere>"


GONE = _Gone()

Child = tuple[int, int]


class Release:
    """Lets go of the values of one run.

    Args:
        unkept: let values go too that were not kept: nobody asks for them after the run.
    """

    def __init__(self, engine: Engine, *, unkept: bool) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._unkept = unkept
        self._odd = frozenset(engine.plan.arguments) | frozenset(engine.plan.custom)
        self._ended = bytearray(engine.plan.size)
        self._held: set[int] = set()
        self._held_children: set[Child] = set()
        self._looked_up: deque[Child] = deque()
        self._flat = engine.worker.arguments.flat
        self._users: list[int] | None = None
        self._followers: dict[Child, int] = {}

    def hold(self, kept: Mapping[Child, Kept]) -> None:
        """These values were committed and are worth letting go."""
        for child, some in kept.items():
            if self._unkept or some.is_kept:
                self._hold(child)

    def _hold(self, child: Child) -> None:
        if child[1] < 0:
            self._held.add(child[0])
        else:
            self._held_children.add(child)

    def look_up(self, node: int, index: int) -> None:
        """This value is in memory again, for one that has not ended. From any thread."""
        self._looked_up.append((node, index))

    def see(self, rows: Sequence[Row]) -> None:
        """Let go of what these ends leave without users."""
        for _ in range(len(self._looked_up)):
            self._hold(self._looked_up.popleft())
        if self._users is not None:
            for row in rows:
                if SUCCESS <= row[3] <= CANCELLED:
                    self._end(row[0], row[1])
            return
        for row in rows:
            if SUCCESS <= row[3] <= CANCELLED and row[1] < 0:
                self._ended[row[0]] = 1
        if self._held or self._held_children:
            self._begin()

    def _begin(self) -> None:
        """The first value that is worth it: count who takes what, and catch up."""
        for row in self._engine.earlier.rows:  # no row tells of these
            if row[1] < 0:
                self._ended[row[0]] = 1
        self._users = self._counted()
        for node in {*self._held, *(node for node, _ in self._held_children)}:
            if self._ended[node] and not self._users[node]:
                self._drop(node)

    def _end(self, node: int, index: int) -> None:
        users = self._users
        assert users is not None
        if index >= 0:
            self._child_ended(node, index)
            if not users[node]:
                self._drop_child(node, index)
            return
        self._ended[node] = 1
        held = self._held
        for source in self._plan.refs[node] if node not in self._odd else self._sources(node):
            left = users[source] = users[source] - 1
            if not left and (source in held or self._held_children):
                self._drop(source)
        if not users[node] and (node in held or self._held_children):
            self._drop(node)

    def _counted(self) -> list[int]:
        """How many of those that have not ended take each value; constants count too, and stay."""
        users = [0] * len(self._engine.values)
        for node in range(self._plan.size):
            if not self._ended[node]:
                for source in self._sources(node):
                    users[source] += 1
        return users

    def _sources(self, node: int) -> Iterable[int]:
        """The nodes whose values a node takes, or whose states its trigger looks at, as often as it does."""
        plan = self._plan
        if node not in self._odd:
            return plan.refs[node]
        found = list(plan.refs[node])
        found += [argument.source for argument in plan.arguments.get(node, ())]
        found += [source for _, source in plan.custom.get(node, ())]
        return found

    def _child_ended(self, node: int, index: int) -> None:
        """Child *i* of what follows one by one was the last to need child *i* before it."""
        for source in self._one_by_one(node):
            if self._is_followed_only(source):
                mark = (source, index)
                left = self._followers.get(mark, len(self._plan.paired[source])) - 1
                self._followers[mark] = left
                if left <= 0:
                    del self._followers[mark]
                    self._drop_child(source, index)

    def _one_by_one(self, node: int) -> Iterable[int]:
        arguments = self._plan.arguments.get(node, ())
        return {argument.source for argument in arguments if argument.mode == CHILD}

    def _is_followed_only(self, source: int) -> bool:
        """Whether all that take from a mapped task do so one by one."""
        followers = self._plan.paired.get(source, ())
        taking = sum(
            argument.source == source
            for node in followers
            if not self._ended[node]
            for argument in self._plan.arguments.get(node, ())
        )
        return self._users is not None and self._users[source] == taking

    def _drop(self, node: int) -> None:
        values = self._engine.values
        if node in self._held:
            self._held.discard(node)
            values[node] = GONE
        elif self._held_children and node in self._engine.machine.groups and values[node] is not None:
            for index in range(len(values[node])):
                self._drop_child(node, index)
        if self._flat:
            self._flat.pop(node, None)  # nobody takes its elements any more

    def _drop_child(self, node: int, index: int) -> None:
        if (node, index) in self._held_children:
            self._held_children.discard((node, index))
            self._engine.values[node][index] = GONE
