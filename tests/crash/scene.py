"""A project to which things happen: its folder, the command in it, and what its tasks told the oracle."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from command_server import PATIENCE, Command, HangError, Server, environment

FLOWS = Path(__file__).with_name("campaign_flows.py")
PAUSE = 0.002  # seconds between two looks at a file


class Told(NamedTuple):
    """A line of the oracle; `what` is start, end or fail."""

    what: str
    run: str
    task: str
    attempt: int
    pid: int


@dataclass(frozen=True)
class Said:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one sentence that says what is wrong."""
        [found] = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return found.removeprefix("error: ")


class Scene:
    """A project of its own.

    Args:
        server: starts the commands.
        root: a new folder.
        environ: more variables, for every command.
    """

    def __init__(self, server: Server, root: Path, **environ: str) -> None:
        self.server = server
        self.root = root
        self.folder = root / "project"
        self.state = self.folder / ".flowkit"
        self.key = root / "config" / "flowkit" / "key"
        self.oracle = root / "oracle"
        self.environ = {**environment(root), "ORACLE": str(self.oracle), **environ}
        self._streams = 0
        (self.folder / "flows").mkdir(parents=True, exist_ok=True)

    @property
    def history(self) -> Path:
        """The file of the history."""
        return self.state / "history.db"

    @property
    def mark(self) -> str:
        """The variable that everything has which was started below a command of this project."""
        return f"ORACLE={self.oracle}"

    def use_state(self, state: Path) -> None:
        """Have the state folder elsewhere."""
        self.state = state
        self.environ["FLOWKIT_HOME"] = str(state)

    def write(self, text: str, name: str = "flows/flow.py") -> Path:
        """A file of the project, its text without the indentation of the test."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def take_flows(self) -> None:
        """Have the flows of the campaign."""
        shutil.copy(FLOWS, self.folder / "flows" / FLOWS.name)

    def start(
        self, *arguments: str, before: Sequence[Any] = (), prefix: Sequence[str] = (), **environ: str
    ) -> Started:
        """Start `flowkit ARGUMENTS`."""
        self._streams += 1
        out, err = (self.root / f"{name}-{self._streams}" for name in ("out", "err"))
        out.touch()
        err.touch()
        command = self.server.start(
            arguments, self.folder, {**self.environ, **environ}, out, err, before, prefix
        )
        return Started(command, out, err)

    def flowkit(
        self,
        *arguments: str,
        code: int | None = 0,
        before: Sequence[Any] = (),
        prefix: Sequence[str] = (),
        **environ: str,
    ) -> Said:
        """Run `flowkit ARGUMENTS`, which must end with `code` where that is given; no traceback."""
        said = self.start(*arguments, before=before, prefix=prefix, **environ).said()
        everything = f"{arguments}\n--- stdout\n{said.out}\n--- stderr\n{said.err}"
        assert code is None or said.code == code, f"exit code {said.code}, not {code}: {everything}"
        assert "Traceback" not in said.err, everything
        assert "flowkit has a bug" not in said.err, everything
        return said

    def told(self) -> list[Told]:
        """What the tasks told the oracle."""
        try:
            lines = self.oracle.read_text().splitlines()
        except FileNotFoundError:
            return []
        found = [line.split(" ") for line in lines]
        return [Told(what, run, task, int(attempt), int(pid)) for what, run, task, attempt, pid in found]

    def wait_for_task(self, started: Started, seconds: float = PATIENCE) -> bool:
        """Until the first task starts; False where the command ends without."""
        return started.wait_until(lambda: self.oracle.exists() and self.oracle.stat().st_size > 0, seconds)


@dataclass(frozen=True)
class Started:
    """A command that goes on, with the files of its streams."""

    command: Command
    out: Path
    err: Path

    def signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        self.command.signal(number)

    def said(self, seconds: float = PATIENCE) -> Said:
        """Wait for its end."""
        try:
            code = self.command.wait(seconds)
        except HangError as error:
            raise HangError(f"{error}\n{self._read(self.err)}") from None
        return Said(code, self._read(self.out), self._read(self.err))

    def wait_until(self, reached: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Until something is so; False where the command ends before it is.

        Raises:
            HangError: neither happens.
        """
        until = time.monotonic() + seconds
        while not reached():
            if self.command.has_ended:
                return reached()
            if time.monotonic() > until:
                raise HangError(f"nothing happens for {seconds:g} s\n{self._read(self.err)}")
            time.sleep(PAUSE)
        return True

    def _read(self, path: Path) -> str:
        return path.read_text("utf-8", "backslashreplace")
