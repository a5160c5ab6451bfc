"""Names of flows, and the place in the user's code that an error is about."""

from __future__ import annotations

import os
import sys
import unicodedata

from flowkit.errors import DefinitionError

LONGEST_NAME = 255
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")  # noqa: PTH100, PTH118, PTH120


def check_name(name: object, what: str = "flow") -> str:
    """Return `name` where it can name a flow or a parameter.

    Any text will do, as it is never a part of a path, but for the empty one, more than
    255 characters, and control characters, which would rewrite a terminal or a log.

    Raises:
        DefinitionError: with the reason.
    """
    if not isinstance(name, str):
        raise DefinitionError(f"a {what}'s name is text, not `{type(name).__name__}`")
    if not name.strip():
        raise DefinitionError(f"a {what} needs a name that is not empty")
    if len(name) > LONGEST_NAME:
        raise DefinitionError(
            f"the {what} name `{name[:40]}…` has {len(name)} characters, more than {LONGEST_NAME}"
        )
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise DefinitionError(f"the {what} name {name!r} has control characters")
    return name


def caller() -> str:
    """`file:line` of the innermost frame outside flowkit: where the user's code stands."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
