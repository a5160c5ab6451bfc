"""`flowkit doctor`: whether the installation and what is kept are sound; `--fix` repairs what can be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from flowkit.cli.check import Check, State
from flowkit.cli.place import here, put, say
from flowkit.cli.table import columns
from flowkit.cli.wording import counted
from flowkit.draw.labels import printable
from flowkit.errors import FlowkitError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired.")] = False,
    no_flows: Annotated[bool, typer.Option("--no-flows", help="Load no flow files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check the installation, the flows and what is kept; exit 1 where there is an error.

    Flow files are loaded to see whether they can be, each in a process of its own with a time limit.
    """
    from flowkit.cli.checks import checks_of

    checks = list(checks_of(here(), loads=not no_flows))
    if fix and any(check.mend for check in checks):
        for line in _mended(checks):
            say(line)
        checks = list(checks_of(here(), loads=not no_flows))
    if as_json:
        put(json.dumps([check.facts for check in checks], indent=2))
    else:
        put(columns([(f"[{check.state}]", check.name, check.text) for check in checks]))
        _say_hints(checks, fixed=fix)
    raise typer.Exit(int(any(check.state is State.ERROR for check in checks)))


def _mended(checks: list[Check]) -> Iterator[str]:
    for check in checks:
        if check.mend is not None:
            try:
                yield f"{check.name}: {check.mend()}"
            except (FlowkitError, OSError) as error:
                yield f"{check.name}: cannot be repaired: {error}"


def _say_hints(checks: list[Check], *, fixed: bool) -> None:
    sys.stdout.flush()
    errors, warnings = (
        sum(check.state is state for check in checks) for state in (State.ERROR, State.WARNING)
    )
    if errors or warnings:
        found = [counted(errors, "error")] * bool(errors) + [counted(warnings, "warning")] * bool(warnings)
        say(f"found {' and '.join(found)}")
    for check in checks:
        for hint in check.hints:
            say(f"hint: {printable(check.name)}: {hint}")
    mendable = sum(check.mend is not None for check in checks)
    if mendable and not fixed:
        say(f"hint: `flowkit doctor --fix` repairs {counted(mendable, 'thing')}")
