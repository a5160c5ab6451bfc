"""The code of a task: all that its function reaches in the project, and the versions of what lies beyond.

Guarantees: the same in another process, under another hash seed, in another checkout, and whatever was
imported or run before; comments, lines, docstrings, annotations and names of locals change nothing.
A digest holds for one minor version of Python, which it includes, for instructions are that version's.
Several threads may ask one tracer.
Relies on: globals are not changed while a tracer is used; make one for each run.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from flowkit.fingerprint import files, finding, versions
from flowkit.fingerprint.encoding import UndigestibleError
from flowkit.fingerprint.live import Live
from flowkit.fingerprint.nodes import (
    UNFOLLOWED,
    VERSION,
    Binary,
    Constant,
    Node,
    Package,
    Part,
    Standing,
    Taken,
    Whole,
    unfollowed,
)
from flowkit.fingerprint.plain import composite, text
from flowkit.fingerprint.reading import Reading
from flowkit.fingerprint.statics import Statics

_FORMAT = b"1;%d.%d;" % sys.version_info[:2]


@dataclass(frozen=True, slots=True)
class Code:
    """What makes a function what it is.

    Args:
        digest: differs where any of it differs.
        parts: the pieces, sorted, to be kept and compared; also what could not be followed.
    """

    digest: bytes
    parts: tuple[Part, ...]

    @property
    def unfollowed(self) -> tuple[str, ...]:
        """Names of values that could not be looked into; only their classes count."""
        return unfollowed(self.parts)


class Tracer:
    """Finds the code of functions, classes and objects; what was read once is not read again.

    Args:
        root: the project's folder: places are shown relative to it, and paths inside count relative to it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        reading = Reading(root)
        self._live = Live(reading)
        self._statics = Statics(reading)
        self._nodes: dict[Any, Node] = {}
        self._held: list[Any] = []
        self._lock = threading.RLock()
        self._codes: dict[tuple[int, ...], tuple[Code, Any]] = {}
        self._whole = Whole(self._node)
        self._makers: dict[type, Callable[[Any], Node]] = {
            FunctionType: self._live.function,
            type: self._live.class_,
            Constant: self._live.constant,
            ModuleType: self._module,
            Taken: self._statics.taken,
            Standing: self._statics.standing,
            Binary: self._statics.binary,
            Package: _package,
        }

    def code_of(self, value: Any, *, depends_on: Iterable[Any] = ()) -> Code:
        """The code of a function, a class, or an object that is called.

        Args:
            value: also a method, a `partial`, a task of flowkit.
            depends_on: what else counts: functions, classes, modules; the content of paths; other values,
                such as a text that marks a version.

        Raises:
            UndigestibleError: a value of `depends_on` has no fingerprint.
        """
        more = tuple(depends_on)
        key = (id(value), *map(id, more))
        known = self._codes.get(key)
        if known is None:
            # Kept with what it is of, so that no other object can get the same `id`.
            with self._lock:
                known = self._codes[key] = (self._traced(value, more), (value, more))
        return known[0]

    def worth(self, value: Any) -> bytes:
        """A token of code inside a value: a function, class or module with all that it reaches."""
        with self._lock:
            return self._whole.token(self._node(value))

    def _traced(self, value: Any, more: tuple[Any, ...]) -> Code:
        roots = [self._root(value), *(self._declared(number, each) for number, each in enumerate(more))]
        nodes = {id(node): node for root in roots for node in self._whole.reached(root)}.values()
        parts = {part for node in nodes if (part := node.part()) is not None}
        parts |= {Part(UNFOLLOWED, name, "", "") for node in nodes for name in node.unfollowed}
        digest = composite(b"root", _FORMAT, *(self._whole.token(root) for root in roots))
        return Code(digest[1:], tuple(sorted(parts)))

    def _root(self, value: Any) -> Node:
        if not isinstance(value, FunctionType | type | ModuleType):
            return self._live.anything(str(getattr(value, "__name__", type(value).__name__)), value)
        node = self._node(value)
        owner = _owner(value) if isinstance(value, FunctionType) else None
        if owner is None:
            return node
        # A method reaches the others of its class through `self`.
        return Node("", node.name, digest=b"method;", targets=[value, owner])

    def _declared(self, number: int, value: Any) -> Node:
        if isinstance(value, FunctionType | type | ModuleType):
            return self._node(value)
        if isinstance(value, Path):
            return self._file(value)
        name = f"depends_on[{number}]"
        node = self._live.anything(name, value)
        if name in node.unfollowed:
            raise UndigestibleError(name, type(value))
        node.kind = "constant"
        return node

    def _file(self, path: Path) -> Node:
        place = files.place_of(path, self.root)
        try:
            return Node("file", place, place, files.by_content(path, self.root))
        except OSError as error:
            raise UndigestibleError(place, type(path), str(error)) from error

    def _node(self, target: Any) -> Node:
        live = isinstance(target, FunctionType | type | ModuleType)
        key = id(target) if live else target
        node = self._nodes.get(key)
        if node is None:
            kind = type if isinstance(target, type) else type(target)
            make = self._makers.get(kind, self._module)
            node = self._nodes[key] = make(target)
            self._held.append(target)
        return node

    def _module(self, module: ModuleType) -> Node:
        """A module as a whole: as it stands in its file, where it has one."""
        if finding.spec(module.__name__) is None or finding.module(module.__name__) is not module:
            return self._live.module(module)
        return self._statics.taken(Taken(module.__name__, ()))


def _package(target: Package) -> Node:
    version = versions.version_of(target.name)
    name = f"{target.name} {version}".strip()
    return Node(VERSION, name, "", composite(b"version", text(name)))


def _owner(function: FunctionType) -> type | None:
    """The class that a function is a method of."""
    path, _, name = function.__qualname__.rpartition(".")
    if not path or "<locals>" in path:
        return None
    owner: Any = function.__globals__.get(path.partition(".")[0])
    for part in path.split(".")[1:]:
        owner = vars(owner).get(part) if isinstance(owner, type) else None
    if not isinstance(owner, type):
        return None
    held = vars(owner).get(name)
    return owner if getattr(held, "__func__", held) is function else None


def code_of(value: Any, *, depends_on: Iterable[Any] = (), root: Path | None = None) -> Code:
    """The code of one function, class or object; see `Tracer.code_of`."""
    return Tracer(root).code_of(value, depends_on=depends_on)
