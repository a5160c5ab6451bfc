"""`flowkit` alone: the flows that there are, and the three commands to try next. No flow file is executed."""

from __future__ import annotations

import shlex

from flowkit.cli.place import here, put, settings
from flowkit.cli.table import columns
from flowkit.cli.wording import first_sentence
from flowkit.draw.labels import printable
from flowkit.project import state_folder
from flowkit.project.discovery import known_flows
from flowkit.project.registry import Registry
from flowkit.project.root import Project
from flowkit.store import known
from flowkit.store.run_status import RunStatus

_MOST = 20  # flows
_RESUMABLE = {status.word for status in RunStatus if status.resumable}

Command = tuple[str, str]


def show() -> None:
    """Print it.

    Raises:
        RegistryError: the registry cannot be read, or must not be.
    """
    project, folder = here(), settings().settings.flows
    flows = known_flows(project, folder)
    if flows:
        rows = [(f"  {printable(name)}", first_sentence(flows[name])) for name in list(flows)[:_MOST]]
        more = f"\n  and {len(flows) - _MOST:,} more" if len(flows) > _MOST else ""
        put(f"flows in {printable(str(project.root))}\n{columns(rows)}{more}\n")
    else:
        put(f"There are no flows in {printable(str(project.root / folder))} yet.\n")
    put(f"try\n{columns([(f'  {command}', what) for command, what in _next(project, list(flows))])}")
    put("\n`flowkit --help` lists all commands.")


def _next(project: Project, flows: list[str]) -> list[Command]:
    if not flows:
        return [
            ("flowkit init", "make a small flow here that runs at once, with a test"),
            ("flowkit run FILE.py", "run a flow of a file anywhere"),
            ("flowkit doctor", "check that all is well"),
        ]
    runs = known.runs(project.state) if state_folder.check(project.state) else []
    last = next((run for run in runs if run.flow in flows), None)
    name = shlex.quote(printable(last.flow if last is not None else flows[0]))
    return [
        (f"flowkit run {name}", "run it; `--help` behind it lists its parameters"),
        (f"flowkit graph {name}", "see what it does"),
        _third(project, flows, runs),
    ]


def _third(project: Project, flows: list[str], runs: list[known.KnownRun]) -> Command:
    if runs and runs[0].status in _RESUMABLE:
        return f"flowkit resume {runs[0].number}", f"go on with the latest run, which {_ended(runs[0])}"
    if runs:
        return "flowkit runs", "see what has run"
    if set(flows) <= Registry(project).read().keys():
        return "flowkit list", "see versions, schedules and tasks"
    return "flowkit register", "write what the files define into the registry"


def _ended(run: known.KnownRun) -> str:
    return run.status if run.status == RunStatus.FAILED.word else f"was {run.status}"
