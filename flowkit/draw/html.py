"""HTML: a drawing as one file to look around in, with all that it needs inside and nothing from a network.

The picture is that of svg.py, so that the page shows it without its script too. Data for the script stands in
a block of JSON; a Content-Security-Policy lets only this script and these styles in, by their digests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any

from flowkit.draw import svg
from flowkit.draw.drawing import Direction, Drawing
from flowkit.draw.groups import Grouping, grouped, groupings_of
from flowkit.draw.labels import printable
from flowkit.draw.mark import NO_MARKS, Mark, Marks
from flowkit.draw.theme import rules, variables

_SCRIPTS = ("pictures.js", "task.js", "controls.js")
_LEGEND = (
    '<p id="legend"><svg width="22" height="6" viewBox="0 -3 22 6" aria-hidden="true">'
    '<path class="fk-line fk-critical" d="M0 0H22"/></svg> critical path</p>'
)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What is told of a node that is clicked; everything is text.

    Args:
        doc, code, place: the docstring, the source, and where that stands.
        last: how long it took last.
        tags: of the task.
    """

    doc: str = ""
    code: str = ""
    place: str = ""
    last: str = ""
    tags: tuple[str, ...] = ()


Details = Mapping[str, Detail]
NO_DETAILS: Details = MappingProxyType({})


def render(
    drawing: Drawing,
    direction: Direction = "down",
    *,
    marks: Marks = NO_MARKS,
    caption: str = "",
    details: Details = NO_DETAILS,
) -> str:
    """Return the page, without a newline at the end.

    Args:
        drawing: what to draw.
        direction: where arrows point.
        marks: what became of nodes in a run, by key.
        caption: a line beside the flow's name.
        details: what is told of nodes where they are clicked, by key.
    """
    tags = {key: detail.tags for key, detail in details.items()}
    groupings = groupings_of(drawing, tags)
    script, style = _script(), _styles() + _file("graph.css")
    page = Template(_file("graph.html")).substitute(
        policy=_policy(script, style),
        name=escape(printable(drawing.name)),
        caption=escape(printable(caption)),
        counts=escape(_counted(drawing)),
        legend=_LEGEND if any(mark.is_critical for mark in marks.values()) else "",
        style=style,
        whole=svg.render(drawing, direction, marks=marks, bare=True),
        together="".join(_view(drawing, direction, marks, grouping) for grouping in groupings),
        data=_safe(_data(drawing, direction, marks, details, groupings)),
        script=script,
    )
    return page.rstrip()


def _view(drawing: Drawing, direction: Direction, marks: Marks, grouping: Grouping) -> str:
    """The picture of a drawing with all its groups closed."""
    together, their_marks = grouped(drawing, grouping, marks)
    picture = svg.render(together, direction, marks=their_marks, bare=True)
    return f'<div class="view" data-by="{grouping.by}" hidden>{picture}</div>'


def _data(
    drawing: Drawing, direction: Direction, marks: Marks, details: Details, groupings: list[Grouping]
) -> dict[str, Any]:
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    codes: dict[str, int] = {}
    nodes = []
    for node in drawing.nodes:
        detail = details.get(node.key, Detail())
        known = {name: value for name, value in asdict(detail).items() if value and name != "code"}
        if detail.code:  # tasks of one function share it
            known["code"] = codes.setdefault(detail.code, len(codes))
        state = _state(marks.get(node.key))
        nodes.append({"label": node.label, "kind": node.kind, "mapped": node.mapped, **known, **state})
    return {
        "direction": direction,
        "nodes": nodes,
        "codes": list(codes),
        "edges": [[number[edge.source], number[edge.target]] for edge in drawing.merged_edges()],
        "groupings": [
            {
                "by": grouping.by,
                "groups": [
                    {"name": name, "members": [number[key] for key in keys]}
                    for name, keys in grouping.groups.items()
                ],
            }
            for grouping in groupings
        ],
    }


def _state(mark: Mark | None) -> dict[str, Any]:
    if mark is None:
        return {}
    return {"state": mark.line, "tone": mark.tone, "critical": mark.is_critical}


def _counted(drawing: Drawing) -> str:
    tasks = sum(node.kind == "task" for node in drawing.nodes)
    return f"{tasks:,} task{'' if tasks == 1 else 's'}"


def _styles() -> str:
    """The colours, by the system or by what is chosen in the page."""
    night = variables("dark", ":root:not([data-theme=light])")
    chosen = variables("dark", ":root[data-theme=dark]")
    by_system = f"@media (prefers-color-scheme:dark){{{night}}}"
    return variables("light", ":root") + by_system + chosen + rules()


def _script() -> str:
    """The parts of the script, in a scope of their own."""
    return f"'use strict';(() => {{\n{''.join(map(_file, _SCRIPTS))}}})();"


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}';"
        " base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _safe(data: dict[str, Any]) -> str:
    """JSON that ends no element and begins none."""
    text = json.dumps(data, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text)


def _file(name: str) -> str:
    return files("flowkit.draw").joinpath("page", name).read_text(encoding="utf-8")
