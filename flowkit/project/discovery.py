"""Which files hold flows, and what a name on the command line means; nothing here runs user code."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowkit.errors import UsageError
from flowkit.parsing import syntax_tree
from flowkit.project import whole_file
from flowkit.project.entry import Entry
from flowkit.project.names import quoted, same, suggestions
from flowkit.project.registry import Registry
from flowkit.project.root import FLOWS_FOLDER, Project, located

LARGEST = 10_000_000
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to load.

    Args:
        path: a flow file; None where `module` is to be imported.
        wanted: the flow in it, by name or attribute; None for its only one.
        entry: what the registry has of it, where it was found there.
        others: other files of the folder of flows that have a flow of this name.
    """

    path: Path | None = None
    module: str | None = None
    wanted: str | None = None
    entry: Entry | None = None
    others: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A flow that a file seems to define, from a look at its syntax.

    Args:
        description: the first paragraph of its docstring, on one line.
    """

    name: str
    path: Path
    line: int
    description: str = ""


def flow_files(project: Project, paths: Iterable[Path] = (), folder: str = FLOWS_FOLDER) -> list[Path]:
    """The flow files in `paths`, or in the project's folder of flows where there are none.

    A folder stands for the Python files in it and for the packages in it, but for names that start
    with `_` or `.`; a package for its `__init__.py`.

    Raises:
        UsageError: a path that does not exist, or has no flow file.
    """
    flows = project.root / folder
    given = [located(path) for path in paths]
    found = [file for path in given or [flows] for file in _files_of(path, flows)]
    return list(dict.fromkeys(found))


def scan(path: Path) -> Iterator[Mention]:
    """The flows that a file seems to define: `Flow("NAME")`, `@flow`, `@flow(name="NAME")`.

    A file that cannot be read or is not Python has none.
    """
    try:
        tree = syntax_tree(whole_file.read(path, LARGEST))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        name = name_of(node)
        if name is not None:
            description = _docstring(node) if isinstance(node, ast.FunctionDef) else ""
            yield Mention(name=name, path=path, line=getattr(node, "lineno", 1), description=description)


def _docstring(node: ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def known_flows(project: Project, folder: str = FLOWS_FOLDER) -> dict[str, str]:
    """The names that `resolve` knows, in order, with what is said of each; for lists and completion.

    Raises:
        RegistryError: the registry cannot be read.
    """
    found = {mention.name: mention.description for mention in _mentions(project, folder)}
    entries = Registry(project).read().values()
    return dict(sorted((found | {each.name: each.description for each in entries}).items()))


def resolve(name: str, project: Project, *, cwd: Path | None = None, folder: str = FLOWS_FOLDER) -> Target:
    """What a NAME on the command line means.

    The first that fits: a file (`path/to/file.py`, `file.py:flow`), a registered name, a file in the
    folder of flows, a name that one of these files mentions, a module (`package.module:flow`).

    Args:
        cwd: where relative paths start before the project's root; default: the working directory.

    Raises:
        UsageError: nothing fits, with the nearest names; or the file of a registered flow is gone.
        RegistryError: the registry had to be asked and cannot be read.
    """
    places = (cwd or Path.cwd(), project.root)
    return (
        _as_file(name, (*places, project.root / folder))
        or _as_registered(name, project, folder)
        or _as_found(name, project, folder)
        or _as_module(name)
        or _give_up(name, project, folder)
    )


def homes(name: str, project: Project, *, was: Path, folder: str = FLOWS_FOLDER) -> list[Path]:
    """The files that a flow may live in now: where it is registered, else where it is mentioned.

    Args:
        was: the file in which it is not found any more; its folder is looked at too.

    Raises:
        RegistryError: the registry cannot be read.
    """
    entry = Registry(project).read().get(name)
    registered = project.root / entry.file if entry is not None else was
    if registered != was and registered.is_file():
        return [registered]
    beside = was.parent if was.is_relative_to(project.root) and was.parent.is_dir() else None
    files = [*default_files(project, folder), *(_files_in(beside) if beside is not None else ())]
    return [file for file in dict.fromkeys(files) if any(same(found.name, name) for found in scan(file))]


def _files_of(path: Path, flows: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        hints = ("`flowkit register PATH` looks elsewhere",) if path == flows else ()
        raise UsageError(f"there is no file or folder `{path}`", hints=hints)
    package = path / "__init__.py"
    if path != flows and package.is_file():
        return [package]
    found = list(_files_in(path))
    if not found:
        raise UsageError(
            f"there are no flow files in `{path}`",
            hints=("a flow file ends in `.py`, and does not start with `_`",),
        )
    return found


def _files_in(folder: Path) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if each.name.startswith(("_", ".")):
            continue
        if each.suffix == ".py" and each.is_file():
            yield each
        elif (each / "__init__.py").is_file():
            yield each / "__init__.py"


def default_files(project: Project, folder: str) -> list[Path]:
    """The flow files of the folder of flows; none where it is not there."""
    flows = project.root / folder
    return list(_files_in(flows)) if flows.is_dir() else []


def name_of(node: ast.AST) -> str | None:
    """The name of the flow that this piece of syntax makes; None for any other."""
    if isinstance(node, ast.Call) and _called(node) == "Flow":
        return _text_argument(node, first_too=True)
    if not isinstance(node, ast.FunctionDef):
        return None
    for decorator in node.decorator_list:
        if _called(decorator) == "flow":
            given = _text_argument(decorator) if isinstance(decorator, ast.Call) else None
            return given or node.name
    return None


def _called(node: ast.expr) -> str | None:
    """`flow` of `flow`, `flow(...)`, `flowkit.flow` and `flowkit.flow(...)`."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _text_argument(call: ast.Call, first_too: bool = False) -> str | None:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    for value in [*given, *(call.args[:1] if first_too else [])]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _as_file(name: str, places: Iterable[Path]) -> Target | None:
    file, colon, wanted = name.rpartition(":")
    for text, flow in ((name, None), (file, wanted)) if colon else ((name, None),):
        for place in places:
            path = place / text
            if _is_flow_file(path, text):
                package = path.is_dir()
                return Target(path=located(path) / "__init__.py" if package else located(path), wanted=flow)
    return None


def _is_flow_file(path: Path, text: str) -> bool:
    """A file that ends in `.py`, or a package that is written as a path, so that no name is taken for one."""
    try:
        if path.suffix == ".py":
            return path.is_file()
        return "/" in text and (path / "__init__.py").is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        return False


def _as_registered(name: str, project: Project, folder: str) -> Target | None:
    entries = Registry(project).read()
    alike = [each for each in entries if same(each, name)]
    found = entries.get(name) or (entries[alike[0]] if len(alike) == 1 else None)
    if found is None:
        return None
    path = project.root / found.file
    if not path.is_file():
        raise _moved(found, project, folder)
    others = _others(found.name, path, project, folder)
    return Target(path=path, wanted=found.name, entry=found, others=others)


def _others(name: str, path: Path, project: Project, folder: str) -> tuple[Path, ...]:
    """The other files that mention a flow of this name; only those that have its letters are parsed."""
    files = [file for file in default_files(project, folder) if file != path and _has(file, name)]
    return tuple(file for file in files if any(each.name == name for each in scan(file)))


def _has(file: Path, text: str) -> bool:
    try:
        return text.encode("utf-8", "surrogatepass") in whole_file.read(file, LARGEST)
    except OSError:
        return False


def _moved(entry: Entry, project: Project, folder: str) -> UsageError:
    files = {mention.path for mention in _mentions(project, folder) if mention.name == entry.name}
    if files:
        hint = f"it is in `{project.display(min(files))}` now: run `flowkit register`"
    else:
        hint = f"put the file back, or run `flowkit unregister '{entry.name}'`"
    return UsageError(
        f"the flow {quoted(entry.name)} was registered from `{entry.file}`, which no longer exists",
        hints=(hint,),
    )


def _as_found(name: str, project: Project, folder: str) -> Target | None:
    for file in default_files(project, folder):
        if same(name, _stem(file)):
            own = next((mention.name for mention in scan(file) if same(mention.name, name)), None)
            others = _others(own, file, project, folder) if own is not None else ()
            return Target(path=file, wanted=own, others=others)
    mentions = [mention for mention in _mentions(project, folder) if same(mention.name, name)]
    if len({mention.path for mention in mentions}) > 1:
        shown = " and ".join(f"`{project.display(each.path)}:{each.line}`" for each in mentions)
        refs = dict.fromkeys(f"{project.display(each.path)}:{each.name}" for each in mentions)
        hint = f"choose one: {' or '.join(f'`flowkit run {shlex.quote(ref)}`' for ref in refs)}"
        raise UsageError(f"two files have a flow called {quoted(name)}: {shown}", hints=(hint,))
    return Target(path=mentions[0].path, wanted=mentions[0].name) if mentions else None


def _mentions(project: Project, folder: str) -> list[Mention]:
    return [mention for file in default_files(project, folder) for mention in scan(file)]


def _stem(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _as_module(name: str) -> Target | None:
    """Only what cannot be a mistyped flow: with a dot or a colon in it."""
    module, _, wanted = name.partition(":")
    if _MODULE.match(module) and ("." in module or ":" in name):
        return Target(module=module, wanted=wanted or None)
    return None


def _give_up(name: str, project: Project, folder: str) -> Target:
    file, _, flow = name.rpartition(":")
    looks_like_file = "/" in name or name.endswith(".py") or (file.endswith(".py") and bool(flow))
    if looks_like_file:
        beside = any((place / f"{name}.py").is_file() for place in (Path.cwd(), project.root))
        raise UsageError(
            f"there is no flow file {quoted(file if file.endswith('.py') else name)}",
            hints=(f"did you mean {quoted(f'{name}.py')}?",) if beside else (),
        )
    known = {*Registry(project).read(), *(mention.name for mention in _mentions(project, folder))}
    stems = {_stem(file) for file in default_files(project, folder)}
    hints = suggestions(name, known | stems) or (
        (f"the flows here: {', '.join(quoted(each) for each in sorted(known | stems)[:10])}",)
        if known | stems
        else (f"there is no flow in `{folder}/` yet; `path/to/file.py` is a name too",)
    )
    raise UsageError(f"no flow is called {quoted(name)}", hints=hints)
