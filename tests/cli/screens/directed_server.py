"""The server of commands whose time, machine and names of runs are always the same."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

HERE = Path(__file__).parent
PROCESSORS = 8
RELEASE, PYTHON, SQLITE = "6.8.0", "3.12.4", "3.45.1"
PLACE = "/home/johanna/shop/.venv"
EXTRAS = ("jinja2", "dask", "distributed", "resvg-py", "watchfiles")
FREE, HISTORY = 212 << 30, 148 << 10  # bytes


def main(clock: Path) -> None:
    """Serve.

    Args:
        clock: the file of the clock that is directed.
    """
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    import acting
    from directed_clock import DirectedClock

    acting.CLOCK = DirectedClock(clock)
    acting.CLOCK.rule()
    import command_server

    be_the_machine()
    leave_nothing_to_chance()
    look_at_the_clock_often()
    command_server.main()


def be_the_machine() -> None:
    """Have what differs from one machine to another be as on one that there is not."""
    from flowkit.cli import checks_around

    os.cpu_count = lambda: PROCESSORS
    os.sched_getaffinity = lambda _: set(range(PROCESSORS))
    platform.release = lambda: RELEASE
    platform.system = lambda: "Linux"
    platform.python_version = lambda: PYTHON
    sqlite3.sqlite_version = SQLITE
    checks_around.sys = SimpleNamespace(executable=f"{PLACE}/bin/python")
    checks_around.__file__ = f"{PLACE}/lib/python3.12/site-packages/flowkit/cli/checks_around.py"
    checks_around.shutil = SimpleNamespace(
        which=lambda _: None, disk_usage=lambda _: SimpleNamespace(free=FREE)
    )
    checks_around._is_there = lambda name: name.lower() in EXTRAS


def leave_nothing_to_chance() -> None:
    """Have the names of runs come in one order, and the history be of one size."""
    from flowkit.store import checkup, run_name

    run_name.random = SimpleNamespace(Random=lambda: Random(3))
    checkup.size = lambda _: (HISTORY, 0)


def look_at_the_clock_often() -> None:
    """Have an engine that waits until the next attempt is due look whether somebody has turned the clock."""
    from flowkit.engine import lane

    lane._LONGEST = 0.05


if __name__ == "__main__":
    main(Path(sys.argv[2]))
