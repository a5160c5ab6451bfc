"""Modules under the names that they had in Prefect classic: `flowkit.core.task`, and `prefect` itself.

Guarantees: what is installed under a name is found first, unless `prefect` is taken over on purpose; an alias
is the very module that it stands for, so that a class is one class by whatever name it was imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_OURS, _THEIRS = "flowkit.", "prefect"
_PREFECT = "flowkit.compat.prefect"


class _Made:
    """A loader for a module that is there already, or is made at once."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec or module.__spec__  # the machinery has put the alias there


class _Finder:
    """Asked by `import` for what no other finder has."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if not name.startswith(_OURS):
            return None
        modules = importlib.import_module("flowkit.compat.modules")
        module = modules.made(name.removeprefix(_OURS))
        return None if module is None else _spec(name, module)


class _Stand:
    """Serves `prefect` and all below it.

    It is asked before the finders of files, as these would find flowkit's own files below `prefect`, and load
    them a second time.

    Args:
        told: called once, when it is first asked for.
        first: also where a `prefect` is installed.
    """

    def __init__(self, told: Callable[[], None], *, first: bool) -> None:
        self._told: Callable[[], None] | None = told
        self._first = first

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if not self._serves(name, path):
            return None
        if self._told is not None:
            told, self._told = self._told, None
            importlib.import_module("flowkit.compat").as_classic()
            told()
        ours = _PREFECT if name == _THEIRS else _OURS + name[len(_THEIRS) + 1 :]
        try:
            module = importlib.import_module(ours)
            importlib.import_module("flowkit.compat.modules").complete(module, name[len(_THEIRS) + 1 :])
            return _spec(name, module)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{ours}.".startswith(f"{error.name}."):
                return None
            raise

    def _serves(self, name: str, path: Sequence[str] | None) -> bool:
        if name.startswith(f"{_THEIRS}."):
            return getattr(sys.modules.get(_THEIRS), "__name__", None) == _PREFECT
        if name != _THEIRS:
            return False
        return self._first or not any(
            finder.find_spec(name, path)
            for finder in sys.meta_path
            if finder is not self and hasattr(finder, "find_spec")
        )


def has_real_prefect() -> bool:
    """Whether a `prefect` was imported that is not flowkit."""
    return _THEIRS in sys.modules and sys.modules[_THEIRS].__name__ != _PREFECT


def _spec(name: str, module: ModuleType) -> ModuleSpec:
    return ModuleSpec(name, _Made(module), is_package=hasattr(module, "__path__"))  # type: ignore[arg-type]


def below(package: str) -> Callable[[str], ModuleType]:
    """A `__getattr__` for a package: its modules are there once it is, as in Prefect classic."""

    def found(name: str) -> ModuleType:
        if not name.startswith("_"):
            try:
                return importlib.import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module `{package}` has no attribute `{name}`")

    return found


def keep() -> None:
    """Have `flowkit.core.task` and the like found."""
    sys.meta_path.append(_Finder())


def stand_in(told: Callable[[], None], *, first: bool) -> None:
    """Serve `prefect` in this process.

    Args:
        told: called when it is first imported.
        first: also where a `prefect` is installed.
    """
    for finder in [finder for finder in sys.meta_path if isinstance(finder, _Stand)]:
        sys.meta_path.remove(finder)
    sys.meta_path.insert(0, _Stand(told, first=first))
