"""Loads flow files: executes the user's code once, and finds the flows in it.

Guarantees: what is fingerprinted is what is executed, because the file is opened once; while a
file is loaded, `flow.run()` and `flow.register()` do nothing, and nothing waits for a keyboard;
whatever the file does short of killing the process ends in a `LoadError` that names file and line.
Relies on: one load at a time, for which there is a lock.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import io
import linecache
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from flowkit import homes
from flowkit.errors import LoadError, UsageError
from flowkit.flow.flow import Flow
from flowkit.parsing import syntax_tree
from flowkit.project import whole_file
from flowkit.project.discovery import Target
from flowkit.project.failure import NoInputError, explain
from flowkit.project.import_paths import base_of, module_name, mount
from flowkit.project.names import quoted, suggestions
from flowkit.project.root import Project, find_or_start, located

LARGEST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class LoadedModule:
    """A flow file after it was executed.

    Args:
        flows: by name, in the order of the file.
        attributes: the attribute of each flow, by the flow's name.
        fingerprint: of the text that was executed; for a package, of all its Python files.
        notices: what is to be said of how it was loaded, a line each.
        way_out: where it is a script of classic, how it is run as one: what it ignored is done then.
    """

    path: Path
    module: ModuleType
    flows: dict[str, Flow]
    attributes: dict[str, str]
    fingerprint: str
    notices: tuple[str, ...] = ()
    way_out: str = ""

    def pick(self, wanted: str | None = None) -> Flow:
        """The flow called `wanted`, by name or attribute; the only one, where nothing is asked.

        Raises:
            UsageError: no such flow, with the nearest; several, and none asked for.
        """
        if wanted is None:
            if len(self.flows) == 1:
                return next(iter(self.flows.values()))
            names = ", ".join(quoted(name) for name in self.flows)
            raise UsageError(
                f"`{self.path.name}` has {len(self.flows)} flows: {names}",
                hints=(f"ask for one as `{_typed(self.path)}:{next(iter(self.attributes.values()))}`",),
            )
        by_attribute = {attribute: name for name, attribute in self.attributes.items()}
        name = wanted if wanted in self.flows else by_attribute.get(wanted)
        if name is None:
            known = [*self.flows, *by_attribute]
            raise UsageError(
                f"`{self.path.name}` has no flow {quoted(wanted)}",
                hints=suggestions(wanted, known)
                or (f"it has {', '.join(quoted(each) for each in self.flows)}",),
            )
        return self.flows[name]


def _typed(path: Path) -> str:
    """A path as one would type it here."""
    return os.path.relpath(path)


@dataclass
class _Loading:
    """One load under way: the calls that it ignored, and whether it imports a `prefect` that is not there."""

    path: Path
    ignored: list[str] = field(default_factory=list)
    is_classic: bool = False

    def stand_in(self) -> None:
        """The file imports `prefect`, which is not installed: flowkit is taken for it."""
        self.is_classic = True

    def notices(self, project: Project) -> Iterator[str]:
        if self.is_classic:
            path = project.display(self.path)
            yield f"`{path}` imports `prefect`, which is not installed: flowkit stands in for it"
        if self.ignored:
            yield self.calls(project)

    @property
    def way_out(self) -> str:
        """How a script of classic is run as one; empty for a flow file of flowkit."""
        command = f"python -m flowkit.compat {shlex.quote(_typed(self.path))}"
        if self.is_classic:
            return f"`{command}` runs the script as it is"
        if homes.has_real_prefect():
            return f"the `prefect` that is installed is not flowkit: `{command}` takes flowkit for it"
        return ""

    def calls(self, project: Project) -> str:
        calls = " and ".join(f"`{call}`" for call in dict.fromkeys(self.ignored))
        return f"`{project.display(self.path)}` calls {calls}, which flowkit ignores while it loads the file"


_current: ContextVar[_Loading | None] = ContextVar("flowkit_loading", default=None)
_one_at_a_time = threading.RLock()
_loaded_files: dict[Path, LoadedModule] = {}  # by this process, the latest of each
_sources: dict[str, tuple[str, bytes]] = {}  # path and text, by the name of the module


def is_loading() -> bool:
    """Whether the caller is code of a flow file that is being loaded."""
    return _current.get() is not None


def ignore(call: str) -> bool:
    """Whether `call` (`flow.run()`) must do nothing because its file is being loaded; said once a file.

    Also where `multiprocessing` executes a script once more, in a process that it starts, as for a worker of
    a Dask cluster of the script's own.
    """
    loading = _current.get()
    if loading is not None:
        loading.ignored.append(call)
    return loading is not None or _is_executed_once_more()


def _is_executed_once_more() -> bool:
    started = sys.modules.get("multiprocessing.process")
    return started is not None and getattr(started.current_process(), "_inheriting", False)


def load(target: Target, project: Project, *, again: bool = True) -> tuple[LoadedModule, Flow]:
    """Load what a NAME stands for, and the flow that it means.

    Args:
        again: False: a file that this process has loaded, and whose text is the same, is not executed once
            more: runs that go on have the classes in it.

    Raises:
        LoadError, UsageError: as `load_file` and `LoadedModule.pick`.
    """
    with _one_at_a_time:  # another thread may be about to load the very file
        loaded = _as_it_is(target, project) if not again else None
        loaded = loaded or _load(target, project)
    if target.entry and target.entry.name not in loaded.flows:
        raise UsageError(
            f"`{target.entry.file}` no longer has the flow {quoted(target.entry.name)}",
            hints=("`flowkit register --prune` brings the registry up to date",),
        )
    return loaded, loaded.pick(target.wanted)


def _load(target: Target, project: Project) -> LoadedModule:
    if target.path is not None:
        return load_file(target.path, project)
    assert target.module is not None
    return load_module(target.module, project)


def _as_it_is(target: Target, project: Project) -> LoadedModule | None:
    """The file as this process has loaded it; None where it has not, or not with this text."""
    if target.path is None:
        return None
    path = _python_file(target.path)
    known = _loaded_files.get(path)
    if known is None or known.fingerprint != fingerprint(_read(path, project), path):
        return None
    return known


def load_file(path: Path, project: Project | None = None) -> LoadedModule:
    """Execute a flow file, or the `__init__.py` of a package, and find its flows.

    Args:
        project: default: the one that the file lies in.

    Raises:
        LoadError: see the module; its `__notes__` hold the user's frames.
        UsageError: there is no such Python file.
    """
    path = _python_file(path)
    project = project or find_or_start(path.parent)
    source = _read(path, project)
    base = base_of(path, project.root)
    with guarded(path, project) as loading:
        mount(base, path.parent, project.root)
        module = _execute(source, path, module_name(path, base))
        _loaded_files[path] = loaded = _loaded(module, path, source, loading, project)
        return loaded


def load_module(name: str, project: Project) -> LoadedModule:
    """Import the module called `name`, from the project's root or installed, and find its flows.

    Raises:
        LoadError: as `load_file`.
        UsageError: there is no such module.
    """
    with guarded(project.root, project) as loading:
        mount(project.root, project.root)
        module = _import(name)
        if module is not None and module.__file__:
            path = loading.path = located(Path(module.__file__))
            return _loaded(module, path, _read(path, project), loading, project)
    raise UsageError(f"there is no module {quoted(name)}, or it is not a file")


def fingerprint(source: bytes, path: Path) -> str:
    """The fingerprint of a flow file's text; line ends do not count, as git may change them."""
    digest = hashlib.sha256(source.replace(b"\r\n", b"\n"))
    if path.name == "__init__.py":
        for each in sorted(path.parent.rglob("*.py")):
            if each != path:
                content = whole_file.read(each, LARGEST).replace(b"\r\n", b"\n")
                name = each.relative_to(path.parent).as_posix().encode()
                digest.update(b"\0%d\0%b%d\0%b" % (len(name), name, len(content), content))
    return f"sha256:{digest.hexdigest()[:16]}"


def _import(name: str) -> ModuleType | None:
    """The module, or None where it, not one that it imports, does not exist."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        raise


def _python_file(path: Path) -> Path:
    path = located(path)
    if path.is_dir():
        path = path / "__init__.py"
    if not path.exists():
        raise UsageError(f"there is no file `{path}`")
    if path.suffix != ".py":
        raise UsageError(f"`{path}` is not a Python file: its name does not end in `.py`")
    return path


def _read(path: Path, project: Project) -> bytes:
    if "." in path.stem:
        hint = f"rename it, for instance to `{path.stem.replace('.', '_')}.py`"
        raise LoadError(f"`{project.display(path)}` has a dot in its name, as no module can", hints=(hint,))
    try:
        return whole_file.read(path, LARGEST)
    except OSError as error:
        raise LoadError(f"`{project.display(path)}` cannot be read: {error.strerror}") from error


def _execute(source: bytes, path: Path, name: str) -> ModuleType:
    """The module, made from `source` alone: a second look at the file might see another text."""
    parent = name.rpartition(".")[0]
    package = importlib.import_module(parent)
    folder = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folder)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        executed(source, path, module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    setattr(package, name.rpartition(".")[2], module)
    return module


def executed(source: bytes, path: Path, module: ModuleType) -> None:
    """Execute the text of a file as a module's."""
    _remember_lines(source, path)
    _sources[module.__name__] = (str(path), source)
    exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)


def sources() -> dict[str, tuple[str, bytes]]:
    """Path and text of the flow files that this process has executed, by the name of their module."""
    return {name: found for name, found in _sources.items() if name in sys.modules}


def _remember_lines(source: bytes, path: Path) -> None:
    """Tracebacks and `inspect.getsource` show what was executed, also after the file changes."""
    lines = source.decode(errors="replace").splitlines(keepends=True)
    linecache.cache[str(path)] = (len(source), None, lines, str(path))


class _NoKeyboard(io.TextIOBase):
    """Standard input while a file is loaded."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise NoInputError("there is no input while a flow file is loaded")

    read = readline = readlines = __next__ = _refuse


@contextmanager
def guarded(path: Path, project: Project) -> Iterator[_Loading]:
    """Surround user code; what it raises comes out as a `LoadError`."""
    loading = _Loading(path)
    with _one_at_a_time:
        token = _current.set(loading)
        stdin, argv = sys.stdin, sys.argv
        homes.stand_in(loading.stand_in, first=False)
        sys.stdin, sys.argv = _NoKeyboard(), [str(path)]
        try:
            yield loading
        except (KeyboardInterrupt, LoadError):
            raise
        except BaseException as error:
            raise _explained(error, loading, project) from error
        finally:
            sys.stdin, sys.argv = stdin, argv
            _current.reset(token)


def _explained(error: BaseException, loading: _Loading, project: Project) -> LoadError:
    explained = explain(error, loading.path, project)
    if loading.ignored:
        explained.hints += (
            f'{loading.calls(project)}: put what follows them under `if __name__ == "__main__":`',
        )
        explained.hints += (loading.way_out,) if loading.way_out else ()
    return explained


def _loaded(
    module: ModuleType, path: Path, source: bytes, loading: _Loading, project: Project
) -> LoadedModule:
    attributes: dict[str, str] = {}
    flows: dict[str, Flow] = {}
    imports = imports_of(source, module.__package__, path)
    for attribute, value in vars(module).items():
        if not isinstance(value, Flow) or flows.get(value.name) is value:
            continue
        if is_imported(value, attribute, imports):
            continue
        if value.name in flows:
            raise LoadError(
                f"`{project.display(path)}` has two flows called {quoted(value.name)}: "
                f"`{attributes[value.name]}` and `{attribute}`",
                hints=("give one of them another name", *([loading.way_out] if loading.way_out else [])),
            )
        flows[value.name], attributes[value.name] = value, attribute
        value.source = path
    if not flows:
        raise _no_flow(loading, project)
    return LoadedModule(
        path=path,
        module=module,
        flows=flows,
        attributes=attributes,
        fingerprint=fingerprint(source, path),
        notices=tuple(loading.notices(project)),
        way_out=loading.way_out if loading.ignored else "",
    )


def _no_flow(loading: _Loading, project: Project) -> LoadError:
    return LoadError(
        f"`{project.display(loading.path)}` defines no flow",
        hints=(
            'a flow is made at the top level of a file, by `with Flow("name") as flow:` or `@flow`',
            loading.way_out or "the name of a file that only helps others starts with `_`",
        ),
    )


def is_imported(value: Flow, attribute: str, imports: Mapping[str, tuple[str, str]]) -> bool:
    """Whether the name still has what it was imported as; `with Flow(...) as flow` may have reused it."""
    module, name = imports.get(attribute, ("", ""))
    return getattr(sys.modules.get(module), name, None) is value


def imports_of(source: bytes, package: str | None, path: Path) -> dict[str, tuple[str, str]]:
    """What a file imports by `from`: the module and the name there, by the name here.

    A flow of another file is not its own; but a package's `__init__.py` may gather the flows of its
    modules, by relative imports.
    """
    is_package = path.name == "__init__.py"
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(syntax_tree(source)):
        if isinstance(node, ast.ImportFrom) and not (is_package and node.level):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {alias.asname or alias.name: (origin, alias.name) for alias in node.names}
    return found
