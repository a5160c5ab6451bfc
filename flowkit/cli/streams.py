"""The standard streams of the command: there, and able to take any text."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

from flowkit.cli.stream import NEAREST
from flowkit.engine.task_threads import start_apart

if TYPE_CHECKING:
    from flowkit.cli.console import Console

_PATIENCE = 0.2  # seconds for the last lines


def open_streams() -> None:
    """Make the three standard streams usable.

    One that was closed (`>&-`) leads nowhere: its number would else be given to the next file that is
    opened, and take what is meant for the terminal. What an encoding does not have is written in other signs.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)  # programs that tasks start get it too
        if getattr(sys, name) is None:
            setattr(sys, name, cast(TextIO, open(number, "w" if number else "r", closefd=False)))  # noqa: SIM115
        stream = getattr(sys, name)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=NEAREST)


@contextmanager
def set_apart() -> Iterator[tuple[TextIO, TextIO]]:
    """stdout and stderr as streams of our own, while file descriptor 1 leads to stderr too.

    What programs that tasks start write is no data. What is left to write when the reader has gone is lost.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    data, terminal = (
        os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=NEAREST)
        for number, stream in ((1, sys.stdout), (2, sys.stderr))
    )
    os.dup2(2, 1)
    try:
        yield data, terminal
    finally:
        os.dup2(data.fileno(), 1)
        for stream in (data, terminal):
            with suppress(OSError):
                stream.close()


@contextmanager
def said_by(console: Console) -> Iterator[None]:
    """Have a live display say, line by line, what programs that tasks start write to the terminal.

    They write to file descriptors, where they would be drawn over, and tear what is live.
    """
    if not console.interactive:
        yield
        return
    kept = (os.dup(1), os.dup(2))
    reader, writer = os.pipe()
    listener = threading.Thread(target=_say, args=(reader, console), name="flowkit-listener", daemon=True)
    start_apart(listener)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    os.close(writer)
    try:
        yield
    finally:
        for number, duplicate in zip((1, 2), kept, strict=True):
            os.dup2(duplicate, number)
            os.close(duplicate)
        listener.join(_PATIENCE)  # a program that goes on holds the pipe open


def _say(reader: int, console: Console) -> None:
    with os.fdopen(reader, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            console.say_text(line.rstrip("\n"))
