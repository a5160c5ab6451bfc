"""Lists stay readable in a narrow terminal, and are whole for programs."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.table import columns, facts, sentence, wrapped
from flowkit.draw.labels import cells, printable

ROWS = [
    ("code", "`helpers.norm` changed (flows/helpers.py:14)"),
    ("", "and more"),
    ("input", "`x\x1b` changed"),
]
HEADER = ("RUN", "NAME", "FLOW", "STATUS", "TASKS")
RUNS = [
    ("12", "brisk-otter", "data_pipeline", "✓ ok", "42 ok, 2 cached"),
    ("11", "shy-wolf", "日本", "✗ failed", ""),
]


def narrow(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((width, 24)))


def test_a_text_goes_on_below_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, 32)
    assert facts(ROWS, "  ").splitlines() == [
        "  code   `helpers.norm` changed",
        "         (flows/helpers.py:14)",
        "         and more",
        "  input  `x\\x1b` changed",
    ]
    assert sentence("a word and another one, and a last one") == "a word and another one, and a\nlast one"


def test_a_program_gets_each_fact_in_one_line() -> None:
    assert len(facts(ROWS).splitlines()) == len(ROWS)


def test_columns_without_room_go_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, 40)
    assert columns(RUNS, HEADER).splitlines() == [
        "RUN  NAME         FLOW",
        "    STATUS    TASKS",
        "12   brisk-otter  data_pipeline",
        "    ✓ ok      42 ok, 2 cached",
        "11   shy-wolf     日本",
        "    ✗ failed",
    ]


def test_where_there_is_room_nothing_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = columns(RUNS, HEADER)
    narrow(monkeypatch, 80)
    assert columns(RUNS, HEADER) == whole
    assert len(whole.splitlines()) == 3


TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4), st.integers(8, 60))
def test_no_line_is_wider_than_the_terminal_and_no_sign_is_lost(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    found = columns(rows, width=width)
    assert all(cells(line) <= width for line in found.split("\n"))
    kept = sorted(sign for row in rows for cell in row for sign in printable(cell) if not sign.isspace())
    assert sorted(sign for sign in found if not sign.isspace()) == kept


@given(TEXT.map(printable), st.integers(2, 40))
def test_wrapped_text_is_the_same_but_for_its_breaks(text: str, width: int) -> None:
    assert "".join(wrapped(text, width)).replace(" ", "") == text.replace(" ", "")
