"""A terminal that nobody looks at: what is drawn is read and thrown away by a process of its own."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from flowkit.cli.console import Console
from flowkit.cli.display import observers_for
from flowkit.engine.observers import Observer

_ROWS, _COLUMNS = 30, 100


@contextmanager
def terminal() -> Iterator[TextIO]:
    """The end of a pseudo-terminal that a program writes to; its reader ends with it."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(ours)
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        yield file
    reader.wait()


def display(file: TextIO, name: str, workers: int) -> list[Observer]:
    """What `flowkit run` shows in that terminal."""
    console = Console(stdout=file, stderr=file, environ={"TERM": "xterm-256color"})
    assert console.interactive
    return observers_for(console=console, name=name, workers=workers)
