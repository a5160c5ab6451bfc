"""The text streams that Python made of file descriptors 1 and 2, which can write to duplicates of these."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import Any

_NUMBERS = (1, 2)


class StandardStreams:
    """Those that lie on the descriptors now, whoever has them: `sys.stdout`, a handler of `logging`.

    What stands for one of them has it as `behind`.

    Guarantees: what is written to them before `lead_to` and `lead_back` goes where it did before.
    Others, such as those of a notebook, are left as they are.
    """

    def __init__(self) -> None:
        streams = map(_lowest, (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
        self._found: dict[io.FileIO, Any] = {
            raw: stream for stream in streams if (raw := _raw(stream)) is not None
        }
        self._numbers = {raw: raw.fileno() for raw in self._found}

    def lead_to(self, out: int, err: int) -> None:
        """Have them write to other descriptors."""
        places = dict(zip(_NUMBERS, (out, err), strict=True))
        self.flush()
        self._lead({raw: places[number] for raw, number in self._numbers.items()})

    def lead_back(self) -> None:
        """Have them write to their own again."""
        self._lead(self._numbers)

    def flush(self) -> None:
        """Write what they hold."""
        for stream in self._found.values():
            with suppress(OSError, ValueError):  # nobody reads any more, or a task has closed it
                stream.flush()

    def _lead(self, places: dict[io.FileIO, int]) -> None:
        for raw in self._found:
            if raw.closed:
                continue
            name = raw.name
            # A second `__init__` lets go of the descriptor and takes another, with the stream none the wiser.
            with suppress(OSError):
                raw.__init__(places[raw], "wb", closefd=False)  # type: ignore[misc]
            raw.name = name


def _lowest(stream: Any) -> Any:
    """What is behind everything that stands for a stream."""
    while (behind := getattr(stream, "behind", None)) is not None:
        stream = behind
    return stream


def _raw(stream: Any) -> io.FileIO | None:
    """The file below a stream where that is descriptor 1 or 2, and the stream is not what closes it."""
    try:
        buffer = getattr(stream, "buffer", None)
    except ValueError:  # it was detached
        return None
    raw = buffer if type(buffer) is io.FileIO else getattr(buffer, "raw", None)
    if type(raw) is not io.FileIO or raw.closed or raw.closefd or raw.fileno() not in _NUMBERS:
        return None
    return raw
