"""What is said between a runner and its fork server."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HIRE, END = "hire", "end"  # what is asked for

# What is told of a worker is one of these, and two numbers: its process; the status of `wait` and the most
# memory that it had, in bytes; how many processes were left of it; or the number of the system's error.
BORN, DIED, CLEAN, UNBORN = 1, 2, 3, 4
NEWS = struct.Struct("<Bqq")


class Wish(NamedTuple):
    """What a worker is to find.

    Attributes:
        number: what it is called between the two.
        folder: where it works; "" where there is none any more.
        path: of modules.
        role: the module whose `main` it carries out, as that of worker.py.
        scratch: a folder that is removed when the runner is gone; "" for none.
    """

    number: int
    folder: str
    environment: Mapping[bytes, bytes]
    path: Sequence[str]
    umask: int
    role: str
    scratch: str


def wish(number: int, role: str, scratch: str = "") -> Wish:
    """A worker that finds what this process has now."""
    folder = ""
    with contextlib.suppress(OSError):
        folder = str(Path.cwd())
    path = [each for each in sys.path if isinstance(each, str)]
    return Wish(number, folder, dict(os.environb), path, _umask(), role, scratch)


def _umask() -> int:
    """Read, where the system tells it: to ask by `os.umask` is to change it, for all threads."""
    try:
        with Path("/proc/self/status").open("rb") as status:
            for line in status:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    found = os.umask(0o077)
    os.umask(found)
    return found
