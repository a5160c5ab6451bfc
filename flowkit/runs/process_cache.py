"""Results that are found again within this process, where no history remembers a run: classic's `cache_for`.

Source of the rule: Prefect classic, 13.1, whose cache lived as long as its process. A result is found by its
inputs as in the history (see cached.py), and by the very function, as that does not change meanwhile; of a
task class, by its code and what the instance has of its own.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flowkit.engine.ledger import Hit, Making
from flowkit.errors import HistoryError
from flowkit.fingerprint import Code, Tracer
from flowkit.flow.task import FunctionTask, Task
from flowkit.flow.validators import CacheFor
from flowkit.plan.events import Call
from flowkit.plan.plan import Plan
from flowkit.runs.cache_keys import Keys
from flowkit.runs.cached import Unfindable, accepted
from flowkit.runs.memory import code_of
from flowkit.store.batch import NOTHING, Stored
from flowkit.store.cache_entry import is_expired, said_of


class _Entry(NamedTuple):
    value: Any
    made: float


_entries: dict[bytes, _Entry] = {}
_numbers: dict[Any, int] = {}  # of each function that was asked for
_number = itertools.count()  # never the same, also where two runs begin at once


class _Everything(frozenset[type]):
    """All types: nothing is kept of a value besides itself."""

    def __contains__(self, kind: object) -> bool:
        return True


class ProcessResults:
    """The results of a run that nobody remembers, whose tasks have a `cache_for`.

    Args:
        nodes: those tasks.
    """

    plain: frozenset[type] = _Everything()

    def __init__(self, plan: Plan, nodes: Sequence[int]) -> None:
        self._plan = plan
        tracer = Tracer(Path.cwd())
        self._codes = {node: _code_of(plan.tasks[node], tracer) for node in nodes}
        self._keys = Keys(plan, self._codes, tracer)

    def keep(self, node: int, index: int, value: Any) -> Stored:
        """Nothing."""
        return NOTHING

    def load(self, node: int, index: int) -> Any:
        """See `Results.load`: no value is ever let go, so that nothing has to be loaded."""
        raise HistoryError(f"the result of `{self._plan.key(node, index)}` is not kept")

    def at_hand(self, call: Call, values: Sequence[Any]) -> tuple[Any, str] | None:
        """See `Results.at_hand`."""
        return None

    def found(self, call: Call, arguments: dict[str, Any]) -> Hit | Making:
        """See `Results.found`."""
        node = call[0]
        key = self._keys.of(node, arguments) if node in self._codes else None
        if key is None:
            return Unfindable()
        entry, task = _entries.get(key), self._plan.tasks[node]
        if entry is not None and is_expired(task.keeping.good_for, entry.made):
            _entries.pop(key, None)  # so that its value is let go before there is another one
            entry = None
        if entry is not None and accepted(task, arguments, entry.value, entry.made):
            return Hit(entry.value, None, said_of(key, "[]", made=int(entry.made)))
        return _Missing(key)


class _Missing:
    """A call whose result is not there; see `Making`."""

    def __init__(self, key: bytes) -> None:
        self.origin = said_of(key, "[]")
        self._key = key

    def made(self, value: Any, kept: Stored) -> Stored:
        """See `Making.made`."""
        _entries[self._key] = _Entry(value, time.time())
        return kept

    def drop(self) -> None:
        """Nothing was claimed."""


def _code_of(task: Task, tracer: Tracer) -> Code:
    """What stands for the code of a task in this process."""
    try:
        if type(task) is FunctionTask:
            return Code(_numbers.setdefault(task.run, next(_number)).to_bytes(8, "big"), ())
    except TypeError:  # a callable without a hash
        pass
    return code_of(tracer, task)


def process_results(plan: Plan) -> ProcessResults | None:
    """The results of a run without a history; None where no task asks for them."""
    nodes = [node for node in plan.cached if isinstance(plan.tasks[node].keeping.cache, CacheFor)]
    return ProcessResults(plan, nodes) if nodes else None


def forget() -> None:
    """Find nothing again of what was made so far."""
    _entries.clear()
