"""Document: a drawing as JSON, for other programs; docs/graph.md has its schema."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flowkit.draw.drawing import Drawing, Node
from flowkit.draw.mark import NO_MARKS, Marks, critical_path

SCHEMA = 1


def render(drawing: Drawing, *, marks: Marks = NO_MARKS, caption: str = "") -> str:
    """Return the JSON document, indented, ASCII only, without a newline at the end.

    Its keys are `schema` (1), `name`, `nodes` (`key`, `label`, `mapped`, `kind`) and `edges` (`source`,
    `target`, `label`, empty for most), in the drawing's order. Of a run there are `run` (the caption),
    `critical_path` (keys, in order), for each task that it had a `state`, for each parameter a `value`.
    """
    document: dict[str, Any] = {"schema": SCHEMA, "name": drawing.name}
    if marks:
        document["run"] = caption
        document["critical_path"] = critical_path(drawing, marks)
    document["nodes"] = [{**asdict(node), **_state(node, marks)} for node in drawing.nodes]
    document["edges"] = [asdict(edge) for edge in drawing.edges]
    return json.dumps(document, indent=2)


def _state(node: Node, marks: Marks) -> dict[str, Any]:
    mark = marks.get(node.key)
    if mark is None:
        return {}
    if node.kind == "parameter":
        return {"value": mark.word}
    state = {"word": mark.word, "seconds": mark.seconds, "began": mark.began, "ended": mark.ended}
    counts = {} if mark.total is None else {"children": mark.total, "done": mark.done}
    return {"state": {**state, **counts, "critical": mark.is_critical}}
