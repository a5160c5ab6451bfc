"""Where code comes from: the standard library, an installed package, flowkit, or the project.

Guarantees: the answer is by where the file lies, so a file of the project that has the name of a library
is one of the project; code without a file (a notebook, `exec`) is the project's.
"""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flowkit import errors

FLOWS = "flowkit_flows"


class Origin(Enum):
    """Whose code it is; the value says what of it counts."""

    PROJECT = "its content"
    INSTALLED = "its version"
    STANDARD = "nothing but its name"


def of_file(file: str) -> Origin:
    """Whose code lies in this file."""
    if file.startswith("<frozen"):
        return Origin.STANDARD
    return _of_folder(os.path.dirname(file)) if os.path.isabs(file) else Origin.PROJECT  # noqa: PTH117,PTH120


@cache
def _of_folder(folder: str) -> Origin:
    place = folder + os.sep
    if any(place.startswith(root) for root in _installed()) or _INSTALLED.search(place):
        return Origin.INSTALLED
    return Origin.STANDARD if any(place.startswith(root) for root in _standard()) else Origin.PROJECT


_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")


@cache
def _installed() -> tuple[str, ...]:
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()]
    return _with_ends(paths)


@cache
def _standard() -> tuple[str, ...]:
    ours = str(Path(errors.__file__).parent)
    return _with_ends([ours, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")])


def _with_ends(paths: list[str]) -> tuple[str, ...]:
    whole = {*paths, *(os.path.realpath(path) for path in paths)}
    return tuple(sorted(path + os.sep for path in whole))


def of_globals(names: dict[str, Any], file: str = "") -> Origin:
    """Whose code it is that has these globals; `file` is what its code object says."""
    given = names.get("__file__")
    if isinstance(given, str):
        return of_file(given)
    if _is_built_in(str(names.get("__name__"))):
        return Origin.STANDARD
    return of_file(file)


def of_module(module: ModuleType) -> Origin:
    """Whose code a module is."""
    said = vars(module)
    file = said.get("__file__")
    if isinstance(file, str):
        return of_file(file)
    if _is_built_in(module.__name__):
        return Origin.STANDARD
    where = next(iter(said.get("__path__") or ()), "")
    return of_file(os.path.join(where, "")) if where else Origin.PROJECT  # noqa: PTH118


def _is_built_in(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names and name != "__main__"


def said(module: str) -> str:
    """The name of a module as its author would say it: `etl` for `flowkit_flows.flows.etl`."""
    if module == "__main__":
        return _main()
    return module.rpartition(".")[2] if module.startswith(f"{FLOWS}.") else module


def _main() -> str:
    """What the script that runs would be called were it imported; nothing in a notebook."""
    main = vars(sys.modules["__main__"])
    spec, file = main.get("__spec__"), main.get("__file__")
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    return Path(file).stem if isinstance(file, str) else ""


def full_name(module: str, name: str) -> str:
    """The name of something in a module, as its author would say it."""
    where = said(module)
    return f"{where}.{name}" if where else name


# Through these a project makes classes, which then have their name.
_MAKERS = frozenset({"abc", "builtins", "enum", "types", "typing"})
# What `type.__flags__` says: made by a call; open to subclasses; closed to changes.
_HEAP, _BASE, _FIXED = 1 << 9, 1 << 10, 1 << 8


def of_class(cls: type) -> Origin:
    """Whose code a class is, by the module that it names; what this only made is the project's."""
    module = cls.__module__
    if module in _MAKERS:
        return Origin.PROJECT if is_made(cls) else Origin.STANDARD
    found = sys.modules.get(module) if isinstance(module, str) else None
    return of_module(found) if found is not None else Origin.PROJECT


def is_made(cls: type) -> bool:
    """Whether the module that a class names made it for somebody, as `types.new_class` and `ABCMeta()` do.

    It is not found there by its name. Nor are some classes that are written in C, but these name modules that
    are, too, or have flags that a class statement or `type()` does not give.
    """
    if cls.__flags__ & (_HEAP | _BASE | _FIXED) != _HEAP | _BASE or "<locals>" in cls.__qualname__:
        return False
    names = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    is_python = cls.__module__ in _MAKERS or str(names.get("__file__")).endswith(".py")
    return is_python and cls.__qualname__.partition(".")[0] not in names
