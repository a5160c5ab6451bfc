"""Secret parameters at the command: how they are asked for."""

from __future__ import annotations

import getpass
import sys

from flowkit.draw.labels import printable
from flowkit.flow.parameter import Parameter


def ask(parameter: Parameter) -> str | None:
    """What is typed for a secret, which the terminal does not show; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        return getpass.getpass(f"{printable(parameter.name)} (not shown): ", stream=sys.stderr)
    except EOFError:
        return None
