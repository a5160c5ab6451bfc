"""Where the real command is shown: a terminal of some width, a project to show it in, a clock to direct.

Guarantees: the same acts leave the same screen, on any machine, at any speed.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import pty
import re
import select
import shlex
import shutil
import sqlite3
import struct
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from command_server import PATIENCE, Command, Server, environment, running
from directed_clock import DirectedClock
from drawn_screen import DrawnScreen

HERE = Path(__file__).parent
ROWS = 40
_HOME = "/home/johanna"  # as long as the name of a temporary folder, so that lines break as they do there
# What no clock is asked for, and what is made by chance.
VARIES = (
    (re.compile(r"/tmp/[a-z0-9_]{8}\b"), _HOME),
    (re.compile(r"\bpid \d+"), "pid 4711"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "019ceb8a2f007c1d9be04d1f6a52c3e7"),
)


@dataclass(frozen=True)
class Stage:
    """A project of which the screens are shown.

    Args:
        folder: of the project.
        columns: of the terminal.
    """

    server: Server
    clock: DirectedClock
    folder: Path
    columns: int

    @contextlib.contextmanager
    def showing(self, *arguments: str) -> Iterator[Showing]:
        """Have `flowkit ARGUMENTS` go on, for the length of the block."""
        showing = Showing(self, arguments)
        try:
            yield showing
        finally:
            showing.close()

    def shown(self, *arguments: str) -> DrawnScreen:
        """The screen after `flowkit ARGUMENTS`."""
        with self.showing(*arguments) as showing:
            return showing.end()

    def be_one_process(self) -> None:
        """Have all runs of the past been carried out by the same process of the same machine."""
        with sqlite3.connect(self.folder / ".flowkit" / "history.db") as connection:
            connection.execute("UPDATE sessions SET pid = 4711, host = 'laptop'")
        connection.close()


class Showing:
    """A command in a terminal."""

    def __init__(self, stage: Stage, arguments: tuple[str, ...]) -> None:
        self.screen = DrawnScreen(stage.columns, ROWS)
        self.screen.take(f"\x1b[2m$ \x1b[0m\x1b[1m{shlex.join(['flowkit', *arguments])}\x1b[0m\r\n")
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ours, self._theirs = pty.openpty()
        ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, stage.columns, 0, 0))
        terminal = Path(os.ttyname(self._theirs))
        environ = {
            **environment(stage.folder.parent),
            "PYTHONPATH": str(HERE),
            "TZ": "UTC",
            "SHELL": "/bin/bash",
        }
        for name in ("NO_COLOR", "COLUMNS"):
            del environ[name]
        self._command: Command = stage.server.start(
            arguments, stage.folder, environ, terminal, terminal, stdin=str(terminal)
        )

    def wait_for(self, *patterns: str) -> None:
        """Look until all of them stand there at once."""
        give_up = time.monotonic() + PATIENCE
        while self.screen.is_updating or not all(re.search(each, self._text) for each in patterns):
            assert time.monotonic() < give_up, f"no {patterns} in:\n{self._text}"
            assert not self._command.has_ended, f"no {patterns} in:\n{self._text}"
            self._read(0.02)

    def end(self) -> DrawnScreen:
        """The screen when the command has ended."""
        give_up = time.monotonic() + PATIENCE
        while not self._command.has_ended:
            assert time.monotonic() < give_up, f"it goes on:\n{self._text}"
            self._read(0.02)
        os.close(self._theirs)
        self._theirs = -1
        with contextlib.suppress(OSError):  # the other end is closed, and all is read
            while self._read(PATIENCE):
                pass
        return self.screen

    def close(self) -> None:
        """Go."""
        self._command.signal(9)
        for end in {self._ours, self._theirs} - {-1}:
            os.close(end)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        received = os.read(self._ours, 65536)
        self.screen.take(self._decoder.decode(received))
        return bool(received)

    @property
    def _text(self) -> str:
        return "\n".join(self.screen.lines)


@contextlib.contextmanager
def stage(columns: int) -> Iterator[Stage]:
    """A new project, for the length of the block."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="", dir="/tmp")))
        folder = home / "shop"
        shutil.copytree(HERE / "demonstration", folder)
        clock = DirectedClock(home / "clock")
        server = stack.enter_context(running(HERE / "directed_server.py", str(home / "clock")))
        yield Stage(server, clock, folder, columns)
