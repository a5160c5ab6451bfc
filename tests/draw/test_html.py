"""The page: one file that needs nothing and lets nothing in; what it does is tested in a browser."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from flowkit.draw import html
from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.html import Detail
from flowkit.draw.mark import Mark

ODD = "</script><script>alert(1)</script><!-- \u2028 & \"'\x1b[31m\u202e"


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "h1": [], "title": []}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in self.texts:
            self.texts[tag].append("")
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attributes(self, tag: str, **wanted: str) -> dict[str, str]:
        (found,) = (
            attributes
            for name, attributes in self.elements
            if name == tag
            and all(attributes.get(key.replace("_", "-")) == value for key, value in wanted.items())
        )
        return found


def page_of(text: str) -> Page:
    drawing = Drawing(text, (Node("a", text), Node("b", "b", mapped=True)), (Edge("a", "b", text),))
    marks = {"a": Mark(word=text, symbol="✓", tone="good")}
    detail = Detail(doc=text, code=text, place=text, last=text, tags=(text,))
    return Page(html.render(drawing, marks=marks, caption=text, details={"a": detail, "b": detail}))


def digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_only_its_own_script_and_styles_are_let_in_and_nothing_from_a_network() -> None:
    page = page_of("etl")
    policy = page.attributes("meta", http_equiv="Content-Security-Policy")["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    data, script = page.texts["script"]
    (style,) = page.texts["style"]
    assert rules == {
        "default-src": "'none'",
        "script-src": digest(script),
        "style-src": digest(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert json.loads(data)["nodes"][0]["label"] == "etl"
    for _, attributes in page.elements:
        assert not {"src", "href", "action", "style", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", style + script)


@pytest.mark.parametrize("text", [ODD, "$name ${policy}", "עברית", "a" * 10_000])
def test_names_code_and_docstrings_stay_text(text: str) -> None:
    page = page_of(text)
    tags = [tag for tag, _ in page.elements]
    assert tags == [tag for tag, _ in page_of("etl").elements]
    data, _ = page.texts["script"]
    read = json.loads(data)
    assert read["nodes"][0]["label"] == text
    assert read["codes"] == [text]


def test_a_code_that_tasks_share_is_there_once() -> None:
    page = page_of("etl")
    assert [node["code"] for node in json.loads(page.texts["script"][0])["nodes"]] == [0, 0]


def test_groups_have_a_picture_of_their_own() -> None:
    nodes = tuple(Node(f"load-{number}", f"load-{number}") for number in range(3))
    page = Page(html.render(Drawing("x", (*nodes, Node("join", "join")), (Edge("load-1", "join"),))))
    views = [attributes["data-by"] for tag, attributes in page.elements if attributes.get("class") == "view"]
    assert views == ["", "name"]
    assert json.loads(page.texts["script"][0])["groupings"] == [
        {"by": "name", "groups": [{"name": "load", "members": [0, 1, 2]}]}
    ]


def test_the_critical_path_of_a_run_has_a_legend() -> None:
    drawing = Drawing("etl", (Node("a", "load"), Node("b", "clean")), (Edge("a", "b"),))
    marks = {"a": Mark(word="ok", symbol="✓", tone="good", is_critical=True)}
    assert "</svg> critical path</p>" in html.render(drawing, marks=marks)
    assert "critical path</p>" not in html.render(drawing)
