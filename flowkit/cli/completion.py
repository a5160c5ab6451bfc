"""`flowkit completion`: the script that lets a shell complete commands, flows, parameters, runs and tasks."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli.place import say
from flowkit.errors import UsageError


class ShellName(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@dataclass(frozen=True)
class Installed:
    """Where a shell's script lies, and the file that must have a line for it; None where there is no need."""

    script: Path
    start_up: Path | None

    @property
    def line(self) -> str:
        """What the shell executes when it starts."""
        return f"source {shlex.quote(str(self.script))}  # completion of flowkit"

    @property
    def is_there(self) -> bool:
        """Whether the next shell that starts has it."""
        return self.script.is_file() and (self.start_up is None or self.line in _read(self.start_up))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("completion")(completion)


def completion(
    shell: Annotated[
        ShellName | None, typer.Argument(help="bash, zsh or fish; default: yours.", metavar="SHELL")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Put it where the shell finds it when it starts.")
    ] = False,
) -> None:
    """Print the script that completes flowkit's commands in a shell, or install it.

    Flows, their parameters, runs and tasks are completed from what flowkit has noted of them; no flow file is
    executed.
    """
    chosen = shell or shell_of_user()
    if chosen is None:
        raise UsageError(
            f"`$SHELL` does not name a shell that can be completed: `{os.environ.get('SHELL', '')}`",
            hints=("`flowkit completion bash`, `zsh` or `fish` says which",),
        )
    if install:
        _install(chosen)
        return
    print(script_for(chosen), end="")
    if sys.stdout.isatty():
        say(f"hint: `flowkit completion {chosen} --install` puts this where {chosen} finds it")


def script_for(shell: ShellName) -> str:
    """The script of a shell."""
    return (resources.files("flowkit.cli") / "shells" / f"flowkit.{shell}").read_text(encoding="utf-8")


def shell_of_user() -> ShellName | None:
    """The login shell, where there is a script for it."""
    name = Path(os.environ.get("SHELL", "")).name
    return next((each for each in ShellName if each.value == name), None)


def place_for(shell: ShellName) -> Installed:
    """Where `--install` puts the script of a shell."""
    home = Path.home()
    if shell is ShellName.fish:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        return Installed(folder / "fish" / "completions" / "flowkit.fish", None)
    folder = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    start_up = home / ".bashrc" if shell is ShellName.bash else _zsh_folder(home) / ".zshrc"
    return Installed(folder / "flowkit" / f"completion.{shell}", start_up)


def _zsh_folder(home: Path) -> Path:
    return Path(os.environ.get("ZDOTDIR") or home)


def _install(shell: ShellName) -> None:
    place = place_for(shell)
    try:
        place.script.parent.mkdir(parents=True, exist_ok=True)
        place.script.write_text(script_for(shell), encoding="utf-8")
        say(f"wrote {place.script}")
        if place.start_up is not None and not place.is_there:
            before = _read(place.start_up)
            gap = "" if not before or before.endswith("\n") else "\n"
            with place.start_up.open("a", encoding="utf-8") as file:
                file.write(f"{gap}{place.line}\n")
            say(f"added a line to {place.start_up}: {place.line}")
    except OSError as error:
        raise UsageError(f"`{error.filename or place.script}` cannot be written: {error.strerror}") from None
    say(f"hint: a new {shell} completes `flowkit run <TAB>`; this one after `exec {shell}`")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
