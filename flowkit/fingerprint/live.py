"""Reads the nodes of functions, classes and modules that live in this process.

Guarantees: what a function is made of is its instructions, defaults and closure, and the globals that it
and the code inside reads; of a class it is its bases and its attributes, and its fields where a library has
given it some. Annotations count only where a library computes with them.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from flowkit.fingerprint import annotated, finding, origin
from flowkit.fingerprint.gathering import Gathering
from flowkit.fingerprint.nodes import Constant, Node, Taken
from flowkit.fingerprint.origin import Origin
from flowkit.fingerprint.plain import composite, text
from flowkit.fingerprint.reading import Reading
from flowkit.fingerprint.uses import Import, Name, Unknown, Use

_DUNDER = re.compile(r"__\w+__$")
# Who calls these may read any global, by a name that is computed.
_ANY_GLOBAL = frozenset({"globals", "eval", "exec"})
_SUNDER = re.compile(r"_[a-z]\w*_$")
_OF_CLASS = frozenset(
    (
        *("__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__signature__"),
        *("__dict__", "__weakref__", "__slotnames__", "__orig_bases__", "__dataclass_fields__"),
        *("__private_attributes__", "__class_vars__", "_abc_impl", "model_fields", "model_computed_fields"),
    )
)
_SLOTS = (GetSetDescriptorType, MemberDescriptorType)


class Live:
    """Makes nodes of what lives.

    Args:
        reading: reads code objects, and knows the places.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def _gathering(self, name: str) -> Gathering:
        return Gathering(name, self._reading.root)

    # -- functions -----------------------------------------------------------------------------

    def function(self, value: FunctionType) -> Node:
        """A function: one of the project by all it is made of, another by what it closes over."""
        where = str(value.__globals__.get("__name__", value.__module__))
        name = origin.full_name(where, value.__code__.co_qualname)
        given = self._gathering(name)
        if origin.of_globals(value.__globals__, value.__code__.co_filename) is not Origin.PROJECT:
            return self._foreign(value, where, name, given)
        body, free = self._reading.shape(value.__code__)
        parts = [body, given.value(f"{name} defaults", value.__defaults__)]
        parts.append(given.value(f"{name} defaults", value.__kwdefaults__))
        cells = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))
        parts += [self._cell(given, f"{name} {variable}", cells[variable]) for variable in free]
        parts += self._uses(value, given, name)
        parts.append(self._behind(value, given, name))
        node = Node("function", name, self._reading.places.of_code(value.__code__))
        return _finished(node, given, b"function", parts)

    def _behind(self, value: FunctionType, given: Gathering, name: str) -> bytes:
        """The function that a decorator says it wraps."""
        return given.value(name, value.__dict__.get("__wrapped__"))

    def _cell(self, given: Gathering, name: str, cell: CellType) -> bytes:
        try:
            held = cell.cell_contents
        except ValueError:
            return b"empty;"
        return given.value(name, held)

    def _foreign(self, value: FunctionType, module: str, name: str, given: Gathering) -> Node:
        """A wrapper of a library: its version, and what it was given."""
        given.installed(origin.of_globals(value.__globals__, value.__code__.co_filename), module)
        registry = value.__dict__.get("registry")
        if module == "functools" and registry is not None:
            # Of `singledispatch` the closure also holds what was dispatched so far.
            parts = [given.value(name, registry)]
        else:
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            parts = [self._cell(given, f"{name} {variable}", cell) for variable, cell in cells]
        parts.append(self._behind(value, given, name))
        return _finished(Node("", name), given, b"foreign", [text(name), *parts])

    # -- names ---------------------------------------------------------------------------------

    def _uses(self, value: FunctionType, given: Gathering, name: str) -> Iterator[bytes]:
        found = self._reading.uses(value.__code__)
        names = value.__globals__
        for use in found.names:
            if isinstance(use, Name) and use.name in found.assigned:
                yield self._standing(use.name, names, given)
            else:
                yield self._use(use, names, given, name)

    def _use(self, use: Use, names: dict[str, Any], given: Gathering, name: str) -> bytes:
        if isinstance(use, Unknown):
            given.unfollowed.append(f"{name} imports a module whose name is computed")
            return b"unknown;"
        if isinstance(use, Import):
            package = names.get("__package__") or str(names.get("__name__")).rpartition(".")[0]
            module = finding.absolute(use.module, use.level, package)
            return given.refer(module, Taken(module, use.path))
        if _DUNDER.match(use.name):
            return b"special;"
        if use.name not in names:
            whole = self._standing("", names, given) if use.name in _ANY_GLOBAL else b""
            return whole + (b"builtin;" if hasattr(builtins, use.name) else b"missing;")
        return self._attribute(names, use.name, use.path, given)

    def _standing(self, name: str, names: dict[str, Any], given: Gathering) -> bytes:
        """A global as its module's file gives it; all of them where it has no name.

        What a function assigns itself depends on what ran before, so its value of now does not count.
        """
        module = str(names.get("__name__"))
        if getattr(finding.module(module), "__dict__", None) is not names or finding.spec(module) is None:
            return b"assigned;"
        return given.refer(module, Taken(module, (name,) if name else ()))

    def _attribute(self, names: dict[str, Any], name: str, path: tuple[str, ...], given: Gathering) -> bytes:
        """What a name leads to, through modules of the project as far as its attributes say."""
        value = names[name]
        while path and isinstance(value, ModuleType) and origin.of_module(value) is Origin.PROJECT:
            within = vars(value)
            if path[0] not in within:
                return self._late(value, path, given)
            names, name, path = within, path[0], path[1:]
            value = names[name]
        if isinstance(value, FunctionType) and path and path[0] in value.__dict__:
            return composite(b"own", given.code(value), self._own(value, path[0], given))
        if isinstance(value, FunctionType | type | ModuleType):
            return given.code(value)
        module = str(names.get("__name__", ""))
        return given.refer(origin.full_name(module, name), Constant(id(names), name, value, names))

    def _own(self, function: FunctionType, name: str, given: Gathering) -> bytes:
        """An attribute that a function was given."""
        names, value = function.__globals__, function.__dict__[name]
        if isinstance(value, FunctionType | type | ModuleType):
            return given.code(value)
        name = f"{function.__qualname__}.{name}"
        whole = origin.full_name(str(names.get("__name__", "")), name)
        return given.refer(whole, Constant(id(function), name, value, names))

    def _late(self, module: ModuleType, path: tuple[str, ...], given: Gathering) -> bytes:
        """An attribute that is not there yet: a module still to be imported, or a `__getattr__`."""
        if finding.spec(module.__name__) is None:
            return given.code(module)
        return given.refer(module.__name__, Taken(module.__name__, path))

    def constant(self, value: Constant) -> Node:
        """A global that is no code."""
        name = origin.full_name(str(value.names.get("__name__", "")), value.name)
        given = self._gathering(name)
        token = given.value(name, value.value)
        place = self._reading.places.of_name(value.names.get("__file__"), value.name)
        return _finished(Node("constant", name, place), given, b"constant", [token])

    def module(self, value: ModuleType) -> Node:
        """A module without a file, by all that it holds."""
        name = origin.said(value.__name__)
        given = self._gathering(name)
        parts = []
        for attribute in sorted(vars(value)):
            if not _DUNDER.match(attribute):
                parts += [text(attribute), self._attribute(vars(value), attribute, (), given)]
        return _finished(Node("module", name), given, b"module", parts)

    def anything(self, name: str, value: Any) -> Node:
        """A value that is no code by itself: a method, a `partial`, a task, an object to be called."""
        given = self._gathering(name)
        return _finished(Node("", name), given, b"value", [given.value(name, value)])

    # -- classes -------------------------------------------------------------------------------

    def class_(self, value: type) -> Node:
        """A class of the project: bases, metaclass, attributes, fields."""
        name = origin.full_name(value.__module__, value.__qualname__)
        given = self._gathering(name)
        parts = [text(value.__name__), given.code(type(value))]
        parts += [given.code(base) for base in value.__bases__]
        for attribute, held in sorted(_attributes(value).items()):
            parts += [text(attribute), given.value(f"{name}.{attribute}", held)]
        parts += [given.value(f"{name} fields", field) for field in _fields(value)]
        file = finding.said(value.__module__, "__file__")
        # The file of who only made it says nothing.
        stands = file and origin.of_file(file) is origin.of_class(value)
        place = self._reading.places.of_name(file, value.__name__) if stands else ""
        return _finished(Node("class", name, place), given, b"class", parts)


def _finished(node: Node, given: Gathering, kind: bytes, parts: list[bytes]) -> Node:
    node.digest = composite(kind, *parts)
    node.targets = given.targets()
    node.unfollowed = tuple(given.unfollowed)
    return node


def _attributes(cls: type) -> dict[str, Any]:
    """What a class says, without what was only computed from it."""
    members = getattr(cls, "__members__", {}) if hasattr(cls, "_member_map_") else {}
    found = {
        name: value
        for name, value in vars(cls).items()
        if name not in _OF_CLASS
        and not name.startswith("__pydantic_")
        and not isinstance(value, _SLOTS)
        and not _is_generated(value)
        and not (members and (name in members or _SUNDER.match(name)))
    }
    return found | {f"{name} =": member._value_ for name, member in members.items()}


def _is_generated(value: Any) -> bool:
    """Whether dataclasses or attrs wrote this method; the fields say all that is in it.

    What attrs writes has a number inside that depends on the hash seed.
    """
    code = getattr(getattr(value, "__wrapped__", value), "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return code.co_qualname.startswith("__create_fn__.") or code.co_filename.startswith("<attrs generated")


def _fields(cls: type) -> Iterator[Any]:
    """The fields that dataclasses and pydantic know of a class."""
    for name, field in vars(cls).get("__dataclass_fields__", {}).items():
        yield name, field.default, field.default_factory, field.init, field.kw_only, dict(field.metadata)
    for name, field in vars(cls).get("__pydantic_fields__", {}).items():
        # pydantic checks and converts by the annotation.
        yield name, field.annotation, field.default, field.default_factory, field.alias, field.metadata
        yield from annotated.inner(field.annotation)
    for name, field in vars(cls).get("__private_attributes__", {}).items():
        yield name, field.default, field.default_factory
