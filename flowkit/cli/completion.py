"""Shell completion: from the registry and the syntax of flow files, never by loading them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowkit.errors import FlowkitError

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow


def complete_flow(incomplete: str) -> list[str]:
    """The flows whose names begin so; none where they cannot be had."""
    from flowkit.cli.place import here, settings
    from flowkit.project.discovery import known_names

    try:
        names = known_names(here(), settings().settings.flows)
        return [name for name in names if name.startswith(incomplete) and name.isprintable()]
    except FlowkitError:
        return []


def registered_flow() -> Flow | None:
    """While the shell completes `flowkit run NAME …`: a flow with the parameters that are registered."""
    if "_FLOWKIT_COMPLETE" not in os.environ:
        return None
    from flowkit.cli.place import here
    from flowkit.cli.run_options import named_in
    from flowkit.flow.flow import Flow
    from flowkit.flow.parameter import Parameter
    from flowkit.project.registry import Registry

    words = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    name = named_in(words[2:]) if words[1:2] == ["run"] else None
    try:
        entry = Registry(here()).read().get(name) if name else None
    except FlowkitError:
        return None
    if entry is None:
        return None
    flow = Flow(entry.name)
    for each in entry.parameters:
        flow.add_task(Parameter(each.name, required=False, help=each.type, secret=each.secret))
    return flow
