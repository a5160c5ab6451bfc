"""Lets the tests of the commands that read history import what makes one."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "store"))

from made_history import BROKEN, MANY, UNDER_WAY, MadeHistory, failed, line, row

__all__ = ["BROKEN", "MANY", "UNDER_WAY", "WAITING", "MadeHistory", "failed", "line", "row"]

# A flow whose task says that it has begun, and ends when it is told to.
WAITING = """
    import pathlib, threading
    from flowkit import flow, task

    @task
    def wait():
        print("begun", flush=True)
        pathlib.Path("begun").touch()
        threading.Event().wait(60)

    @flow
    def waiting():
        return wait()
"""
