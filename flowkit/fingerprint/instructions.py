"""What a code object does: its instructions in a form that names of locals and places in files do not touch.

Guarantees: lines, comments, docstrings, file names, the code's own name and the names of its local variables
do not count; the names and kinds of its parameters, globals, attributes and constants do. What is read is
what is executed, so no source is needed. Another minor version of Python compiles to other instructions.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

from flowkit.fingerprint.plain import composite, text

Constant = Callable[[object], bytes]

# Varargs, keywords, generator, coroutine, iterable coroutine, asynchronous generator.
_KINDS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
_NO_EFFECT = frozenset(
    {"NOP", "EXTENDED_ARG", "CACHE", "RESUME", "MAKE_CELL", "COPY_FREE_VARS", "NOT_TAKEN", "PUSH_NULL"}
)
# How a method is called depends on whether the compiler saw, elsewhere in the file, that it is a module's.
_NAMED = {"LOAD_METHOD": "LOAD_ATTR"}
# What the compiler writes into the body of a class about its source.
_ABOUT_SOURCE = frozenset({"__doc__", "__qualname__", "__firstlineno__", "__static_attributes__"})
_LOCAL = frozenset(dis.haslocal) | frozenset(dis.hasfree)
_NAMES = frozenset(dis.hasname)
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
_CONSTANTS = frozenset(dis.hasconst)


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction that has an effect."""

    name: str
    code: int
    argument: object
    number: int


@dataclass(slots=True)
class Scope:
    """Numbers names of local variables in the order of their first use; a cell has its owner's number."""

    own: dict[str, int]
    shared: frozenset[str]
    around: Scope | None

    def token(self, name: str) -> bytes:
        if name in self.shared and self.around is not None:
            return b"^" + self.around.token(name)
        return b"l%d;" % self.own.setdefault(name, len(self.own))


@dataclass(frozen=True, slots=True)
class Body:
    """A code object, read once: its steps, and what jumps and exceptions lead to."""

    code: CodeType
    steps: tuple[Step, ...]
    places: dict[int, int]
    handlers: tuple[tuple[int, int, int, int, bool], ...]

    def inner(self) -> Iterator[CodeType]:
        """The code of functions, comprehensions and classes that are made here."""
        for step in self.steps:
            if isinstance(step.argument, CodeType):
                yield step.argument


def read(code: CodeType) -> Body:
    """The body of a code object, without what has no effect."""
    shown = dis.Bytecode(code)
    found: list[tuple[int, Step]] = []
    offsets: list[int] = []
    for each in shown:
        offsets.append(each.offset)
        if each.opname not in _NO_EFFECT:
            # `dis` of 3.11 does not look up every constant.
            value = code.co_consts[each.arg or 0] if each.opcode in _CONSTANTS else each.argval
            found.append(
                (each.offset, Step(_NAMED.get(each.opname, each.opname), each.opcode, value, each.arg or 0))
            )
    kept = _without_notes(found)
    places = _numbered(offsets, [offset for offset, _ in kept])
    return Body(code, tuple(step for _, step in kept), places, tuple(_handlers(shown, places)))


def _without_notes(found: list[tuple[int, Step]]) -> list[tuple[int, Step]]:
    """Leave out notes about the source, and the cells given to inner functions, which show in their use."""
    dropped: set[int] = set()
    for index, (_, step) in enumerate(found):
        if step.name == "STORE_NAME" and step.argument in _ABOUT_SOURCE:
            if found[index - 1][1].name in ("LOAD_CONST", "LOAD_SMALL_INT"):
                dropped |= {index - 1, index}
        elif isinstance(step.argument, CodeType) and step.argument.co_freevars:
            dropped |= set(_cells_before(found, index, len(step.argument.co_freevars)))
    return [each for index, each in enumerate(found) if index not in dropped] if dropped else found


def _cells_before(found: list[tuple[int, Step]], index: int, count: int) -> Iterator[int]:
    index -= 1
    if found[index][1].name != "BUILD_TUPLE":
        return
    while count > 0 and index > 0:
        index -= 1
        argument = found[index][1].argument
        count -= len(argument) if isinstance(argument, tuple) else 1
        yield index


def _numbered(offsets: list[int], kept: list[int]) -> dict[int, int]:
    """The number of the next kept instruction at each offset; the end has one too."""
    places: dict[int, int] = {}
    number = len(kept)
    left = list(kept)
    for offset in reversed(offsets):
        if left and left[-1] == offset:
            left.pop()
            number -= 1
        places[offset] = number
    return places


def _handlers(shown: dis.Bytecode, places: dict[int, int]) -> Iterator[tuple[int, int, int, int, bool]]:
    end = len(places) and max(places.values()) + 1
    for entry in shown.exception_entries:  # type: ignore[attr-defined]
        start, stop = places.get(entry.start, end), places.get(entry.end, end)
        if start != stop:
            yield start, stop, places.get(entry.target, end), entry.depth, entry.lasti


def shape(
    code: CodeType, constant: Constant, read: Callable[[CodeType], Body]
) -> tuple[bytes, tuple[str, ...]]:
    """The digest of a code object with all code inside, and its free names in the order of their use."""
    scope = Scope({}, frozenset(), None)
    digest = _shape(code, scope, constant, read)
    return digest, tuple(name for name in scope.own if name in code.co_freevars)


def _shape(code: CodeType, scope: Scope, constant: Constant, read: Callable[[CodeType], Body]) -> bytes:
    body = read(code)
    parts = [b"%d;" % (code.co_flags & _KINDS), *_parameters(code, scope)]
    for step in body.steps:
        parts.append(step.name.encode())
        parts.append(b"(" + _argument(step, body, scope, constant, read) + b")")
    parts += [b"%d,%d,%d,%d,%d;" % entry for entry in body.handlers]
    return composite(b"code", *parts)


def _parameters(code: CodeType, scope: Scope) -> Iterator[bytes]:
    both = code.co_argcount + code.co_kwonlyargcount
    both += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    yield b"%d,%d,%d,%d;" % (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, both)
    for name in code.co_varnames[:both]:
        yield text(name) + scope.token(name)


def _argument(
    step: Step, body: Body, scope: Scope, constant: Constant, read: Callable[[CodeType], Body]
) -> bytes:
    value = step.argument
    if isinstance(value, CodeType):
        inner = Scope({}, frozenset(value.co_freevars), scope)
        return _shape(value, inner, constant, read)
    if step.code in _CONSTANTS:
        return constant(value)
    if step.code in _NAMES:
        return text(str(value))
    if step.code in _LOCAL:
        names = value if isinstance(value, tuple) else (value,)
        return b"".join(scope.token(str(name)) for name in names)
    if step.code in _JUMPS:
        return b">%d" % body.places.get(int(str(value)), len(body.steps))
    return b"%d" % step.number
