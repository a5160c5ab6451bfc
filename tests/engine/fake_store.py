"""A store in memory: what it keeps of values are pickles, what it is told are rows."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowkit.plan.events import Row


@dataclass
class Pickled:
    """What is kept of a value."""

    data: bytes
    dropped: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def is_kept(self) -> bool:
        return True

    def drop(self) -> None:
        self.dropped = True


class Store:
    """A ledger and the results of one run.

    Args:
        before: called with each batch before it is committed; may wait or raise.
        plain: the types of values that are kept as they are.
    """

    def __init__(
        self,
        before: Callable[[Sequence[Row]], None] = lambda rows: None,
        plain: frozenset[type] = frozenset({int, type(None)}),
    ) -> None:
        self.plain = plain
        self.rows: list[Row] = []
        self.committed: dict[tuple[int, int], Any] = {}
        self.kept: list[Pickled] = []
        self.threads: set[str] = set()
        self.has_ended = False
        self._before = before

    # -- as a ledger --------------------------------------------------------------------------

    def append(
        self, rows: Sequence[Row], kept: Mapping[tuple[int, int], Any], values: Any, lines: Any
    ) -> None:
        self.threads.add(threading.current_thread().name)
        self._before(rows)
        self.rows += rows
        self.committed.update(kept)

    def wish(self) -> str:
        return ""

    def end(self, outcome: Any) -> None:
        self.has_ended = True

    # -- as results ---------------------------------------------------------------------------

    def keep(self, node: int, index: int, value: Any) -> Pickled:
        found = Pickled(pickle.dumps(value))
        self.kept.append(found)
        return found

    def load(self, node: int, index: int) -> Any:
        return pickle.loads(self.committed[node, index].data)

    def found(self, call: Any, arguments: Any) -> Any:
        raise AssertionError("no task here has a cache")
