"""What a code object refers to by name: globals with the attributes taken of them, and imports.

Guarantees: code inside counts as the code around it; a module that a function imports is followed through
the variable that it is bound to, into inner functions too; the order is that of the instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

from flowkit.fingerprint.instructions import Body, Step

_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_LOADS = ("LOAD_", "PRECALL", "KW_NAMES")  # what stands between the arguments of a call and the call


@dataclass(frozen=True, slots=True)
class Name:
    """A global, and the attributes that are taken of it at once: `config.db.URL`."""

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """What is taken of a module that is imported when the code runs; all of it, where the path is empty.

    `level` is the number of dots of a relative import.
    """

    module: str
    level: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An import of a module whose name is computed."""


Use = Name | Import | Unknown


@dataclass(frozen=True, slots=True)
class Binding:
    """What an import gives to a variable, and what it is worth where nobody loads the variable."""

    loaded: Import
    idle: Import


Bound = dict[str, tuple[Binding, ...]]


@dataclass(frozen=True, slots=True)
class Uses:
    """What code refers to, each once, and the globals that it assigns itself."""

    names: tuple[Use, ...]
    assigned: frozenset[str]


def uses(code: CodeType, read: Callable[[CodeType], Body]) -> Uses:
    """What this code and the code inside refers to."""
    assigned: set[str] = set()
    names = dict.fromkeys(_uses(code, read, {}, assigned))
    return Uses(tuple(names), frozenset(assigned))


def _uses(
    code: CodeType, read: Callable[[CodeType], Body], around: Bound, assigned: set[str]
) -> Iterator[Use]:
    steps = read(code).steps
    # What a module imports is a global, found by its name; `sources` looks at those.
    own = {} if code.co_name == "<module>" else _bindings(steps)
    bound = {**around, **own}
    seen: set[str] = set()
    for index, step in enumerate(steps):
        if step.name == "STORE_GLOBAL":
            assigned.add(str(step.argument))
        elif isinstance(step.argument, CodeType):
            yield from _uses(step.argument, read, bound, assigned)
            seen.update(step.argument.co_freevars)
        elif step.name.startswith("LOAD_") or step.name == "STORE_FAST_LOAD_FAST":
            yield from _computed(steps, index)
            yield from _load(steps, index, bound, seen)
    for variable, imports in own.items():
        if variable not in seen:
            yield from (each.idle for each in imports)


def _load(steps: tuple[Step, ...], index: int, bound: Bound, seen: set[str]) -> Iterator[Use]:
    """What is loaded here: a global, or a local variable that an import has bound."""
    step = steps[index]
    is_global = step.name in _GLOBAL
    if not is_global and not _is_local(step.name):
        return
    names = _loaded(step)
    for name in names:
        path = _path(steps, index) if name is names[-1] else ()
        if name in bound:
            seen.add(name)
            for each in bound[name]:
                yield Import(each.loaded.module, each.loaded.level, each.loaded.path + path)
        elif is_global:
            yield Name(name, path)


def _loaded(step: Step) -> tuple[str, ...]:
    """The variables that an instruction loads; from 3.13 on it may load two, or store one before."""
    if not isinstance(step.argument, tuple):
        return (str(step.argument),)
    return step.argument[-1:] if step.name.startswith("STORE_") else step.argument


def _is_local(name: str) -> bool:
    return "FAST" in name or "DEREF" in name


def _path(steps: tuple[Step, ...], index: int) -> tuple[str, ...]:
    found = []
    for step in steps[index + 1 :]:
        if step.name != "LOAD_ATTR":
            break
        found.append(str(step.argument))
    return tuple(found)


def _bindings(steps: tuple[Step, ...]) -> Bound:
    """The variables that imports bind here, and to what."""
    bound: Bound = {}
    for index, step in enumerate(steps):
        if step.name == "IMPORT_NAME":
            level = steps[index - 2].argument
            for variable, found in _bound_by(steps, index, str(step.argument), int(str(level))):
                bound[variable] = (*bound.get(variable, ()), found)
    return bound


def _bound_by(steps: tuple[Step, ...], index: int, module: str, level: int) -> Iterator[tuple[str, Binding]]:
    whole = Import(module, level, ())
    if steps[index - 1].argument is not None:
        yield from _bound_from(steps, index, whole)
    elif steps[index + 1].name == "IMPORT_FROM":
        yield _stored(steps, index + 1), Binding(whole, whole)
    else:
        # `import a.b` binds `a`, `import a.b as c` binds `c` to `a.b`.
        top = Import(module.partition(".")[0], level, ())
        yield _stored(steps, index), Binding(top, whole)


def _bound_from(steps: tuple[Step, ...], index: int, whole: Import) -> Iterator[tuple[str, Binding]]:
    for place in range(index + 1, len(steps)):
        step = steps[place]
        if step.name == "IMPORT_FROM":
            found = Import(whole.module, whole.level, (str(step.argument),))
            yield _stored(steps, place), Binding(found, found)
        elif not step.name.startswith("STORE_"):
            return


def _stored(steps: tuple[Step, ...], index: int) -> str:
    """The variable that what is imported at `index` goes to."""
    store = next(step for step in steps[index + 1 :] if step.name.startswith("STORE_"))
    return str(store.argument[0] if isinstance(store.argument, tuple) else store.argument)


def _computed(steps: tuple[Step, ...], index: int) -> Iterator[Use]:
    """`importlib.import_module(...)` and `__import__(...)`: the module where its name stands there."""
    if steps[index].argument not in ("__import__", "import_module"):
        return
    given = steps[index + 1]
    name = given.argument if given.name == "LOAD_CONST" else None
    if not isinstance(name, str) or not _is_given(steps, index + 2):
        yield Unknown()
        return
    module = name.lstrip(".")
    yield Import(module, len(name) - len(module), ())


def _is_given(steps: tuple[Step, ...], index: int) -> bool:
    """Whether a call follows at once, or after more arguments are loaded: nothing is computed before it."""
    if steps[index].name == "LOAD_ATTR":  # of what would be given
        return False
    while steps[index].name.startswith(_LOADS):
        index += 1
    return steps[index].name.startswith("CALL")
