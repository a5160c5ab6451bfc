"""The page of a report: a template, a style and scripts, made one file that asks nothing of the network.

Guarantees: what is put in is escaped, wherever it comes from; nothing but this page's own script and style is
carried out or used, as its policy names them by their digests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import resources
from typing import Any

from flowkit.draw.visible import visible

_SCRIPTS = ("core.js", "timeline.js", "graph.js", "table.js", "logs.js")
_HERE = "flowkit.draw.report"


def page(
    facts: Mapping[str, Any], data: Any, words: Mapping[str, Callable[..., str]], styles: str = ""
) -> str:
    """The whole page.

    Args:
        facts: what the template says, by name.
        data: what the scripts draw, as for `json.dumps`; text in it is to be visible.
        words: filters of the template, which say numbers and moments in words.
        styles: more rules, of pictures among the facts.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_shown,
        loader=FunctionLoader(_text),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words)
    environment.policies["json.dumps_kwargs"] = {}
    style = _text("style.css") + styles
    script = "".join(["'use strict';(() => {\n", *map(_text, _SCRIPTS), "})();\n"])
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("page.html")
    return template.render(facts, style=style, script=script, policy=policy, data=embedded(data))


def embedded(data: Any) -> str:
    """JSON that may stand in an element of HTML, which ends at the first `</`, or begins to at `<!--`."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _shown(value: Any) -> Any:
    """What the template puts in; markup is left alone, as only the template has any."""
    return visible(value) if type(value) is str else value


def _text(name: str) -> str:
    return resources.files(_HERE).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
