"""The keys under which results are found again: what a task runs, and what it is given, by content.

A key is a digest of the task's code and of its arguments in the order of their names. Guarantees: the same in
another process, and under another hash seed; a change of what it is made of is another version.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from flowkit.fingerprint import Code, Tracer, UndigestibleError, combine, digest
from flowkit.fingerprint.plain import LEAVES, raw, text
from flowkit.flow.task import Task
from flowkit.plan.plan import Plan

VERSION = 1

Inputs = list[tuple[str, str, str]]


class Keys:
    """The keys of the calls of a plan.

    Args:
        codes: of each node that has a cache.
        tracer: that found them; it knows the root of the project, and the code of classes of values.
    """

    def __init__(self, plan: Plan, codes: Mapping[int, Code], tracer: Tracer) -> None:
        self._plan = plan
        self._codes = codes
        self.tracer = tracer
        self._beginnings: dict[bytes, bytes] = {}
        self._orders: dict[tuple[str, ...], list[tuple[str, bytes]]] = {}

    def of(self, node: int, arguments: Mapping[str, Any]) -> bytes | None:
        """The key of a call; None where an argument has no digest, so that its result cannot be found.

        Raises:
            Exception: whatever the user's own function for a key raises.
        """
        task = self._plan.tasks[node]
        cache = task.keeping.cache
        code = self._codes[node].digest
        tokens = [(self._beginnings.get(code) if cache is True else None) or self._beginning(task, code)]
        try:
            if cache is not True and callable(cache):
                tokens.append(self._digest(cache(dict(arguments))))
            else:
                names = tuple(arguments)
                for name, token in self._orders.get(names) or self._order(names):
                    value = arguments[name]
                    leaf = LEAVES.get(type(value))
                    tokens += (token, leaf(value) if leaf is not None else raw(self._digest(value)))
        except UndigestibleError:
            return None
        return sha256(b"".join(tokens)).digest()

    def code(self, node: int) -> bytes:
        """The digest of a task's code."""
        return self._codes[node].digest

    def inputs(self, node: int, arguments: Mapping[str, Any]) -> Inputs:
        """Name, digest and upstream of each argument: what a key is made of, for people.

        One without a digest, which a key by the user's own function may leave out, has "".
        """
        return [
            (name, self._told(value), self.source(node, name)) for name, value in sorted(arguments.items())
        ]

    def _told(self, value: Any) -> str:
        try:
            return self._digest(value).hex()
        except UndigestibleError:
            return ""

    def _digest(self, value: Any) -> bytes:
        return digest(value, tracer=self.tracer)

    def _beginning(self, task: Task, code: bytes) -> bytes:
        """What all calls of a task share."""
        if task.keeping.cache == "inputs":  # nothing but its name tells it from others
            run = task.run
            name = f"{task.name} {getattr(run, '__module__', '')}.{getattr(run, '__qualname__', type(task))}"
            return combine(f"{VERSION} {name}".encode(), b"")
        found = self._beginnings[code] = combine(f"{VERSION} ".encode(), code)
        return found

    def _order(self, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
        """The names of arguments in the order in which they are part of a key, with their tokens."""
        found = self._orders[names] = [(name, text(name)) for name in sorted(names)]
        return found

    def source(self, node: int, argument: str) -> str:
        """The key of the task that an argument comes from, or ""."""
        plan = self._plan
        for each in plan.arguments.get(node, ()):
            if each.name == argument:
                return plan.keys[each.source]
        names = plan.names[node] or plan.tasks[node]._signature.names
        for found, ref in zip(names, plan.refs[node], strict=False):
            if found == argument and ref < plan.size:
                return plan.keys[ref]
        return ""
