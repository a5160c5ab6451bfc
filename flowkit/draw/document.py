"""Document: a drawing as JSON, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from flowkit.draw.drawing import Drawing

SCHEMA = 1


def render(drawing: Drawing) -> str:
    """Return the JSON document, indented, ASCII only, without a newline at the end.

    Its keys are `schema` (1), `name`, `nodes` (`key`, `label`, `mapped`, `kind`) and `edges` (`source`,
    `target`, `label`, empty for most), in the drawing's order.
    """
    return json.dumps({"schema": SCHEMA, **asdict(drawing)}, indent=2)
