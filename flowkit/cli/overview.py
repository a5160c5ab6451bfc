"""`flowkit` alone: the flows that there are, and the three commands to try next. No flow file is executed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from flowkit.cli.place import here, put, settings
from flowkit.cli.run_options import only_by_name, option_of
from flowkit.cli.table import columns
from flowkit.cli.wording import first_sentence
from flowkit.draw.labels import printable
from flowkit.project import state_folder
from flowkit.project.registry import Registry
from flowkit.project.root import Project
from flowkit.project.survey import FoundFlow, Survey, survey
from flowkit.store import known
from flowkit.store.run_status import RunStatus

_MOST = 20  # flows
_ENDED = {status.word: status.ended for status in RunStatus if status.resumable}

Command = tuple[str, str]


def show() -> None:
    """Print it.

    Raises:
        RegistryError: the registry cannot be read, or must not be.
    """
    project, folder = here(), settings().settings.flows
    found = survey(project, folder)
    flows = list(found.flows.values())
    if flows:
        rows = [(f"  {printable(flow.name)}", first_sentence(flow.description)) for flow in flows[:_MOST]]
        more = f"\n  and {len(flows) - _MOST:,} more" if len(flows) > _MOST else ""
        put(f"flows in {printable(str(project.root))}\n{columns(rows)}{more}\n")
    elif not found.obstacles:
        put(f"There are no flows in {printable(str(project.root / folder))} yet.\n")
    if found.obstacles:
        put(f"in the way\n{columns(list(_obstacles(found)))}\n")
    put(f"try\n{columns([(f'  {command}', what) for command, what in _next(project, found)])}")
    put("\n`flowkit --help` lists all commands.")


def _obstacles(found: Survey) -> Iterator[tuple[str, str]]:
    for each in found.obstacles[:_MOST]:
        yield f"  {each.place}", each.why
    if len(found.obstacles) > _MOST:
        yield f"  and {len(found.obstacles) - _MOST:,} more", ""


def _next(project: Project, found: Survey) -> list[Command]:
    flows = list(found.flows.values())
    if not flows:
        first = ("flowkit init", "make a small flow here that runs at once, with a test")
        return [
            *([] if found.obstacles else [first]),
            ("flowkit run FILE.py", "run a flow of a file anywhere"),
            ("flowkit doctor", "see what is wrong" if found.obstacles else "check that all is well"),
        ]
    runs = known.runs(project.state) if state_folder.check(project.state) else []
    flow = _likeliest(flows, runs)
    name = shlex.quote(printable(flow.name))
    given = "".join(f" {each}" for each in _given(flow))
    return [
        (f"flowkit run {name}{given}", "run it; `--help` behind it lists its parameters"),
        (f"flowkit graph {name}", "see what it does"),
        _third(project, [flow.name for flow in flows], runs),
    ]


def _likeliest(flows: list[FoundFlow], runs: list[known.KnownRun]) -> FoundFlow:
    """The flow of the latest run; else one that needs nothing to be given, and was built once if there is
    such a one."""
    last = next((flow for run in runs for flow in flows if flow.name == run.flow), None)
    return last or min(flows, key=lambda flow: (bool(flow.needs), not flow.registered))


def _given(flow: FoundFlow) -> Iterator[str]:
    """What has to be written behind its name."""
    by_pair = only_by_name((name, False) for name in flow.needs)
    for name in flow.needs:
        yield f"-p {name}=VALUE" if name in by_pair else f"{option_of(name)} VALUE"


def _third(project: Project, flows: list[str], runs: list[known.KnownRun]) -> Command:
    if runs and runs[0].status in _ENDED:
        return (
            f"flowkit resume {runs[0].number}",
            f"go on with the latest run, which {_ENDED[runs[0].status]}",
        )
    if runs:
        return "flowkit runs", "see what has run"
    if set(flows) <= Registry(project).read().keys():
        return "flowkit list", "see versions, schedules and tasks"
    return "flowkit register", "write what the files define into the registry"
