"""What a session in a page shows, and whether a terminal shows it too."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from command_server import Server

from flowkit.store import run_name

ROWS, COLUMNS = 60, 120
_TIMEOUT = 60.0
_CONTROL = re.compile(
    r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>78]|([\r\n\b\x07])"
)
_MORE = ("...", "…")
_OF_SHELLS = re.compile(r"[|&;<>$`\n]")
_SIGNALLED = re.compile(r"bash: line \d+: +\d+ (Killed|Terminated|Segmentation fault)[^\r\n]*")
_NAME = rf"\b(?:{'|'.join(run_name._HOW.split())})-(?:{'|'.join(run_name._WHO.split())})\b"
# What is another at each run, and what stands for it where a page is compared with a terminal.
_VARYING = [
    (re.compile(pattern), stand)
    for pattern, stand in (
        (_NAME, "NAME"),
        (r"\b\d{8}-\d{6}\b", "MOMENT"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
        (r"\b\d\d:\d\d:\d\d(?:\.\d+)?\b", "TIME"),
        (r"\b\d+ (?:second|minute|hour|day)s? ago\b|\bjust now\b", "AGO"),
        (r"<1ms\b|\b\d+(?:\.\d+)? ?(?:ms|s|m|h)\b(?: \d+s\b)?", "SECONDS"),
        (r"\b\d+(?:\.\d+)? (?:B|KiB|MiB|GiB)(?!\w)", "SIZE"),
        (r"\b[0-9a-f]{12,}\b", "HEX"),
        (r"\b\d+%|\b\d+\.\d+x\b", "SHARE"),
        (r"\b\d+ on \S+|\bprocess \d+\b", "PROCESS"),
        (r"\b\d+\.\d+\.\d+[\w.+-]*", "VERSION"),
        (r"([─━=_-])\1{3,}", r"\1"),  # rules as wide as the terminal
        (r"[\u2801-\u28ff]", "⠿"),  # a spinner
        (r"(?<=\S)\s{2,}", "  "),
    )
]


class Command(NamedTuple):
    """A command of a session, and what it shows."""

    line: str
    shown: list[str]


def commands_of(text: str) -> list[Command]:
    """The commands of a session: lines that begin with `$ `; a backslash goes on in the next."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif found and found[-1].line.endswith("\\") and not found[-1].shown:
            found[-1] = Command(f"{found[-1].line}\n{line}", [])
        elif found:
            found[-1].shown.append(line)
        else:
            raise ValueError(f"a session begins with `$ `, not with `{line}`")
    return found


def differs(expected: Sequence[str], actual: Sequence[str]) -> str:
    """ "" where what a page shows is what came; else the first line that did not."""
    wanted, found = _trimmed(expected), _trimmed(actual)
    place = 0
    for number, line in enumerate(wanted):
        if line.strip() in _MORE:
            continue
        may_skip = number > 0 and wanted[number - 1].strip() in _MORE
        while may_skip and place < len(found) and not _same(line, found[place]):
            place += 1
        if place >= len(found) or not _same(line, found[place]):
            came = f"came `{found[place]}`" if place < len(found) else "nothing more came"
            return f"`{line}` was to come, {came}"
        place += 1
    if place < len(found) and not (wanted and wanted[-1].strip() in _MORE):
        return f"nothing more was to come, came `{found[place]}`"
    return ""


def kept(shown: Sequence[str], came: Sequence[str]) -> list[str]:
    """What came, in the words of the page where it has such a line, without what it leaves out."""
    wanted = _trimmed(shown)
    whole = [line for line in wanted if line.strip() not in _MORE]
    found = [next((each for each in whole if _same(each, line)), line) for line in _trimmed(came)]
    lines: list[str] = []
    for _, first, last, begin, end in SequenceMatcher(None, wanted, found, autojunk=False).get_opcodes():
        left_out = [line for line in wanted[first:last] if line.strip() in _MORE]
        lines += left_out if left_out and left_out == wanted[first:last] else found[begin:end]
    return lines


def _trimmed(lines: Sequence[str]) -> list[str]:
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return text.split("\n") if text else []


def _plain(line: str) -> str:
    for pattern, stand in _VARYING:
        line = pattern.sub(stand, line)
    return line.rstrip()


def _fits(wanted: str, found: str) -> bool:
    parts = re.split(r"\.\.\.|…", wanted)
    return re.fullmatch(".*".join(map(re.escape, parts)), found) is not None


def _same(wanted: str, found: str) -> bool:
    return _fits(_plain(wanted), _plain(found)) or _fits(wanted, found)


def typed(
    line: str, folder: Path, environ: Mapping[str, str], server: Server | None = None
) -> tuple[list[str], int]:
    """What a terminal shows at the end of a command, and its exit code.

    Args:
        server: starts what needs no shell, without the wait for an interpreter.

    Raises:
        AssertionError: it does not end.
    """
    if server is not None and line.startswith("flowkit") and not _OF_SHELLS.search(line):
        return _forked(server, shlex.split(line)[1:], folder, environ)
    ours, theirs = _terminal()
    process = subprocess.Popen(
        ["bash", "-c", f"{line}\nexit $?"],  # not in the shell's place, so that it tells of signals
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    received, until = b"", time.monotonic() + _TIMEOUT
    while select.select([ours], [], [], max(0.0, until - time.monotonic()))[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        received += piece
    else:
        process.kill()
        raise AssertionError(f"`{line}` does not end; so far: {received.decode(errors='replace')}")
    os.close(ours)
    text = _SIGNALLED.sub(r"\1", received.decode(errors="replace"))
    return screen(text), process.wait(_TIMEOUT)


def _terminal() -> tuple[int, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs


def _forked(
    server: Server, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> tuple[list[str], int]:
    ours, theirs = _terminal()
    name = Path(os.ttyname(theirs))
    command = server.start(arguments, folder, environ, name, name)
    received, until = b"", time.monotonic() + _TIMEOUT
    while select.select([ours], [], [], 0.0 if (ended := command.has_ended) else 0.02)[0] or not ended:
        if select.select([ours], [], [], 0.0)[0]:
            received += os.read(ours, 65536)
        if time.monotonic() > until:
            command.signal(signal.SIGKILL)
            raise AssertionError(f"`flowkit {shlex.join(arguments)}` does not end; so far: {received!r}")
    os.close(theirs)
    os.close(ours)
    code = command.wait()
    text = received.decode(errors="replace") + ("Killed\n" if code == -signal.SIGKILL else "")
    return screen(text), code


def screen(text: str) -> list[str]:
    """The lines that stay of what was written to a terminal without an end."""
    rows: list[list[str]] = [[]]
    row = column = place = 0
    while place < len(text):
        control = _CONTROL.match(text, place)
        if control is None:
            line = rows[row]
            line += " " * (column + 1 - len(line))
            line[column] = text[place]
            column, place = column + 1, place + 1
            continue
        place = control.end()
        number = int(control[1]) if (control[1] or "").isdigit() else 0
        kind = control[2] or control[3] or ""
        if kind == "\n":
            row += 1
            rows += [[] for _ in range(row + 1 - len(rows))]
        elif kind in ("\r", "G"):
            column = max(0, number - 1)
        elif kind == "\b":
            column = max(0, column - 1)
        elif kind == "A":
            row = max(0, row - (number or 1))
        elif kind == "B":
            row = min(len(rows) - 1, row + (number or 1))
        elif kind == "C":
            column += number or 1
        elif kind == "D":
            column = max(0, column - (number or 1))
        elif kind == "K":
            rows[row] = [] if number == 2 else rows[row][:column]
        elif kind == "J":
            rows[row] = rows[row][:column]
            del rows[row + 1 :]
    return ["".join(line).rstrip() for line in rows]
