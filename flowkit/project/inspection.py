"""What flow files define, found out in a child process each, so that no file can hang or end ours.

Guarantees: a child and all of its process group are gone when its inspection ends, also when ours
is interrupted or killed; what a file prints is thrown away and it has no keyboard; one file's
failure leaves the others alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from flowkit.errors import BugError, FlowkitError, LoadError
from flowkit.project.entry import Descriptor, Table, from_json
from flowkit.project.root import Project, find_or_start, located

TIMEOUT = 30.0
_GRACE = 10.0  # for the interpreter to start and to say where it hangs
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
_KILLED_HINTS = {"SIGKILL": ("the system may have run out of memory",)}


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What one file defines, or why that cannot be said."""

    path: Path
    descriptors: tuple[Descriptor, ...] = ()
    notices: tuple[str, ...] = ()
    error: LoadError | None = None


def describe(path: Path, timeout: float = TIMEOUT, project: Project | None = None) -> list[Descriptor]:
    """The flows of one file.

    Args:
        timeout: seconds that the file may take to load.

    Raises:
        LoadError: the file cannot be loaded, whatever it did.
    """
    [inspected] = describe_all([path], timeout, project)
    if inspected.error:
        raise inspected.error
    return list(inspected.descriptors)


def describe_all(
    paths: Sequence[Path], timeout: float = TIMEOUT, project: Project | None = None
) -> list[Inspected]:
    """The flows of each file, in the order of `paths`; as many at once as there are processors."""
    children = [_Child(path, project or find_or_start(path.parent), timeout) for path in map(located, paths)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            return list(pool.map(_Child.inspect, children))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.kill()
            raise


@dataclass
class _Child:
    """A process that loads one file and writes what it found to a file of ours.

    A file and not a pipe, as a process that the user's code forked could hold a pipe open.
    """

    path: Path
    project: Project
    timeout: float
    process: subprocess.Popen[bytes] | None = None
    killed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def inspect(self) -> Inspected:
        with _temporary() as report, _temporary() as trace, _lifeline() as lifeline:
            status = self._run(report, trace, lifeline)
            answer, stack = _text(report), _text(trace)
        document = _document(answer)
        if document is None:
            if not answer:
                raise BugError(
                    f"the inspection of `{self.path}` did not start: `{sys.executable} -P` has no flowkit"
                )
            return Inspected(path=self.path, error=self._silent(status, stack))
        if "bug" in document:
            raise BugError(f"the inspection of `{self.path}` failed:\n{document['bug']}")
        if "error" in document:
            return Inspected(path=self.path, error=_error(document["error"]))
        descriptors = tuple(from_json(each) for each in document["descriptors"])
        return Inspected(path=self.path, descriptors=descriptors, notices=tuple(document["notices"]))

    def kill(self) -> None:
        """End the child and its whole process group; none is started afterwards."""
        with self.lock:
            self.killed = True
            if self.process is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)

    def _run(self, report: IO[bytes], trace: IO[bytes], lifeline: int) -> int | None:
        """The child's exit status; None when it had to be killed."""
        given = (report.fileno(), trace.fileno(), lifeline)
        with self.lock:
            if self.killed:
                return None
            self.process = self._start(given)
        try:
            return self.process.wait(self.timeout + _GRACE)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()
            self.process.wait()
            with self.lock:
                self.process = None  # its number may be another's soon

    def _start(self, given: tuple[int, int, int]) -> subprocess.Popen[bytes]:
        # -P: else a `random.py` in the working directory would be imported for the real one.
        command = [sys.executable, "-P", "-m", "flowkit.project.inspect"]
        numbers = [*map(str, given), str(self.timeout)]
        return subprocess.Popen(
            [*command, *numbers, str(self.project.root), str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=given,
            start_new_session=True,
        )

    def _silent(self, status: int | None, stack: str) -> LoadError:
        """The child ended without an answer: why, from its exit status and its last stack."""
        place = self._place(stack)
        if status is None or stack.startswith("Timeout"):
            seconds = f"{self.timeout:g} second{'' if self.timeout == 1 else 's'}"
            message = f"{place} was still running after {seconds} of loading"
            return LoadError(message, hints=("`register.timeout` in the settings gives it longer",))
        if status < 0:
            name = _signal_name(-status)
            return LoadError(f"{place} died of {name} while it was loaded", hints=_KILLED_HINTS.get(name, ()))
        return LoadError(f"{place} ended its process with exit code {status} while it was loaded")

    def _place(self, stack: str) -> str:
        """The innermost line of the file itself that the stack shows."""
        name = str(self.path).encode("ascii", "backslashreplace").decode()  # as `faulthandler` writes it
        for file, line in _FRAME.findall(stack):
            if file == name:
                return f"`{self.project.display(self.path)}:{line}`"
        return f"`{self.project.display(self.path)}`"


def _temporary() -> IO[bytes]:
    """A file without a name.

    Raises:
        FlowkitError: there is no room for it.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise FlowkitError(
            f"a temporary file cannot be made: {error.strerror}",
            hints=("free space where temporary files are, or set `TMPDIR` to another folder",),
        ) from error


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe for the child: it reads the end of file when we are gone, and goes too."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _document(answer: str) -> Table | None:
    try:
        document: Any = json.loads(answer)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _error(document: Table) -> LoadError:
    error = LoadError(document["message"], hints=tuple(document["hints"]))
    for note in document["notes"]:
        error.add_note(note)
    return error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
