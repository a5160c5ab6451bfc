"""The results of a run, for the engine: kept in the project's store, and found there again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from flowkit.engine.ledger import Hit, Making
from flowkit.engine.mask import MASK
from flowkit.engine.sealed import is_closed
from flowkit.errors import HistoryError
from flowkit.plan.events import Call
from flowkit.plan.plan import Plan
from flowkit.runs.cached import Cache, Unfindable
from flowkit.store.batch import Stored
from flowkit.store.past import Past
from flowkit.store.results import PLAIN, Results, UnreadableError

_UNKEPT = Stored("x", "")


class RunResults:
    """Keeps what tasks give.

    Args:
        persists: False: nothing is kept.
        past: what this run, or the one that it goes on with, has in the store; set once it has begun.
        ids: the number of each node in the rows of its run.
        cache: where entries are looked for; None: nowhere.
    """

    def __init__(self, plan: Plan, results: Results, *, persists: bool, cache: Cache | None) -> None:
        self._plan = plan
        self._results = results
        self._persists = persists
        self._cache = cache
        self._past: Past | None = None
        self._said: set[int] = set()
        self._others: Mapping[int, tuple[Past, int]] = {}
        self._ids: Any = range(plan.size)
        # What may hold a secret is looked at, and so is all of a run that keeps nothing.
        self.plain: frozenset[type] = PLAIN if persists and not MASK else frozenset()

    def belong_to(self, past: Past, ids: Any) -> None:
        """The run has begun; this is where its results lie."""
        self._past = past
        self._ids = ids

    def borrow(self, sources: Mapping[int, tuple[Past, int]]) -> None:
        """These nodes have their results in other runs."""
        self._others = sources

    def keep(self, node: int, index: int, value: Any) -> Stored:
        if not self._persists or node in self._plan.unkept:
            return _UNKEPT
        if is_closed(value):
            stored = self._results.forwarded(*value.parts())
        else:
            stored = self._results.packed(value)
        if stored.kind == "x" and node not in self._said:
            self._said.add(node)
            logging.getLogger("flowkit").warning(
                "The result of %s is not kept: %s. It is made again by `flowkit resume` where it is needed.",
                self._plan.key(node, index),
                stored.payload,
            )
        return stored

    def load(self, node: int, index: int) -> Any:
        past, number = self._others.get(node) or (self._past, self._ids[node])
        assert past is not None
        try:
            return past.value(number, index)
        except UnreadableError as error:
            key = self._plan.keys[node]
            raise HistoryError(
                f"the result of `{self._plan.key(node, index)}` cannot be read: {error}"
                f"; `flowkit resume --force {key}` makes it again"
            ) from error

    def at_hand(self, call: Call, values: Sequence[Any]) -> tuple[Any, str] | None:
        return self._cache.at_hand(call, values) if self._cache is not None else None

    def found(self, call: Call, arguments: dict[str, Any]) -> Hit | Making:
        return self._cache.found(call, arguments) if self._cache is not None else Unfindable()
