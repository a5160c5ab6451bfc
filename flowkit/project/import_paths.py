"""Where imports of a flow file are looked up: a package for the project, and folders for its helpers.

Guarantees: the module of `flows/etl.py` is always `flowkit_flows.flows.etl`, which any process
imports again after `mount`; a file of the project never stands in for the standard library, for
flowkit or for an installed package, whatever its name; after `mount` for another folder, a helper
of the same name in the former one is not taken for it.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGE = "flowkit_flows"

_base: Path | None = None
_folders: tuple[str, ...] = ()
_loaded_before: frozenset[str] = frozenset()


def base_of(path: Path, root: Path | None) -> Path:
    """The folder that the module's name of a flow file is relative to.

    The project's root where the file lies inside, else its own folder; also its own folder below a
    name with a dot, which no module can have.
    """
    inner = path.parent.parent if path.name == "__init__.py" else path.parent
    if root is None or not inner.is_relative_to(root):
        return inner
    return inner if any("." in part for part in inner.relative_to(root).parts) else root


def module_name(path: Path, base: Path) -> str:
    """The name of the module of a flow file; see `base_of`."""
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def mount(base: Path, *folders: Path) -> None:
    """Make the flow files below `base` importable, and the helpers in `folders` by their bare names.

    The folders come last on `sys.path`, so that what is installed wins, and stay there: a task may
    import when it runs.
    """
    global _base, _folders, _loaded_before
    wanted = tuple(dict.fromkeys(str(folder) for folder in folders))
    if wanted != _folders:
        _forget_helpers()
        sys.path[:] = [entry for entry in sys.path if entry not in _folders]
        _folders = tuple(folder for folder in wanted if folder not in sys.path)
        sys.path.extend(_folders)
        _loaded_before = frozenset(sys.modules)
    if base != _base:
        _forget_package()
        sys.modules[PACKAGE] = _package(base)
        _base = base
    importlib.invalidate_caches()


def mounted() -> tuple[str, tuple[str, ...]] | None:
    """What was mounted: the base, and the folders that were added for helpers; None: nothing."""
    return None if _base is None else (str(_base), _folders)


def helpers() -> dict[str, tuple[str, bytes]]:
    """Path and text of the helpers that were imported from the folders mounted, by the name of their
    module; without those that cannot be read."""
    found = {}
    for name in sys.modules.keys() - _loaded_before:
        origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None)
        if name.partition(".")[0] != "flowkit" and origin and _is_helper(name, origin):
            with suppress(OSError):
                found[name] = (origin, Path(origin).read_bytes())
    return found


def _package(base: Path) -> ModuleType:
    """A package without a file, whose modules are the files below `base`."""
    spec = ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(base)]
    package = ModuleType(PACKAGE, "The flow files of the project at hand.")
    package.__spec__ = spec
    package.__path__ = [str(base)]
    return package


def _forget_package() -> None:
    for name in list(sys.modules):
        if name == PACKAGE or name.startswith(f"{PACKAGE}."):
            del sys.modules[name]


def _forget_helpers() -> None:
    """Let the next `import` look up again what came from the folders mounted so far."""
    for name in sys.modules.keys() - _loaded_before:
        origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None)
        if name.partition(".")[0] != "flowkit" and origin and _is_helper(name, origin):
            del sys.modules[name]


def _is_helper(name: str, origin: str) -> bool:
    relative = name.replace(".", os.sep)
    stems = [f"{folder}{os.sep}{relative}" for folder in _folders]
    return any(origin in (f"{stem}.py", f"{stem}{os.sep}__init__.py") for stem in stems)
