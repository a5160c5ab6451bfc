"""Facts stay readable in a narrow terminal, and whole for programs."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from flowkit.cli.facts import facts, sentence

ROWS = [
    ("code", "`helpers.norm` changed (flows/helpers.py:14)"),
    ("", "and more"),
    ("input", "`x\x1b` changed"),
]


def narrow(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))


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


def test_a_terminal_too_narrow_to_fold_in_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, 12)
    assert len(facts(ROWS).splitlines()) == len(ROWS)
