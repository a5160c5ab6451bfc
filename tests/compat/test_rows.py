"""Which of classic's rules the cases of this folder name, and why the others have none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PAPER = HERE.parents[2] / "shared" / "prefect-classic.md"

# Rules that hold without a server and have no case.
REASONS = {
    "3.21": "a picture for a viewer; that of a flow, and of its states, is held by tests/draw",
    "3.25": "`flowkit doctor` tells it; no two machines say the same",
    "4.9": "asks a person at a terminal; a paused run of flowkit ends and says how to go on",
    "12.13": "what Windows and daemonic processes cannot do; timeouts of flowkit are told in 12.11 and 12.12",
    "14.5": "buckets in a cloud, and the libraries for them",
    "15.7": "a measurement of classic's own cost; that of flowkit is held by tests/bench",
    "18.5": "what is lost in child processes: a lack of classic's, and no rule",
    "20.10": "what a server would be sent; the description itself is 3.22",
    "21.2": "needs PowerShell; the rules are those of 21.1",
    "21.6": "needs a mail server, or an account",
    "21.7": "wrappers of programs that are not here; what remains of them is held by test_names.py",
    "21.8": "vendors' services; what remains of them is held by test_names.py",
}


def cases() -> list[tuple[str, str]]:
    """The name and the docstring of each case."""
    found = []
    for path in sorted(HERE.glob("test_group_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.append((node.name, ast.get_docstring(node) or ""))
    return found


def named(docstring: str) -> str | None:
    """The row that a case states."""
    found = re.match(r"(\d+\.\d+): ", docstring)
    return found[1] if found else None


def rows() -> list[str]:
    """The rows of the paper that hold without a server."""
    found = []
    for line in PAPER.read_text("utf-8").splitlines():
        number, *cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] or [""]
        if re.fullmatch(r"\d+\.\d+", number) and "L" in re.split(r"[ /]", cells[-2]):
            found.append(number)
    return found


def test_every_case_names_its_row() -> None:
    assert [name for name, docstring in cases() if named(docstring) is None] == []


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 80


@pytest.mark.skipif(not PAPER.exists(), reason="the paper is not beside this project")
def test_every_row_has_a_case_or_a_reason() -> None:
    covered = {named(docstring) for _, docstring in cases()}
    everything = rows()
    assert len(everything) > 150
    assert [row for row in everything if row not in covered | REASONS.keys()] == []
    assert [row for row in REASONS if row in covered or row not in everything] == []
