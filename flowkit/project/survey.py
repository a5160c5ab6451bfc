"""Which flows there are and can be run, as far as can be seen without running their files, and what keeps the
others from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from flowkit.errors import UsageError
from flowkit.parsing import syntax_tree
from flowkit.project import whole_file
from flowkit.project.discovery import LARGEST, default_files, resolve, scan
from flowkit.project.entry import Entry
from flowkit.project.names import quoted
from flowkit.project.registry import Registry
from flowkit.project.root import Project
from flowkit.project.sketch import parameters_in


@dataclass(frozen=True, kw_only=True)
class FoundFlow:
    """A flow that `flowkit run` knows by name.

    Args:
        path: its file.
        needs: the parameters that have to be given, but for secrets, which are asked for.
        registered: whether it has been built once.
    """

    name: str
    path: Path
    description: str
    needs: tuple[str, ...]
    registered: bool


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why a file, or a flow, cannot be run, or another one runs than it seems.

    Args:
        place: `flows/etl.py:3:9`, or the flow's name in backticks.
    """

    place: str
    why: str


@dataclass
class Survey:
    """What was found: the flows by name, in order."""

    flows: dict[str, FoundFlow] = field(default_factory=dict)
    obstacles: list[Obstacle] = field(default_factory=list)


def survey(project: Project, folder: str) -> Survey:
    """Look at the flow files of the folder, and at those that are registered.

    Raises:
        RegistryError: the registry cannot be read.
    """
    entries = Registry(project).read()
    inside = default_files(project, folder)
    registered = [project.root / entry.file for entry in entries.values()]
    files = list(dict.fromkeys([*inside, *(path for path in registered if path.is_file())]))
    found = Survey()
    broken = set()
    for path in files:
        obstacle = obstacle_of(path, project)
        if obstacle is not None:
            found.obstacles.append(obstacle)
            broken.add(path)
    flows = [flow for path in inside if path not in broken for flow in _mentioned(path)]
    for entry in entries.values():
        path = project.root / entry.file
        if not path.is_file():
            found.obstacles.append(_gone(entry))
        elif path not in broken:
            flows.append(_registered(entry, path))
    found.flows = {flow.name: flow for flow in sorted(flows, key=lambda flow: (flow.name, flow.registered))}
    found.obstacles += _clashes(flows, project, folder)
    return found


def obstacle_of(path: Path, project: Project) -> Obstacle | None:
    """Why a flow file cannot be loaded: it is no Python, or imports at its top level what is not there."""
    shown = project.display(path)
    try:
        tree = syntax_tree(whole_file.read(path, LARGEST))
    except SyntaxError as error:
        place = ":".join([shown, *(str(number) for number in (error.lineno, error.offset) if number)])
        return Obstacle(place=place, why=f"cannot be read: {error.msg}")
    except OSError as error:
        return Obstacle(place=shown, why=f"cannot be read: {error.strerror or error}")
    except (ValueError, RecursionError, MemoryError) as error:
        return Obstacle(place=shown, why=f"cannot be read: {error}")
    for line, module in _imports(tree):
        if not _is_there(module, (path.parent, project.root)):
            return Obstacle(place=f"{shown}:{line}", why=f"imports `{module}`, which is not installed")
    return None


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The packages that are imported whatever happens, with the line."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]


def _is_there(module: str, folders: tuple[Path, ...]) -> bool:
    try:
        return find_spec(module) is not None or PathFinder.find_spec(module, [*map(str, folders)]) is not None
    except (ImportError, ValueError):  # it is there, and not as others are
        return True


def _mentioned(path: Path) -> Iterator[FoundFlow]:
    for mention in scan(path):
        needs = [each.name for each in parameters_in(path, mention.name) if each.required and not each.secret]
        yield FoundFlow(
            name=mention.name,
            path=path,
            description=mention.description,
            needs=tuple(needs),
            registered=False,
        )


def _registered(entry: Entry, path: Path) -> FoundFlow:
    return FoundFlow(
        name=entry.name,
        path=path,
        description=entry.description,
        needs=tuple(each.name for each in entry.parameters if each.required and not each.secret),
        registered=True,
    )


def _gone(entry: Entry) -> Obstacle:
    return Obstacle(
        place=quoted(entry.name), why=f"was registered from `{entry.file}`, which is not there any more"
    )


def _clashes(flows: list[FoundFlow], project: Project, folder: str) -> Iterator[Obstacle]:
    """The names that several files have, with what a name means then."""
    paths: dict[str, list[Path]] = {}
    for flow in flows:
        paths.setdefault(flow.name, []).append(flow.path)
    for name, claimed in sorted(paths.items()):
        files = sorted({f"`{project.display(path)}`" for path in claimed})
        if len(files) < 2:
            continue
        shown = " and ".join([", ".join(files[:-1]), files[-1]])
        try:
            path = resolve(name, project, folder=folder).path
        except UsageError:
            path = None
        then = (
            f"the name means the one in `{project.display(path)}`"
            if path
            else "`flowkit run FILE.py:NAME` chooses"
        )
        yield Obstacle(place=quoted(name), why=f"is in {shown}; {then}")
