"""The real command in real processes: what it is given, what it says, how it ends.

Guarantees: nothing of the developer's own settings, terminal or CI service reaches the command;
whatever it is asked for, it never shows a traceback or calls itself buggy unless that is expected.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from command_server import Server

PREFIX = [sys.executable, "-P", "-m", "flowkit"]
TIMEOUT = 60.0
_CLEARED = (
    "FLOWKIT_",
    "CI",
    "GITHUB_",
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "CLICOLOR",
    "PYTHON",
    "COMP_",
    "XDG_",
)


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def hints(self) -> list[str]:
        """The ways out."""
        return [line.removeprefix("hint: ") for line in self.err.splitlines() if line.startswith("hint: ")]

    @property
    def sentence(self) -> str:
        """The one sentence that says what is wrong."""
        [found] = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return found.removeprefix("error: ")

    @property
    def printed(self) -> list[str]:
        """What tasks printed, in order."""
        return [line.partition(" | ")[2] for line in self.err.splitlines() if re.match(r"  \S+ \| ", line)]


class Shell:
    """Runs `flowkit` in a folder.

    Args:
        server: starts the commands that nothing is asked of that an interpreter sees to as it starts.
        home: where the user's own files would be.
        environ: more variables, for every command.
    """

    def __init__(self, folder: Path, server: Server, *, home: Path, **environ: str) -> None:
        self.folder = folder
        self._server = server
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_CLEARED)}
        self.environ = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "TERM": "xterm-256color",
            **environ,
        }

    def write(self, name: str, text: str) -> Path:
        """A file of the project, its text without the indentation of the test."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def __call__(
        self,
        *arguments: str,
        code: int = 0,
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
        prefix: list[str] | None = None,
        traceback: bool = False,
        stdin: str = "",
    ) -> Said:
        """Run `flowkit ARGUMENTS`, which must end with `code`.

        Args:
            traceback: whether one is expected.
            prefix: how the command is started.
        """
        if prefix is None and env is None:
            said = self._forked(arguments, cwd, stdin)
        else:
            said = self._started([*(prefix or PREFIX), *arguments], cwd, stdin, env or {})
        everything = f"{arguments}\n--- stdout\n{said.out}\n--- stderr\n{said.err}"
        assert said.code == code, f"exit code {said.code}, not {code}: {everything}"
        assert ("Traceback" in said.err) == traceback, everything
        assert "flowkit has a bug" not in said.err, everything
        return said

    def _forked(self, arguments: Sequence[str], cwd: str, stdin: str) -> Said:
        """The command in a process that has flowkit imported, which is most of what a short one takes."""
        with TemporaryDirectory() as name:
            given, out, err = (Path(name, stream) for stream in ("in", "out", "err"))
            given.write_text(stdin, encoding="utf-8")
            command = self._server.start(
                arguments, self.folder / cwd, self.environ, out, err, stdin=str(given)
            )
            return Said(command.wait(TIMEOUT), *(each.read_text("utf-8") for each in (out, err)))

    def _started(self, command: Sequence[str], cwd: str, stdin: str, environ: Mapping[str, str]) -> Said:
        done = subprocess.run(
            command,
            cwd=self.folder / cwd,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """`flowkit ARGUMENTS` in a session of its own, so that a signal reaches nobody else."""
        return subprocess.Popen(
            [*PREFIX, *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self, command: str, code: int = 0) -> Said:
        """A line for bash, in which `flowkit` is the command; for pipes and closed streams."""
        script = f'set -o pipefail; flowkit() {{ "{sys.executable}" -P -m flowkit "$@"; }}; {command}'
        return self("-c", script, code=code, prefix=["bash"])


def normalised(text: str) -> str:
    """Output without what differs between two runs: times, durations and the run's name."""
    text = re.sub(r"\b\d\d:\d\d:\d\d\b", "HH:MM:SS", text)
    text = re.sub(r"\brun (\d+) [a-z]+-[a-z]+\b", r"run \1 NAME", text)
    return re.sub(r"<?\b\d+(\.\d+)?m?s\b|\b\d+:\d\d\b(?!:)", "TIME", text)
