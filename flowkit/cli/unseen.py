"""What the key of a task's results does not see in full, in words, so that a wrong hit can be explained."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.cli.wording import listed
from flowkit.fingerprint import Part, packages, unfollowed

HINT = "hint: of what is not followed only the class counts; name in `depends_on=` what else matters"
_MOST = 10


def facts_of(parts: Sequence[Part]) -> list[tuple[str, str]]:
    """What counts only by its version, or was not followed, as names and texts; nothing where all is seen."""
    found = {"by version": packages(parts), "not followed": unfollowed(parts)}
    return [(name, listed(list(words), _MOST)) for name, words in found.items() if words]


def document_of(parts: Sequence[Part]) -> dict[str, list[str]]:
    """The same for other programs."""
    return {"versions": list(packages(parts)), "unfollowed": list(unfollowed(parts))}
