"""`flow.visualize()`: the picture of a flow, on the terminal or in a file."""

from __future__ import annotations

import importlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from flowkit.draw.drawing import Drawing
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
    states: Mapping[Task, object],
    filename: str | None = None,
    format: str | None = None,
    horizontal: bool = False,
) -> str | bytes:
    """Draw a flow, and print the picture where no file is named.

    Args:
        states: how tasks ended; written behind their names.
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
    picture = rendered(_with_states(drawing, flow, states) if states else drawing, chosen, **options)
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


def _with_states(drawing: Drawing, flow: Flow, states: Mapping[Task, object]) -> Drawing:
    """The drawing with how each task ended behind its name; of a mapped one, how its children did."""
    tasks = {key: task for task, key in keys_of(flow).items()}
    nodes = []
    for node in drawing.nodes:
        state = states.get(tasks[node.key])
        words = f" ({_ending(state)})" if state is not None else ""
        nodes.append(replace(node, label=node.label + words))
    return replace(drawing, nodes=tuple(nodes))


def _ending(state: object) -> str:
    children = Counter(type(child).__name__ for child in getattr(state, "map_states", None) or ())
    counts = ", ".join(f"{count} {name}" for name, count in children.items())
    return f"{type(state).__name__}: {counts}" if counts else type(state).__name__
