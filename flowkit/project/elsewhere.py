"""Flow files in another process: found under the same names, with the text that was executed here.

Guarantees: as when they are loaded, `flow.run()` and `flow.register()` in them do nothing; a file that has
changed meanwhile is taken as it was, so that a run has one code. The files need not be there: their text is
brought along, and that of the helpers beside them which had been imported. A process that serves one run
after another takes for each what it brings.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from flowkit.project import loader
from flowkit.project.import_paths import PACKAGE, helpers, mount, mounted
from flowkit.project.root import find_or_start


def finding() -> Callable[[], None] | None:
    """What another process has to call, which can be pickled; None where no flow file was loaded."""
    found = mounted()
    return None if found is None else partial(find, *found, {**helpers(), **loader.sources()})


def find(base: str, folders: Sequence[str], sources: Mapping[str, tuple[str, bytes]]) -> None:
    """Find flow files.

    Args:
        base, folders: as for `mount`.
        sources: path and text of files that were executed, by the name of their module.
    """
    before = [finder for finder in sys.meta_path if isinstance(finder, _Finder)]
    mount(Path(base), *map(Path, folders))
    for finder in before:
        finder.forget(sources)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    sys.meta_path.insert(0, _Finder(Path(base), sources))


class _Finder:
    """Asked by `import` for modules of flow files."""

    def __init__(self, base: Path, sources: Mapping[str, tuple[str, bytes]]) -> None:
        self._base = base
        self._sources = sources

    def forget(self, sources: Mapping[str, tuple[str, bytes]]) -> None:
        """Have all looked up again where one differs from these: others may have something of it."""
        if any(sources.get(name) != found for name, found in self._sources.items()):
            for name in self._sources:
                sys.modules.pop(name, None)

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if name in self._sources:
            place, text = self._sources[name]
            return _spec(name, Path(place), text)
        if not name.startswith(f"{PACKAGE}."):
            return None
        stem = self._base.joinpath(*name.split(".")[1:])
        for each in (stem / "__init__.py", stem.with_suffix(".py")):
            if each.is_file():
                return _spec(name, each, None)
        if not stem.is_dir() and any(each.startswith(f"{name}.") for each in self._sources):
            folder = ModuleSpec(name, None, is_package=True)
            folder.submodule_search_locations = [str(stem)]
            return folder
        return None


class _Loader(Loader):
    """Executes a flow file, as it was read before, or as it is now."""

    def __init__(self, path: Path, text: bytes | None) -> None:
        self._path = path
        self._text = text

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one."""

    def exec_module(self, module: ModuleType) -> None:
        text = self._path.read_bytes() if self._text is None else self._text
        with loader.guarded(self._path, find_or_start(self._path.parent)):
            loader.executed(text, self._path, module)


def _spec(name: str, path: Path, text: bytes | None) -> ModuleSpec | None:
    folder = [str(path.parent)] if path.name == "__init__.py" else None
    made = _Loader(path, text)
    return importlib.util.spec_from_file_location(name, path, loader=made, submodule_search_locations=folder)
