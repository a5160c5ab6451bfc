"""What tasks print: whole lines, each with the call that printed it."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import pairwise
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit import Flow, task
from flowkit.engine.capture import Capture, Line
from flowkit.engine.context import CURRENT
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.plan.compiler import compile_flow

LONGEST = 64 * 1024
ENGINE, OTHER = (Engine(compile_flow(Flow(name)), []) for name in ("any", "other"))


@pytest.fixture
def lines() -> list[Line]:
    return []


@contextmanager
def captured(lines: list[Line], behind: TextIO | None = None) -> Iterator[tuple[Any, Any]]:
    """Both streams taken over, with text streams behind them that can be looked at.

    Not a fixture: pytest changes the streams between the set-up of a test and the test.
    """
    out, err = behind or io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        capture = Capture(ENGINE, lines.append)
        capture.start()
        try:
            yield out, err
        finally:
            capture.stop()


@pytest.fixture
def inside() -> Any:
    """Makes this thread carry out a call."""
    token = CURRENT.set((ENGINE, (3, -1, 1)))
    yield (3, -1, 1)
    CURRENT.reset(token)


def said(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_a_line_is_handed_on_when_it_is_whole(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print("begun, ", end="")
        assert lines == []
        print("ended")
        assert lines == [Line(inside, "stdout", "begun, ended")]


def test_both_streams_are_told_apart(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print("out")
        print("err", file=sys.stderr)
    assert [(line.stream, line.text) for line in lines] == [("stdout", "out"), ("stderr", "err")]


def test_what_has_no_line_end_is_handed_on_at_the_end(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print("a\nb", end="")
        assert said(lines) == ["a"]
    assert said(lines) == ["a", "b"]


def test_outside_of_a_task_nothing_is_taken(lines: list[Line]) -> None:
    with captured(lines) as (out, err):
        print("from the program")
        print("to stderr", end="", file=sys.stderr)
        sys.stdout.flush()
    assert (out.getvalue(), err.getvalue()) == ("from the program\n", "to stderr")
    assert lines == []


def test_the_streams_are_given_back(lines: list[Line]) -> None:
    before = sys.stdout, sys.stderr
    capture = Capture(ENGINE, lines.append)
    capture.start()
    taken = sys.stdout, sys.stderr
    capture.stop()
    capture.stop()
    assert taken != before
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_runs_at_once_either_may_end_first(first: int, lines: list[Line], inside: Any) -> None:
    """What comes after that is taken by the other, if it is its task's; in the end all is as it was."""
    engines = ENGINE, OTHER
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        captures = [Capture(engine, lines.append) for engine in engines]
        for capture in captures:
            capture.start()
        captures[first].stop()
        print("of the one")
        CURRENT.set((engines[1], inside))
        print("of the other")
        captures[1 - first].stop()
        assert (sys.stdout, sys.stderr) == (out, err)
    assert said(lines) == [["of the other"], ["of the one"]][first]
    assert out.getvalue() == ["of the one\n", "of the other\n"][first]


def test_a_stream_that_the_program_puts_between_two_runs_stays_there(lines: list[Line]) -> None:
    captures = [Capture(engine, lines.append) for engine in (ENGINE, OTHER)]
    before = sys.stdout
    captures[0].start()
    with redirect_stdout(io.StringIO()) as between:
        captures[1].start()
        captures[0].stop()
        print("between")
        captures[1].stop()
        assert sys.stdout is between
    sys.stdout = before
    assert between.getvalue() == "between\n"


@pytest.mark.parametrize(
    "text",
    [
        "nul \0 inside",
        "\x1b[31mred\x1b[0m",
        "half\rover",
        "ü 漢 🦀",
        "\t",
        "",
        "a\x0bb\x0cc\x85d\u2028e",
    ],
    ids=["nul", "ansi", "carriage return", "wide", "tab", "empty", "other line ends"],
)
def test_text_is_kept_as_it_is(text: str, lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print(text)
    assert said(lines) == [text]


def test_what_cannot_be_written_as_utf_8_is_captured_with_replacement(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print("a name \udcff ü")
        print("half a pair \ud83e ü")
    assert said(lines) == ["a name \ufffd ü", "half a pair \\ud83e ü"]


def test_a_line_without_an_end_is_cut(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        print("x" * 10_000_000)
    lengths = [len(line.text) for line in lines]
    assert max(lengths) == LONGEST
    assert sum(lengths) == 10_000_000


def test_a_long_line_is_cut_also_where_it_is_written_with_its_end(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        sys.stdout.write("x" * 200_000 + "\n")
    lengths = [len(line.text) for line in lines]
    assert max(lengths) <= LONGEST


def test_bytes_that_are_not_utf_8_are_captured_with_replacement(lines: list[Line], inside: Any) -> None:
    with captured(lines, io.TextIOWrapper(io.BytesIO())):
        sys.stdout.buffer.write(b"\xff\xfe byte\n")
    assert said(lines) == ["\ufffd\ufffd byte"]


@given(st.text(max_size=20), st.lists(st.integers(0, 80), max_size=5))
def test_bytes_are_the_same_text_in_whatever_pieces_they_are_written(text: str, cuts: list[int]) -> None:
    lines: list[Line] = []
    whole = text.encode()
    token = CURRENT.set((ENGINE, (3, -1, 1)))
    with captured(lines):
        for begin, end in pairwise([0, *sorted(cuts), len(whole) + 80]):
            sys.stdout.buffer.write(memoryview(whole)[begin:end])
        print()
    CURRENT.reset(token)
    assert said(lines) == text.split("\n")


def test_a_program_may_ask_the_stream_for_another_encoding(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        stream: Any = sys.stdout
        stream.reconfigure(encoding="ascii", errors="strict")
        print("ü")
    assert said(lines) == ["ü"]


def test_the_stream_says_what_it_is(lines: list[Line], inside: Any) -> None:
    with captured(lines):
        assert sys.stdout.writable()
        assert not sys.stdout.isatty()
        assert sys.stdout.encoding == "utf-8"
        assert sys.stdout.write("four") == 4
        sys.stdout.flush()


def test_lines_of_threads_do_not_mix(carry_out: Any, kept: Any) -> None:
    """Two tasks print in turns, a few characters at a time."""
    turns = threading.Barrier(2, timeout=10)

    @task
    def tell(name: str) -> None:
        for number in range(20):
            turns.wait()
            print(name, end=" ")
            turns.wait()
            print(number)

    with Flow("two") as flow:
        for name in ("left", "right"):
            tell(name)
    outcome = carry_out(flow, ThreadExecutor(2), observers=[kept], capture=True)
    assert outcome.state.is_successful()
    by_call: dict[Any, list[str]] = {}
    for line in kept.lines:
        by_call.setdefault(line.call, []).append(line.text)
    assert sorted(by_call.values()) == [[f"{name} {n}" for n in range(20)] for name in ("left", "right")]


def test_lines_of_many_tasks_that_print_at_once_are_all_kept_in_order(carry_out: Any, kept: Any) -> None:
    expected = [f"{number} begun, ended" for number in range(2_000)]

    @task
    def tell(seed: int) -> None:
        for number in range(2_000):
            print(number, "begun, ", end="")
            print("ended")

    with Flow("loud") as flow:
        tell.map(list(range(50)))
    outcome = carry_out(flow, ThreadExecutor(16), observers=[kept], capture=True)
    assert outcome.state.is_successful()
    by_call: dict[Any, list[str]] = {}
    for line in kept.lines:
        by_call.setdefault(line.call, []).append(line.text)
    assert list(by_call.values()) == [expected] * 50


def test_the_end_of_a_line_that_was_cut_is_no_line_of_its_own(carry_out: Any, kept: Any) -> None:
    @task
    def flood() -> None:
        print("x" * 150_000)
        print("y" * LONGEST)
        print("z")

    with Flow("long") as flow:
        flood()
    carry_out(flow, ThreadExecutor(1), observers=[kept], capture=True)
    lengths = [(line.text[:1], len(line.text)) for line in kept.lines]
    assert lengths == [("x", LONGEST), ("x", LONGEST), ("x", 18_928), ("y", LONGEST), ("z", 1)]


def test_threads_with_the_context_of_a_task_print_whole_lines_as_that_task(carry_out: Any, kept: Any) -> None:
    turns = threading.Barrier(2, timeout=10)

    def tell(name: str) -> None:
        for _ in range(20):
            turns.wait()
            print(name, end=" ")
            turns.wait()
            print("ended")

    @task
    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(tell, name) for name in ("left", "right")))

    with Flow("two") as flow:
        both()
    carry_out(flow, observers=[kept], capture=True)
    assert sorted(line.text for line in kept.lines) == ["left ended"] * 20 + ["right ended"] * 20


def test_what_a_failing_task_printed_is_kept(carry_out: Any, kept: Any) -> None:
    @task(max_retries=1, retry_delay=0)
    def fail() -> None:
        print("before")
        print("no end", end="")
        raise ValueError("no")

    with Flow("fails") as flow:
        fail()
    carry_out(flow, LocalExecutor(), observers=[kept], capture=True)
    assert sorted((line.call[2], line.text) for line in kept.lines) == [
        (1, "before"),
        (1, "no end"),
        (2, "before"),
        (2, "no end"),
    ]


def test_what_an_inner_run_prints_belongs_to_the_task_that_runs_it(carry_out: Any, kept: Any) -> None:
    @task
    def speak() -> None:
        print("from within")

    with Flow("inner") as inner:
        speak()

    @task
    def first() -> int:
        return 1

    @task
    def run_inner(value: int) -> None:
        inner.run(executor="threads")

    with Flow("outer") as outer:
        made = run_inner(first())
    outcome = carry_out(outer, LocalExecutor(), observers=[kept], capture=True)
    spoken = [line for line in kept.lines if line.text == "from within"]
    assert [outcome.plan.tasks[line.call[0]] for line in spoken] == [made]
