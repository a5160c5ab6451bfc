"""The architecture, held: which part may import which, who may print, what stays thin.

Every import of the package is looked at, those inside functions too; those that only a type checker
sees are not. A rule that is broken is shown with its file and line.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent / "flowkit"
STARTER = ROOT / "cli" / "starter"  # what `flowkit init` makes: a user's code

# What each part may import of the others: errors ← flow, errors ← fingerprint, {flow, fingerprint} ← plan
# ← engine ← logs, flow ← project, flow ← draw, {store, project} ← why, {engine, why} ← runs ← cli,
# errors ← schedule ← cli.
# A name with a dot stands for that module alone: the store knows only what a run tells of itself.
_OF_PLAN = {"plan.state", "plan.status", "plan.events", "plan.failure", "plan.durations"}
_BELOW_RUNS = {"errors", "flow", "fingerprint", "plan", "engine", "logs", "store", "project", "draw", "why"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "flow": {"errors"},
    "fingerprint": {"errors", "parsing"},
    "plan": {"errors", "flow", "fingerprint"},
    "engine": {"errors", "flow", "plan", "homes"},
    "logs": {"engine.log_capture"},
    "store": {"errors", "fingerprint", *_OF_PLAN},
    "project": {"errors", "flow", "homes", "parsing"},
    "draw": {"errors", "flow"},
    "why": {"errors", "fingerprint", "plan", "store", "project"},
    "runs": {"__init__", *_BELOW_RUNS},
    "schedule": {"errors"},
    "cli": {"__init__", "runs", "schedule", *_BELOW_RUNS},
    "compat": {
        "__init__",
        "errors",
        "flow",
        "plan",
        "engine",
        "store",
        "project",
        "runs",
        "homes",
        "signals",
    },
    "homes": set(),
    "parsing": set(),
    # Ready-made tasks are written as a user's would be, but for what tells them that they are stopped.
    "tasks": {"errors", "flow", "engine", "plan.state", "homes"},
    # What users test their flows with is put together as `runs` is.
    "testing": {"errors", "flow", "plan", "engine", "project", "runs", "schedule"},
    # The front door binds what `flow/` must not know, and `python -m flowkit` is the command.
    "__init__": {"errors", "flow", "plan", "engine", "project", "draw", "runs", "homes"},
    "__main__": {"cli"},
}

# Public names that only stand for others, some under their home in Prefect classic.
THIN = {
    "executors": {"engine", "homes"},
    "signals": {"engine"},
    "state": {"plan"},
    "triggers": {"plan"},
    "schedules": {"schedule"},
    "results": {"store"},
    "engine.state": {"state"},
    "engine.flow_runner": {"runs"},
    "engine.task_runner": {"runs"},
    "engine.runner": {"engine"},
    "tasks.control_flow": {"flow", "homes"},
    "tasks.core": {"flow", "homes"},
    "utilities": {"flow", "engine", "tasks", "homes"},
}

# Outside of the standard library: where each may be imported, and whether only inside functions.
THIRD_PARTY = {
    "networkx": ({"flow.graph"}, True),
    "pydantic": ({"flow.values"}, True),
    "tomli_w": ({"project"}, False),
    # Lets a saved flow have the functions of a script, where the user has it.
    "psutil": ({"engine.processes.family", "engine.executors.ray", "engine.ray.watch"}, True),
    "cloudpickle": ({"runs.saved", "engine.by_value"}, False),
    # Moments are as in Prefect classic, where the user has it.
    "pendulum": ({"flow.datetime_parameter", "engine.context"}, True),
    # How many cells of a terminal a character takes is a table that only rich keeps for us.
    "jinja2": ({"draw.report.page", "tasks.templates.jinja2"}, True),
    "rich": ({"cli", "draw.labels"}, False),
    "resvg_py": ({"draw.png"}, True),
    "cronsim": ({"schedule.cron"}, True),
    "dateutil": ({"schedule.rrule"}, True),
    # Imported late themselves, where a cluster is asked for.
    "dask": ({"engine.dask.cluster", "engine.dask.worker"}, False),
    "distributed": ({"engine.dask", "engine.executors.dask"}, False),
    "ray": ({"engine.executors.ray"}, True),
    "watchfiles": ({"cli.watch"}, True),
    "typer": ({"cli"}, False),
    "click": ({"cli"}, False),
}

# Only cli/ writes to the terminal. These touch its streams all the same, for a reason.
TOUCH_STREAMS = {
    "draw.visualize": "`flow.visualize()` prints the picture, as its user asks for",
    "engine.processes.batch": "what a task prints elsewhere is printed here, as if it ran here",
    "engine.processes.outlet": "what tasks print leaves their process",
    "engine.processes.worker": "a worker has no terminal",
    "engine.capture": "takes the streams over, so that what tasks print has one writer",
    "engine.standard_streams": "leads them past the pipes that stand below them while a run captures",
    "compat.__main__": "it is a command of its own",
    "compat.hello_world": "it is an example",
    "logs": "its logging handler writes to what `sys.stderr` is at that time, in a script",
}


class Import(NamedTuple):
    """An import statement, by the module that it stands in and the one that it names."""

    module: str
    name: str
    line: int
    late: bool

    def __str__(self) -> str:
        return f"flowkit/{self.module.replace('.', '/')}.py:{self.line} imports {self.name}"


@cache
def modules() -> dict[str, ast.Module]:
    """All modules of the package; names are relative to it, a package stands for its `__init__`."""
    found = {}
    for path in sorted(set(ROOT.rglob("*.py")) - set(STARTER.rglob("*.py"))):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


@cache
def imports() -> tuple[Import, ...]:
    """All imports of the package but those under `if TYPE_CHECKING:`."""
    return tuple(each for module, tree in modules().items() for each in _imports_in(module, tree, False))


def _imports_in(module: str, node: ast.AST, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports_in(module, other, late)
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(module, alias.name, child.lineno, late)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{module}:{child.lineno} imports relatively; write the whole name"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                named = whole if _own(whole) in modules() else str(child.module)
                yield Import(module, named, child.lineno, late)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_in(module, child, late or is_function)


def _own(name: str) -> str:
    """`flow.task` for `flowkit.flow.task`, `__init__` for `flowkit`, "" for what is not of the package."""
    head, _, rest = name.partition(".")
    return (rest or "__init__") if head == "flowkit" else ""


def within(module: str, parts: set[str]) -> bool:
    """Whether a module is, or lies in, one of these parts."""
    return any(module == part or module.startswith(f"{part}.") for part in parts)


def thin(module: str) -> str | None:
    """The entry of `THIN` that a module belongs to."""
    return next((name for name in THIN if within(module, {name})), None)


def part_of(module: str) -> str:
    return thin(module) or module.partition(".")[0]


def report(broken: list[str], rule: str) -> None:
    assert not broken, rule + ":\n  " + "\n  ".join(broken)


def test_every_part_of_the_package_has_a_place_in_the_table() -> None:
    unplaced = {part_of(module) for module in modules()} - MAY_IMPORT.keys() - THIN.keys()
    report(sorted(unplaced), "parts that the table does not know; say what they may import")


@pytest.mark.parametrize("part", [*MAY_IMPORT, *THIN])
def test_a_part_imports_only_what_the_table_allows(part: str) -> None:
    allowed = {part, *MAY_IMPORT.get(part, THIN.get(part, set()))}
    broken = [
        str(each)
        for each in imports()
        if part_of(each.module) == part
        and _own(each.name)
        and not within(_own(each.name), allowed)
        and part_of(_own(each.name)) != part
    ]
    report(broken, f"{part} may import only {', '.join(sorted(allowed))}")


def test_store_and_engine_do_not_know_each_other() -> None:
    assert "store" not in MAY_IMPORT["engine"]
    assert not within("engine", MAY_IMPORT["store"])


def test_only_thin_modules_and_programs_import_thin_modules() -> None:
    broken = [
        str(each)
        for each in imports()
        if thin(_own(each.name)) and not thin(each.module) and part_of(each.module) not in ("cli", "compat")
    ]
    report(broken, "inside the package a name is imported from its home, not from where users find it")


@pytest.mark.parametrize("library", THIRD_PARTY)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    places, only_late = THIRD_PARTY[library]
    using = [each for each in imports() if each.name.partition(".")[0] == library]
    broken = [str(each) for each in using if not within(each.module, places) or (only_late and not each.late)]
    where = "inside functions of" if only_late else "in"
    report(broken, f"{library} is imported only {where} {', '.join(sorted(places))}")


@pytest.mark.parametrize("library", ["networkx", "pydantic"])
def test_a_heavy_library_has_one_file(library: str) -> None:
    using = {each.module for each in imports() if each.name.partition(".")[0] == library}
    assert len(using) == 1


def test_other_libraries_are_not_used() -> None:
    known = {*sys.stdlib_module_names, *THIRD_PARTY, "flowkit"}
    broken = [str(each) for each in imports() if each.name.partition(".")[0] not in known]
    report(broken, "not of the standard library, and not in the table of libraries")


@pytest.mark.parametrize("part", ["plan", "fingerprint"])
def test_what_is_made_of_the_standard_library_alone_stays_so(part: str) -> None:
    """A fingerprint looks only at libraries that the user has imported: it asks `sys.modules`."""
    allowed = sys.stdlib_module_names | {"flowkit"}
    broken = [
        str(each)
        for each in imports()
        if within(each.module, {part}) and each.name.partition(".")[0] not in allowed
    ]
    report(broken, f"{part}/ needs no library")


@pytest.mark.parametrize("part", ["plan", "schedule"])
def test_what_decides_knows_no_clock_thread_file_or_chance(part: str) -> None:
    """Retries draw their jitter outside of the machine; that is the one use of chance."""
    effects = {
        "time",
        "threading",
        "os",
        "io",
        "pathlib",
        "logging",
        "asyncio",
        "socket",
        "subprocess",
        "random",
    }
    broken = [
        str(each)
        for each in imports()
        if within(each.module, {part})
        and each.name.partition(".")[0] in effects
        and (each.module, each.name) != ("plan.retry", "random")
    ]
    report(broken, f"{part}/ is pure: time is an argument, and nothing is done to the world")


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    ways: dict[str, set[str]] = {module: set() for module in modules()}
    for each in imports():
        if not each.late and _own(each.name) in ways and _own(each.name) != each.module:
            ways[each.module].add(_own(each.name))
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        pytest.fail(f"modules import each other when they are loaded: {circle}")


@pytest.mark.parametrize("module", sorted(module for module in modules() if thin(module)))
def test_a_module_that_only_stands_for_others_holds_only_imports(module: str) -> None:
    broken = [
        f"line {node.lineno}: {ast.unparse(node).splitlines()[0]}"
        for node in modules()[module].body
        if not (
            isinstance(node, ast.Import | ast.ImportFrom)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
            or ast.unparse(node) == "__getattr__ = homes.below(__name__)"
            or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "__path__")
        )
    ]
    report(broken, f"flowkit.{module} only gives names of others")


def streams(module: str) -> list[str]:
    """Where a module prints, or touches the streams of the process."""
    found = []
    for node in ast.walk(modules()[module]):
        prints = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        touches = (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "sys"
            and node.attr.strip("_") in ("stdout", "stderr")
        )
        if prints or touches:
            assert isinstance(node, ast.expr)
            found.append(f"flowkit/{module.replace('.', '/')}.py:{node.lineno}: {ast.unparse(node)}")
    return found


def test_only_the_command_line_writes_to_the_terminal() -> None:
    quiet = [name for name in modules() if not within(name, {"cli"}) and name not in TOUCH_STREAMS]
    report([use for module in quiet for use in streams(module)], "only cli/ writes to the terminal")


@pytest.mark.parametrize("module", TOUCH_STREAMS)
def test_an_exception_from_that_is_still_one(module: str) -> None:
    assert streams(module), f"{module} does not touch the streams any more; take it off the list"
