"""The server of commands whose time, machine and names of runs are always the same."""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import acting
from directed_clock import DirectedClock

acting.CLOCK = DirectedClock(Path(sys.argv[2]))
acting.CLOCK.rule()

import command_server

from flowkit.engine import lane
from flowkit.store import checkup, run_name

PROCESSORS = 8
RELEASE, PYTHON, SQLITE, HOST = "6.8.0", "3.12.4", "3.45.1", "laptop"


def be_the_machine() -> None:
    """Have what differs from one machine to another be as on one that there is not."""
    os.cpu_count = lambda: PROCESSORS
    os.sched_getaffinity = lambda _: set(range(PROCESSORS))
    platform.release = lambda: RELEASE
    platform.system = lambda: "Linux"
    platform.python_version = lambda: PYTHON
    socket.gethostname = platform.node = lambda: HOST
    sqlite3.sqlite_version = SQLITE


def be_sure() -> None:
    """Have no chance in the names of runs, nor in the sizes of files."""
    run_name.random = SimpleNamespace(Random=lambda: Random(3))
    checkup.size = lambda _: (148 << 10, 0)


def look_at_the_clock_often() -> None:
    """Have an engine that waits until the next attempt is due look whether somebody has turned the clock."""
    lane._LONGEST = 0.05


if __name__ == "__main__":
    be_the_machine()
    be_sure()
    look_at_the_clock_often()
    command_server.main()
