"""Finds modules and their source without running them.

Guarantees: neither the module nor the packages around it are executed, whether they are imported or not;
the answer is the same before and after the import.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def spec(name: str) -> ModuleSpec | None:
    """How a module would be imported; None where it cannot be found."""
    known = said(name, "__spec__")
    if isinstance(known, ModuleSpec):
        return known
    parent = name.rpartition(".")[0]
    path = folders(parent) if parent else None
    if parent and path is None:
        return None
    return _found(name, path)


def _found(name: str, path: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        found = find(name, path, None) if find is not None else None
        if isinstance(found, ModuleSpec):
            return found
    return None


def folders(package: str) -> list[str] | None:
    """Where the modules of a package lie; None for what is no package."""
    path: Iterable[str] | None = said(package, "__path__")
    if path is None:
        found = spec(package)
        path = found.submodule_search_locations if found is not None else None
    return list(path) if path is not None else None


def source(name: str) -> str | None:
    """The source text of a module; None where there is none to read."""
    found = spec(name)
    get = getattr(found.loader, "get_source", None) if found is not None else None
    if get is None:
        return None
    try:
        text = get(found.name) if found is not None else None
    except (OSError, ImportError, UnicodeError, SyntaxError):
        return None
    return text if isinstance(text, str) else None


def absolute(module: str, level: int, package: str) -> str:
    """The whole name of what is imported with `level` dots inside `package`."""
    if level == 0:
        return module
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{module}" if module else base


def said(name: str, attribute: str) -> Any:
    """What an imported module has under a name, without asking a `__getattr__` that it may define."""
    return getattr(sys.modules.get(name), "__dict__", {}).get(attribute)


def module(name: str) -> ModuleType | None:
    """The module of this name where it was imported."""
    return sys.modules.get(name)
