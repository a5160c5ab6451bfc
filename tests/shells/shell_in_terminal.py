"""A real shell in a pseudo-terminal: what is typed, and what it shows."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

PATIENCE = 30.0  # seconds
BIN = Path(sys.executable).parent  # where the command `flowkit` is
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]|[\x07\r]")


def environment(home: Path) -> dict[str, str]:
    """A home of the test's own, and the `flowkit` of this Python first on the path."""
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "PS1": "READY ",
    }


class InteractiveShell:
    """A shell that a person types into; ended with the block.

    Args:
        command: how it is started.
        folder: where it works.
    """

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = ""

    def __enter__(self) -> InteractiveShell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        os.close(self._ours)

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def read_until(self, wanted: str) -> str:
        """What is shown up to and with a text; what was read before does not count.

        Raises:
            AssertionError: it never comes.
        """
        deadline = time.monotonic() + PATIENCE
        while wanted not in self._seen:
            left = deadline - time.monotonic()
            ready = select.select([self._ours], [], [], max(0.0, left))[0]
            assert ready, f"{wanted!r} never came: {self._seen!r}"
            self._seen = _CONTROLS.sub("", self._seen + os.read(self._ours, 65536).decode(errors="replace"))
        found, _, self._seen = self._seen.partition(wanted)
        return found + wanted
