"""The one writer of the terminal: what it decides, and that it cannot fail a run."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
import time

import pytest

from flowkit.cli.console import Console
from flowkit.cli.stream import Stream


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"CI": "true"}, True),
    ],
)
def test_colours_in_a_terminal(environ, color):
    assert Console(stderr=Terminal(), environ=environ).color is color


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
    ],
)
def test_colours_without_a_terminal(environ, color):
    assert Console(stderr=io.StringIO(), environ=environ).color is color


@pytest.mark.parametrize(("flag", "color"), [("always", True), ("never", False)])
def test_the_flag_wins_over_the_environment(flag, color):
    environ = {"NO_COLOR": "1"} if color else {"FORCE_COLOR": "1"}
    assert Console(stderr=io.StringIO(), environ=environ, color=flag).color is color


@pytest.mark.parametrize(
    ("stream", "environ", "interactive"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"CI": "true"}, False),
        (Terminal(), {"CI": "false"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_it_is_interactive_in_front_of_a_person_only(stream, environ, interactive):
    assert Console(stderr=stream, environ=environ).interactive is interactive


def test_styles_are_colours_where_they_are_wanted_and_nothing_else():
    line = [("[bold]ok[/bold] ", "green"), (":smile:", "")]
    coloured, bare = io.StringIO(), io.StringIO()
    Console(stderr=coloured, environ={"FORCE_COLOR": "1"}).say([line])
    Console(stderr=bare, environ={}).say([line])
    assert coloured.getvalue() == "\x1b[32m[bold]ok[/bold] \x1b[0m:smile:\n"
    assert bare.getvalue() == "[bold]ok[/bold] :smile:\n"


def test_long_lines_are_not_broken_or_cut():
    stream = io.StringIO()
    Console(stderr=stream, environ={"FORCE_COLOR": "1", "COLUMNS": "20"}).say([[("x" * 500, "")]])
    assert stream.getvalue() == "x" * 500 + "\n"


def test_what_the_encoding_lacks_is_written_in_other_signs():
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("✓ 1 ok · 日本 \udc80\n")
    stream.flush()
    assert raw.getvalue() == b"+ 1 ok - \\u65e5\\u672c \\udc80\n"


def test_a_stream_that_was_closed_or_never_was_drops_what_is_written():
    closed = io.StringIO()
    closed.close()
    for stream in (Stream(closed), Stream(None)):
        stream.write("x")
        stream.flush()
        assert stream.gone
        assert not stream.isatty()


def test_a_slow_reader_of_a_stream_that_does_not_block_gets_all():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = []

    def read_once_it_blocks():
        give_up = time.monotonic() + 10
        while not os.get_blocking(writing) and time.monotonic() < give_up:
            pass
        while block := os.read(reading, 65536):
            got.append(block)

    with os.fdopen(writing, "w", encoding="utf-8") as file:
        stream = Stream(file)
        with contextlib.suppress(BlockingIOError):
            while True:  # until the pipe is full
                os.write(writing, b"x" * 4096)
        thread = threading.Thread(target=read_once_it_blocks)
        thread.start()
        stream.write("the end")
        stream.flush()
        assert not stream.gone
    thread.join()
    os.close(reading)
    assert b"".join(got).endswith(b"xthe end")


def test_a_reader_that_goes_away_does_not_change_the_exit_code():
    code = (
        "from flowkit.cli.console import Console\n"
        "console = Console()\n"
        "for _ in range(100_000): console.data('x' * 100)\n"
        "console.say([[('y', '')]]); console.close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b"y\n")
