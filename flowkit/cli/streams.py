"""The standard streams of the command: there, and able to take any text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast


def open_streams() -> None:
    """Make the three standard streams usable.

    One that was closed (`>&-`) leads nowhere: its number would else be given to the next file that is
    opened, and take what is meant for the terminal. What an encoding cannot show is escaped.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, cast(TextIO, open(number, "w" if number else "r", closefd=False)))  # noqa: SIM115
        stream = getattr(sys, name)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def stdout_for_data() -> Iterator[TextIO]:
    """stdout as a stream of its own, while file descriptor 1 leads to stderr.

    What programs that tasks start write is no data. What is left to write when the reader has gone is lost.
    """
    sys.stdout.flush()
    data = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    os.dup2(2, 1)
    try:
        yield data
    finally:
        os.dup2(data.fileno(), 1)
        with suppress(OSError):
            data.close()
