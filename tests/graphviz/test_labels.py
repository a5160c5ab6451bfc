"""`dot` reads what `flowkit graph --format dot` writes, whatever the names are. It must be installed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from pictures import asked

from flowkit.draw import dot
from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.labels import printable
from flowkit.draw.mark import Mark

ODD = ['say "hi"', "back\\slash\\", "&lt; <b> &", "a\nb\0c\x1b[31m", "{x|y}", "\\N", "\u202eabc", "<script>"]


@pytest.mark.parametrize("text", ODD)
def test_a_label_is_shown_as_it_is(text: str) -> None:
    drawing = Drawing(text, (Node("a", text), Node("b", text, True)), (Edge("a", "b", text),))
    mark = Mark(word="ok", symbol="✓", tone="good", took="1.2s", is_critical=True)
    said = asked("-Tsvg", text=dot.render(drawing, marks={"a": mark, "b": mark}, caption=text))
    assert not said.stderr
    shown = [each.text for each in ElementTree.fromstring(said.stdout).iter() if each.tag.endswith("text")]
    assert shown.count(printable(text)) == 4
    assert shown.count("✓ ok · 1.2s") == 2
