"""The colours of what tasks print are kept, and nothing else that a terminal obeys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.colours import split, without_colours, written
from flowkit.cli.styled import plain
from flowkit.cli.wording import styled


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", [("plain", "")]),
        ("\x1b[31mred\x1b[0m not", [("red", "red"), (" not", "")]),
        ("\x1b[1;32mok", [("ok", "bold green")]),
        ("\x1b[1mbold\x1b[22m\x1b[4mline", [("bold", "bold"), ("line", "underline")]),
        ("\x1b[91mlight\x1b[39mnone", [("light", "bright_red"), ("none", "")]),
        ("\x1b[38;5;208mone of many", [("one of many", "color(208)")]),
        ("\x1b[38:5:1mcolons", [("\x1b[38:5:1mcolons", "")]),
        ("\x1b[" + "1" * 5000 + "mlong", [("\x1b[" + "1" * 5000 + "mlong", "")]),
        ("\x1b[38;2;1;2;999mmany", [("many", "rgb(1,2,255)")]),
        ("\x1b[8mhidden\x1b[41mon red\x1b[7mturned", [("hidden", ""), ("on red", ""), ("turned", "")]),
        ("\x1b[48;5;1;31mred on red", [("red on red", "red")]),
        ("\x1b[mno", [("no", "")]),
        ("\x1b[2Jcleared", [("\x1b[2Jcleared", "")]),
    ],
)
def test_a_line_is_split_by_its_colours(text: str, parts: list[tuple[str, str]]) -> None:
    assert split(text) == parts
    assert without_colours(text) == "".join(part for part, _ in parts)


PIECES = ["\x1b[", "3", "8", ";", "5", "m", "1", "0", "a", "\x1b", "\x9b"]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_whatever_is_printed_only_colours_are_sent(pieces: list[str]) -> None:
    sent = written(styled("".join(pieces)))
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", sent)
    assert "\x9b" not in sent
    assert "\x1b" not in plain(styled("".join(pieces)))
