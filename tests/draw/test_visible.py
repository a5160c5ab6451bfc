"""Text of users in pages: nothing in it is unseen, and nothing turns what follows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.draw.report.page import embedded
from flowkit.draw.visible import printed, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("nul \x00", "nul \\x00"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("שלום 漢字 😀", "שלום 漢字 😀"),
    ],
)
def test_what_cannot_be_seen_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_of_a_printed_line_stays_what_a_terminal_would_leave_without_colours() -> None:
    assert printed("\x1b[1;31mred\x1b[0m") == "red"
    assert printed("10 %\r20 %\r30 %") == "30 %"
    assert printed("done\r") == "done"
    assert printed("\x1b]0;title\x07") == "\\x1b]0;title\\x07"


@given(st.text())
def test_visible_text_can_be_written_and_read_by_anyone(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    visible(text).encode("utf-8")


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_in_a_page_ends_no_element_and_stays_what_it_is(data: object) -> None:
    assert "<" not in embedded(data)
    assert json.loads(embedded(data)) == data
