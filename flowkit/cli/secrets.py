"""Secret parameters at the command: how they are asked for, and how `--help` speaks of them."""

from __future__ import annotations

import getpass
import sys

from flowkit.draw.labels import printable
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import variable_of


def ask(parameter: Parameter) -> str | None:
    """What is typed for a secret, which the terminal does not show; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        return getpass.getpass(f"{printable(parameter.name)} (not shown): ", stream=sys.stderr)
    except EOFError:
        return None


def listed(flow: Flow) -> str:
    """A paragraph of help for each secret parameter: its options are hidden, as they must not be used."""
    return "".join(f"\n\n{_line(each)}" for each in flow.parameters() if each.secret)


def _line(parameter: Parameter) -> str:
    about = f" {parameter.help}" if parameter.help else ""
    return f"{parameter.name} [secret]{about}: asked for, or from the variable {variable_of(parameter.name)}"
