"""The command in front of a person: a pseudo-terminal that types when it reads what it waits for."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass

from command_shell import PREFIX, TIMEOUT, Shell
from drawn_screen import DrawnScreen

CTRL_C = "\x03"
_SIZE = (100, 30)  # columns, rows
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


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
    shell: Shell, *arguments: str, keys: Sequence[tuple[str, str]] = (), code: int = 0, **environ: str
) -> Seen:
    """Run `flowkit ARGUMENTS` in a terminal.

    Args:
        keys: pairs of a text to wait for and what is typed then.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE[::-1], 0, 0))
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
