"""The canonical, typed encoding of values: which kind of value is encoded how.

Guarantees: equal values of equal types have equal tokens in every process; the order of dicts and sets
does not count; no `__eq__`, `__hash__`, `__bool__`, `__iter__` or `__len__` of a user is called. What has no
value that can be compared raises `UndigestibleError`.
Relies on: values are not changed while they are encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from flowkit.errors import FlowkitError
from flowkit.fingerprint import arrays, callables, containers, objects, tables
from flowkit.fingerprint.families import FAMILIES
from flowkit.fingerprint.plain import LEAVES, NoValueError
from flowkit.fingerprint.walk import Steps, Walk


class UndigestibleError(FlowkitError, ValueError):
    """A value has no fingerprint: an open file, a lock, a generator, what its own class refuses.

    Args:
        way: how to get to it, such as `args.client._lock`.
        of: its class.
    """

    def __init__(self, way: str, of: type, reason: str = "") -> None:
        self.way, self.of = way, of
        name = of.__qualname__ if of.__module__ == "builtins" else f"{of.__module__}.{of.__qualname__}"
        why = f": {reason}" if reason else ""
        super().__init__(f"`{way}` cannot have a fingerprint, for it is a `{name}`{why}")


class Encoder(Walk):
    """Encodes values; what code and paths are worth is up to who derives from it.

    Args:
        name: what the root is called in messages.
    """

    def __init__(self, name: str = "value") -> None:
        super().__init__()
        self._name = name

    def code(self, value: Any) -> bytes:
        """The token of a function, a class or a module."""
        raise NotImplementedError

    def path(self, value: Path) -> bytes:
        """The token of a path."""
        raise NotImplementedError

    def leaf(self, value: Any) -> bytes | None:
        encode = LEAVES.get(type(value))
        return encode(value) if encode is not None else None

    def steps(self, value: Any) -> Steps:
        cls = type(value)
        handler = _EXACT.get(cls) or _handler(cls)
        if handler is not None:
            return handler(value)
        return _answer(self.path if issubclass(cls, Path) else self.code, value)

    def wrong(self, value: Any, error: Exception, ways: list[str]) -> Exception:
        if isinstance(error, UndigestibleError):
            return error
        reason = str(error) if isinstance(error, FlowkitError | OSError | NoValueError) else ""
        return UndigestibleError(self._name + "".join(ways), type(value), reason)


_EXACT: dict[type, Callable[[Any], Steps] | None] = {**containers.EXACT, **callables.EXACT}
_ANSWERED = frozenset({FunctionType, ModuleType, type})


def _handler(cls: type) -> Callable[[Any], Steps] | None:
    """How instances of `cls` are encoded; None for code and paths."""
    if cls in _ANSWERED or issubclass(cls, type | Path | ModuleType):
        return None
    found = arrays.handler(cls) or tables.handler(cls) or objects.special(cls)
    if found is not None:
        return found
    return next((handler for family, handler in FAMILIES if issubclass(cls, family)), objects.ordinary)


def _answer(answer: Callable[[Any], bytes], value: Any) -> Steps:
    return answer(value)
    yield  # a generator all the same, as every handler is
