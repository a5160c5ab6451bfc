"""`flow.visualize()`: the picture of a flow, on the terminal or in a file."""

from __future__ import annotations

import importlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flowkit.draw.drawing import Drawing
from flowkit.draw.mark import WORST, Mark, Tone
from flowkit.draw.of_flow import drawing_of
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.task import Task

FORMATS = {
    "text": "text",
    "svg": "svg",
    "png": "png",
    "html": "html",
    "mermaid": "mermaid",
    "dot": "dot",
    "json": "document",
}
_ENDINGS = {
    ".txt": "text",
    ".svg": "svg",
    ".png": "png",
    ".html": "html",
    ".htm": "html",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".json": "json",
}


def rendered(drawing: Drawing, format: str, **options: object) -> str | bytes:
    """A drawing in one of `FORMATS`, bytes where that is `png`; `options` are those of its `render`.

    Raises:
        UsageError: an unknown format.
    """
    if format not in FORMATS:
        known = ", ".join(f"`{name}`" for name in FORMATS)
        raise UsageError(f"a graph cannot be drawn as `{format}`", hints=(f"it can be drawn as {known}",))
    render: Callable[..., str | bytes] = importlib.import_module(f"flowkit.draw.{FORMATS[format]}").render
    return render(drawing, **options)


def format_of(filename: str | None) -> str:
    """The format that a file's ending asks for; text where there is no file, or no ending.

    Raises:
        UsageError: an unknown ending.
    """
    ending = Path(filename).suffix if filename else ""
    chosen = _ENDINGS.get(ending.lower() or ".txt")
    if chosen is None:
        known = ", ".join(f"`{known}`" for known in _ENDINGS)
        raise UsageError(f"a graph cannot be drawn as `{ending}`", hints=(f"known endings: {known}",))
    return chosen


def visualize(
    flow: Flow,
    states: Mapping[Task, Any],
    filename: str | None = None,
    format: str | None = None,
    horizontal: bool = False,
) -> str | bytes:
    """Draw a flow, and print the picture where no file is named.

    Args:
        states: how tasks ended; pictures show it.
        horizontal: let arrows point to the right.
        filename: where to write; its ending decides the format.
        format: one of `FORMATS`; default: text, or by the file's ending.

    Returns:
        The picture; bytes of a PNG.

    Raises:
        UsageError: an unknown format or ending; a PNG without a file, or without resvg.
        DefinitionError: a cycle.
    """
    chosen = format or format_of(filename)
    options: dict[str, object] = {}
    if chosen == "text":
        options["width"] = shutil.get_terminal_size((100, 24)).columns
    if chosen != "json":
        options["direction"] = "right" if horizontal else "down"
    drawing = drawing_of(flow, keys_of(flow))
    options["marks"] = _marks(flow, states)
    picture = rendered(drawing, chosen, **options)
    if filename:
        Path(filename).write_bytes(contents(picture))
    elif isinstance(picture, bytes):
        raise UsageError("a PNG is no text to be printed", hints=("name a file for it",))
    else:
        print(picture)
    return picture


def contents(picture: str | bytes) -> bytes:
    """What a file of the picture holds."""
    return picture if isinstance(picture, bytes) else f"{picture}\n".encode()


def _marks(flow: Flow, states: Mapping[Task, Any]) -> dict[str, Mark]:
    return {key: _mark(states[task]) for task, key in keys_of(flow).items() if task in states}


def _mark(state: Any) -> Mark:
    """How a task ended, in the words of its state's class; of a mapped one, how its children did too."""
    children = getattr(state, "map_states", None) or ()
    counts = Counter(type(child).__name__ for child in children)
    tone = min(map(_tone, children), key=WORST.index) if children else _tone(state)
    return Mark(
        word=type(state).__name__,
        symbol=_SIGNS[tone],
        tone=tone,
        count=", ".join(f"{count} {name}" for name, count in counts.items()),
    )


_SIGNS: dict[Tone, str] = {"good": "✓", "kept": "✓", "busy": "▸", "still": "○", "bad": "✗", "warn": "↻"}


def _tone(state: Any) -> Tone:
    for asked, tone in _TONES.items():
        if getattr(state, asked)():
            return tone
    return "still"


_TONES: dict[str, Tone] = {
    "is_failed": "bad",
    "is_skipped": "still",
    "is_cached": "kept",
    "is_successful": "good",
    "is_retrying": "warn",
    "is_running": "busy",
}
