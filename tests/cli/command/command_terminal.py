"""The command in front of a person: a pseudo-terminal that types when it reads what it waits for."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass

from command_shell import PREFIX, TIMEOUT, Shell
from drawn_screen import DrawnScreen

CTRL_C, CTRL_Z = "\x03", "\x1a"
_SIZE = (100, 30)  # columns, rows
_LONGEST = 30.0  # seconds to wait for what should come at once
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Typist:
    """A person in front of a shell that has job control, and looks at the screen.

    Args:
        shell: whose folder and environment are used.
        columns, rows: of the terminal.
    """

    def __init__(self, shell: Shell, columns: int = 80, rows: int = 24, **environ: str) -> None:
        self._main, side = pty.openpty()
        self.drawn = DrawnScreen(columns, rows)
        self.raw = ""
        self.resize(columns, rows)
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "--noediting", "-i"],
            cwd=shell.folder,
            env={**shell.environ, **environ, "PS1": "$ "},
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(side)

    def resize(self, columns: int, rows: int) -> None:
        """Have a window of another size."""
        self.drawn.resize(columns, rows)
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def run(self, *arguments: str) -> None:
        """Type `flowkit ARGUMENTS`."""
        self.type(f"{shlex.join([*PREFIX, *arguments])}\n")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._main, text.encode())

    def kill(self, number: int) -> None:
        """Send a signal to what is in the foreground."""
        os.killpg(os.tcgetpgrp(self._main), number)

    def wait_for(self, pattern: str) -> None:
        """Look until it stands there."""
        give_up = time.monotonic() + _LONGEST
        while self.drawn.is_updating or not re.search(pattern, self.screen, re.MULTILINE):
            assert time.monotonic() < give_up, f"no {pattern!r} in:\n{self.screen}"
            if select.select([self._main], [], [], 0.05)[0]:
                text = os.read(self._main, 65536).decode(errors="replace")
                self.raw += text
                self.drawn.take(text)

    @property
    def screen(self) -> str:
        """All lines, also those that have scrolled by."""
        return "\n".join(self.drawn.lines)

    def close(self) -> None:
        """Go."""
        self._process.kill()
        self._process.wait()
        os.close(self._main)


@dataclass(frozen=True)
class Seen:
    """What a terminal received, the exit code, and how long the command lived after the last key."""

    code: int
    raw: str
    seconds: float

    @property
    def text(self) -> str:
        """The characters, in the order in which they came, without what steers the terminal."""
        return _CONTROLS.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The lines that stay: what a line was before it was drawn over is gone."""
        drawn = DrawnScreen(*_SIZE)
        drawn.take(self.raw)
        return drawn.lines


def typed(
    shell: Shell,
    *arguments: str,
    keys: Sequence[tuple[str, str]] = (),
    code: int = 0,
    columns: int = _SIZE[0],
    **environ: str,
) -> Seen:
    """Run `flowkit ARGUMENTS` in a terminal.

    Args:
        columns: it has so many.
        keys: pairs of a text to wait for and what is typed then.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _SIZE[1], columns, 0, 0))
    process = subprocess.Popen(
        [*PREFIX, *arguments],
        cwd=shell.folder,
        env={**shell.environ, **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_terminal,  # so that ctrl-c becomes a signal, as in front of a person
    )
    os.close(theirs)
    waiting, received, seen_to, since = list(keys), b"", 0, time.monotonic()
    deadline = since + TIMEOUT
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.05)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
        received += piece
        if waiting and waiting[0][0].encode() in received[seen_to:]:
            seen_to, since = len(received), time.monotonic()
            os.write(ours, waiting.pop(0)[1].encode())
    found = process.wait(5)
    os.close(ours)
    seen = Seen(found, received.decode(errors="replace"), time.monotonic() - since)
    assert found == code, f"exit code {found}, not {code}: {seen.text}"
    assert not waiting, f"{waiting[0][0]!r} never came: {seen.text}"
    return seen


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
