"""What tasks print, in each mode of `--output`."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.display import Title
from flowkit.cli.output import KeptLines, Output, OutputMode
from flowkit.cli.plain import PlainDisplay
from flowkit.cli.styled import plain
from flowkit.engine.capture import LONGEST_LINE, Line
from flowkit.flow.flow import Flow
from flowkit.flow.task import task


@task
def good():
    print("from good")


@task
def bad():
    print("from bad")
    raise ValueError("no")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (OutputMode.PREFIX, ["bad", "good"]),
        (OutputMode.LIVE, ["bad", "good"]),
        (OutputMode.GROUP, ["bad", "good"]),
        (OutputMode.FAILED, ["bad"]),
        (OutputMode.NONE, []),
    ],
)
def test_each_mode_shows_the_lines_that_it_should_behind_their_task(run, screen, mode, expected):
    with Flow("f") as flow:
        good(), bad()
    run(flow, PlainDisplay(screen.console, Title("f"), output=mode))
    found = re.findall(r"^  (\w+) \| from (\w+)$", screen.shown, re.MULTILINE)
    assert sorted(found) == [(name, name) for name in expected]


def test_failed_shows_the_lines_of_all_attempts_and_nothing_of_what_recovered(run, screen):
    attempts = []

    @task(max_retries=1, retry_delay=0)
    def recovers():
        attempts.append(1)
        print("try", len(attempts))
        if len(attempts) == 1:
            raise ValueError

    @task(max_retries=1, retry_delay=0)
    def fails():
        print("fails")
        raise ValueError

    with Flow("f") as flow:
        recovers(), fails()
    run(flow, PlainDisplay(screen.console, Title("f"), output=OutputMode.FAILED))
    assert "try" not in screen.shown
    assert screen.shown.count("  fails | fails\n") == 2


def test_of_what_overwrites_itself_the_last_is_shown(screen):
    output = Output(SimpleNamespace(key=lambda node, index: "t"), OutputMode.PREFIX)
    shown = output.take([Line((0, -1, 1), "stdout", "10%\r50%\r100%\r")])
    assert [plain(line) for line in shown[0, -1]] == ["  t | 100%"]


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(1, 200))
def test_what_is_kept_is_the_end_and_bounded(texts, most):
    kept = KeptLines(most)
    for text in texts:
        kept.add(text)
    lines = kept.texts()
    cut = (
        len(texts) - (len(lines) - 1)
        if lines and lines[0].startswith("… ") and len(lines) <= len(texts)
        else 0
    )
    ends = lines[1:] if cut else lines
    assert ends == texts[len(texts) - len(ends) :]
    assert len(ends) <= 1 or sum(len(text) + 1 for text in ends) <= most


def test_where_lines_are_cut_each_is_once_however_long_it_is():
    plan = SimpleNamespace(key=lambda node, index: "t")
    output = Output(plan, OutputMode.LIVE, longest=10)
    call = (0, -1, 1)
    pieces = ["x" * LONGEST_LINE, "x" * LONGEST_LINE, "x" * 5, "short", "y" * 20]
    lines = output.take([Line(call, "stdout", text) for text in pieces])[0, -1]
    assert [plain(line) for line in lines] == [
        f"  t | {'x' * 10}… (a line of 65,536 or more characters)",
        "  t | short",
        f"  t | {'y' * 10}… (a line of 20 characters)",
    ]
    assert output.last_line(0, -1) == "y" * 20
