"""What GitHub Actions makes of lines that begin with `::`: folded groups, and notes at lines of code."""

from __future__ import annotations

from flowkit.cli.evidence import Place, short_path
from flowkit.cli.styled import Styled


def group(title: str, lines: list[Styled]) -> list[Styled]:
    """Lines under a title that folds."""
    return [[(f"::group::{_data(title)}", "")], *lines, [("::endgroup::", "")]]


def error(message: str, place: Place | None) -> Styled:
    """A note at the line of code that failed."""
    where = f" file={_property(short_path(place.file))},line={place.line}" if place else ""
    return [(f"::error{where}::{_data(message)}", "")]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
