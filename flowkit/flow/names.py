"""Names of flows and parameters."""

from __future__ import annotations

import unicodedata

from flowkit.errors import DefinitionError

LONGEST_NAME = 255


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
