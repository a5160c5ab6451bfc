"""What may stand for a flow, a run, a task or a parameter: from the registry, the syntax of flow files and
the history. No user code is loaded."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from flowkit.cli.wording import first_sentence
from flowkit.errors import FlowkitError
from flowkit.project import state_folder
from flowkit.project.config import config
from flowkit.project.discovery import known_flows, resolve
from flowkit.project.entry import ParameterText
from flowkit.project.registry import Registry
from flowkit.project.root import Project, find, find_or_start

SPECIAL_RUNS = (("latest", "the latest run"), ("failed", "the latest run that failed"))


class Candidate(NamedTuple):
    """What may be typed, and what it is."""

    value: str
    help: str = ""


@cache
def _here() -> tuple[Project, str]:
    """The project, and its folder of flows."""
    from pathlib import Path

    start = Path.cwd()
    return find_or_start(start), config.resolve(find(start)).settings.flows


def flows() -> Iterator[Candidate]:
    """All that `flowkit run` knows by name."""
    for name, description in known_flows(*_here()).items():
        yield Candidate(name, first_sentence(description))


def registered() -> Iterator[Candidate]:
    """The flows of the registry."""
    for name, entry in Registry(_here()[0]).read().items():
        yield Candidate(name, first_sentence(entry.description))


def parameters(flow: str) -> list[ParameterText]:
    """The parameters of a flow that may be given on the command line: those that are registered, and those
    that its file seems to have beyond them; none that is secret."""
    from flowkit.project.sketch import parameters_in

    try:
        target = resolve(flow, _here()[0], folder=_here()[1])
    except FlowkitError:
        return []
    known = list(target.entry.parameters) if target.entry else []
    seen = parameters_in(target.path, target.wanted) if target.path else []
    names = {each.name for each in known}
    return [each for each in [*known, *(each for each in seen if each.name not in names)] if not each.secret]


def choices_of(parameter: ParameterText) -> list[str]:
    """The values of a `Literal[…]`."""
    found = re.fullmatch(r"(?:typing\.)?Literal\[(.*)\]", parameter.type, re.DOTALL)
    try:
        values = ast.literal_eval(f"({found[1]},)") if found else ()
    except (ValueError, SyntaxError):
        return []
    return [str(each) for each in values]


def runs() -> Iterator[Candidate]:
    """Numbers, then names, the latest first."""
    from flowkit.store import known

    project, _ = _here()
    found = known.runs(project.state) if state_folder.check(project.state) else []
    if found:
        yield from (Candidate(*each) for each in SPECIAL_RUNS)
    for which in (lambda run: str(run.number), lambda run: run.name):
        for run in found:
            yield Candidate(which(run), f"{run.flow}, {run.status}, {_ago(time.time() - run.started)}")


def _ago(seconds: float) -> str:
    from flowkit.cli.moments import ago

    return ago(seconds)


def tasks(*, run: str = "latest", flow: str | None = None) -> Iterator[Candidate]:
    """The tasks of a run, or of the latest run of a flow."""
    from flowkit.store import known

    project, folder = _here()
    if flow is not None:
        flow = resolve(flow, project, folder=folder).wanted or flow
    if state_folder.check(project.state):
        yield from map(Candidate, known.tasks(project.state, run=run, flow=flow))
