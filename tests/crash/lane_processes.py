"""The processes of a run: those of its processes lane by parentage, and whatever was started below it.

What a worker executes is known by the environment of the scene, which it has inherited, wherever its parents
have gone; what is forked without executing anything, by its command line, which is that of the fork server.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

SERVER = b"flowkit.engine.processes.server"


def keepers(runner: int) -> list[psutil.Process]:
    """The parents of the fork servers of a runner."""
    return [each for each in _children(runner) if serves(each.pid, runner)]


def fork_servers(runner: int) -> list[psutil.Process]:
    """The fork servers of a runner."""
    return [each for keeper in keepers(runner) for each in _children(keeper.pid)]


def workers(runner: int) -> list[psutil.Process]:
    """The worker processes of a runner."""
    return [each for server in fork_servers(runner) for each in _children(server.pid)]


def left_of(runner: int, mark: str = "") -> list[str]:
    """Whatever runs and is of the session of a runner, of its processes lane, or was executed below it.

    Args:
        mark: `NAME=value`, of the environment of everything below this runner alone.
    """
    found = []
    for pid in _processes():
        if _session(pid) == runner or serves(pid, runner) or (mark and _is_marked(pid, mark)):
            found.append(f"{pid} {_command(pid).decode('utf-8', 'replace')[-200:]}")
    return found


def serves(pid: int, runner: int) -> bool:
    """Whether a process is the fork server of a runner, its keeper, or forked by it."""
    words = _command(pid)
    return SERVER in words and str(runner).encode() in words.split(b" ")


def runs(pid: int) -> bool:
    """Whether a process has not ended."""
    return _session(pid) is not None


def _children(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children()
    return []


def _processes() -> list[int]:
    own = os.getpid()
    return [
        int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and int(each.name) != own
    ]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def _is_marked(pid: int, mark: str) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return os.fsencode(mark) in environ.split(b"\0") and runs(pid)


def _session(pid: int) -> int | None:
    """None: it has ended."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(rest[2]) if state not in "ZX" else None
