"""Reads what stands in one node: the tokens of its values, and what they refer to.

Guarantees: what cannot have a digest raises nothing; it is named, and its class counts, with the little that
can be seen inside. A path is worth its text, for a task may write there; `depends_on=` makes its content
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from contextvars import Context, ContextVar
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from flowkit.errors import BugError
from flowkit.fingerprint import files, iterators, origin
from flowkit.fingerprint.encoding import Encoder, UndigestibleError
from flowkit.fingerprint.nodes import Package
from flowkit.fingerprint.origin import Origin
from flowkit.fingerprint.plain import LEAVES, composite, text
from flowkit.fingerprint.walk import Steps

_LIVE = (FunctionType, type, ModuleType)
_WRAPPED = ("__wrapped__", "py_func", "func", "fn", "function")


class Gathering(Encoder):
    """The values of one node.

    Args:
        name: what the node is called.
        root: the folder that paths are relative to.
    """

    def __init__(self, name: str, root: Path | None) -> None:
        super().__init__(name)
        self.unfollowed: list[str] = []
        self._root = root
        self._targets: dict[Any, tuple[str, Any]] = {}
        self._named: dict[str, int] = {}

    def steps(self, value: Any) -> Steps:
        handler = iterators.EXACT.get(type(value))
        return handler(value) if handler is not None else super().steps(value)

    def targets(self) -> list[Any]:
        """What was referred to, in an order that does not depend on that of a set."""
        return [target for _, target in sorted(self._targets.values(), key=lambda each: each[0])]

    def refer(self, name: str, target: Any) -> bytes:
        """The token of something else that counts by itself."""
        key = id(target) if isinstance(target, _LIVE) else target
        known = self._targets.get(key)
        if known is None:
            count = self._named[name] = self._named.get(name, 0) + 1
            known = self._targets[key] = (name if count == 1 else f"{name} {count}", target)
        return composite(b"refer", text(known[0]))

    def value(self, name: str, value: Any) -> bytes:
        """The token of a value, whatever it is."""
        plain = LEAVES.get(type(value))
        if plain is not None:
            return plain(self._moved(value) if type(value) is str else value)
        wrapped = self._wrapped(value)
        if wrapped is not None:
            return wrapped
        try:
            return self.token(value)
        except UndigestibleError:
            self.unfollowed.append(name)
            return composite(b"unfollowed", self.code(type(value)), *self._inside(name, value))

    def _moved(self, value: str) -> str:
        """A text without the place of the checkout, which a module may have computed from `__file__`."""
        root = str(self._root)
        return f"<root>{value[len(root) :]}" if self._root and value.startswith(root) else value

    def _wrapped(self, value: Any) -> bytes | None:
        """What a compiler such as numba wraps counts, not what it made of it so far."""
        if isinstance(value, type | FunctionType) or origin.of_class(type(value)) is not Origin.INSTALLED:
            return None
        function = getattr(value, "py_func", None)
        return composite(b"compiled", self.token(function)) if isinstance(function, FunctionType) else None

    def _inside(self, name: str, value: Any) -> Iterator[bytes]:
        """The functions that something unknown visibly wraps, and the default of a context variable."""
        held = getattr(value, "__dict__", {})
        for wrapped in _WRAPPED:
            if isinstance(held.get(wrapped), FunctionType):
                yield self.token(held[wrapped])
        if isinstance(value, ContextVar):
            with suppress(LookupError):
                yield self.value(name, Context().run(value.get))

    def path(self, value: Path) -> bytes:
        return files.by_place(value, self._root)

    def code(self, value: Any) -> bytes:
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            return self._named_code(origin.of_module(value), value.__name__, "", value)
        raise BugError(f"`{type(value).__name__}` is no code")

    def _class(self, value: type) -> bytes:
        whose = origin.of_class(value)
        if whose is Origin.INSTALLED and origin.is_made(value):
            # What went into it is the project's; but what else a library keeps there is not known to stay.
            self.unfollowed.append(origin.full_name(value.__module__, value.__qualname__))
        return self._named_code(whose, value.__module__, value.__qualname__, value)

    def _function(self, value: FunctionType) -> bytes:
        whose = origin.of_globals(value.__globals__, value.__code__.co_filename)
        where = str(value.__globals__.get("__name__", value.__module__))
        if whose is not Origin.PROJECT and (value.__closure__ or "__wrapped__" in value.__dict__):
            whose = Origin.PROJECT
        return self._named_code(whose, where, value.__code__.co_qualname, value)

    def _named_code(self, whose: Origin, module: str, name: str, value: Any) -> bytes:
        """The token of code by name, which also refers to its version or its content where these count."""
        full = origin.full_name(module, name) if name else origin.said(module)
        if whose is Origin.PROJECT:
            return self.refer(full, value)
        self.installed(whose, module)
        return composite(b"named", text(full))

    def installed(self, whose: Origin, module: str) -> None:
        """Refer to the version of the package that this module is of, where it is of one."""
        if whose is Origin.INSTALLED:
            package = Package(module.partition(".")[0])
            self.refer(package.name, package)
