"""The files that matter to a run that is watched, and whether one has changed.

Code counts at all times: the modules of the project that the run has imported, settings, the file of
parameters. Data, which is what parameters and `depends_on=` name, counts only between runs: a run may write
what it was given, and would else be the reason for the next one for ever. Where a run could not be loaded,
and so has told nothing, every Python file of the project counts.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowkit.cli.watched import reason_file
from flowkit.project.root import PYPROJECT, SETTINGS_FILE, Project

_MOST = 5_000  # folders, and entries of a folder
_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})

_Stamps = dict[Path, tuple[int, ...]]


class WatchedFiles:
    """What to look at.

    Args:
        answer: the file that a run writes what it was made from into (watched.py).
        given: more files that count as code.
    """

    def __init__(self, project: Project, answer: Path, given: Iterable[Path] = ()) -> None:
        self.project = project
        self.answer = answer
        self._given = [*given, project.root / SETTINGS_FILE, project.root / PYPROJECT]
        self._code: _Stamps = {}  # as it was when the run began
        self._python: _Stamps = {}  # all of the project's, then
        self._data: _Stamps | None = None  # as the run has left it
        self._told: tuple[tuple[Path, ...], tuple[Path, ...]] | None = None

    def begin(self) -> None:
        """A run is about to begin."""
        self.answer.write_text("", encoding="utf-8")
        reason_file(self.answer).unlink(missing_ok=True)
        self._code = _stamps([*self._code, *self._given])
        self._python = self._all_python()
        self._data = self._told = None

    def learn(self) -> None:
        """Take over what the run has told by now."""
        try:
            document = json.loads(self.answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self._told = (tuple(map(Path, document["code"])), tuple(map(Path, document["data"])))
        new = [path for path in self._told[0] if path not in self._code]
        self._code |= {**_stamps(new), **{path: self._python[path] for path in new if path in self._python}}

    def end(self) -> None:
        """The run has ended: what happens to data from now on counts."""
        self._data = _stamps(self._data_files())

    @property
    def count(self) -> int | None:
        """How many files count; None where all Python files do."""
        return None if self._told is None else len({*self._told[0], *self._data_files()})

    def folders(self) -> list[Path]:
        """Where a change can come from."""
        _, data = self._told or ((), ())
        known = {path if path.is_dir() else path.parent for path in (*self._code, *self._given, *data)}
        return sorted({*_folders(self.project.root), *(path for path in known if path.is_dir())})

    def changed(self, *, everywhere: bool) -> list[Path]:
        """What is a reason to run again.

        Args:
            everywhere: look at files that are not known to count too, which takes longer.
        """
        found = _different(self._code, _stamps([*self._code, *self._given]))
        if everywhere:
            others = _different(self._python, self._all_python())
            beside = {path.parent for path in self._told[0]} if self._told else set()
            found |= {
                path
                for path in others
                if self._told is None or (path.parent in beside and path not in self._python)
            }
        if self._data is not None:
            found |= _different(self._data, _stamps(self._data_files()))
        return sorted(found)

    def _all_python(self) -> _Stamps:
        files = (path for folder in _folders(self.project.root) for path in _listed(folder))
        return _stamps(path for path in files if path.suffix == ".py" and not path.name.startswith("."))

    def _data_files(self) -> Iterator[Path]:
        for path in self._told[1] if self._told else ():
            yield from _listed(path) if path.is_dir() else [path]


def _different(before: _Stamps, after: _Stamps) -> set[Path]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _folders(root: Path) -> Iterator[Path]:
    """The folders of a project that people write in, the nearest first."""
    waiting = deque([root])
    for _ in range(_MOST):
        if not waiting:
            return
        folder = waiting.popleft()
        yield folder
        waiting += (path for path in _listed(folder) if _is_ours(path))


def _is_ours(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name in _NOT_OURS
    return not hidden and path.is_dir() and not path.is_symlink() and not (path / "pyvenv.cfg").exists()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:_MOST]
    except OSError:
        return []


def _stamps(paths: Iterable[Path]) -> _Stamps:
    found: _Stamps = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found[path] = ()
        else:
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found
