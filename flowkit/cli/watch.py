"""`flowkit run --watch`: run again when the flow's files change.

Guarantees: each run is a process of its own, so that no module is stale; this one loads no user code. A run
that goes on when its code changes is stopped as by Ctrl-C, and the next begins when it has ended. No run
outlives its watcher, unless that is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from flowkit.cli.place import here, say
from flowkit.cli.watch_files import WatchedFiles
from flowkit.cli.watched import VARIABLE, reason_file
from flowkit.cli.wording import counted, listed
from flowkit.errors import UsageError

_LOOK = 1_000  # milliseconds after which files are looked at, also where the system tells of no change
_GRACE = 3.0  # seconds that a run has to end in, before it is asked more firmly
_STOPS = (signal.SIGTERM, signal.SIGHUP)


def watch(arguments: Sequence[str], params: Path | None) -> int:
    """Run `flowkit ARGUMENTS`, and again after each change; returns the exit code.

    Args:
        arguments: those of the command, without `--watch`.
        params: the file of parameters among them.

    Raises:
        UsageError: watchfiles is not installed.
    """
    changes = _watchfiles()
    with tempfile.TemporaryDirectory(prefix="flowkit-watch-") as folder:
        given = [params.absolute()] if params is not None else []
        return _Watcher(arguments, WatchedFiles(here(), Path(folder) / "files", given), changes).watch()


def _watchfiles() -> Any:
    try:
        from watchfiles import watch as changes
    except ImportError:
        raise UsageError(
            "`flowkit run --watch` needs `watchfiles`", hints=("`pip install 'flowkit-runner[watch]'`",)
        ) from None
    return changes


class _Run:
    """One run, in a process of its own; `ended` is set when it has."""

    def __init__(self, arguments: Sequence[str], answer: Path) -> None:
        self.ended = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flowkit", *arguments], env={**os.environ, VARIABLE: str(answer)}
        )
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        self.process.wait()
        self.ended.set()

    def stop(self, number: int) -> None:
        """Ask it to end, more firmly where it does not, and wait until it has."""
        for each in (number, signal.SIGTERM, signal.SIGKILL):
            if not self.ended.is_set():
                self.process.send_signal(each)
                self.ended.wait(_GRACE)


class _Watcher:
    """Runs, and waits for a reason to run again."""

    def __init__(self, arguments: Sequence[str], files: WatchedFiles, changes: Any) -> None:
        self._arguments = arguments
        self._files = files
        self._changes = changes
        self._told_to_end: int = signal.SIGINT
        self._run: _Run | None = None

    def watch(self) -> int:
        """Until somebody ends it; or at once where the first run was asked for wrongly."""
        with self._ended_by_signals():
            try:
                return self._runs()
            except KeyboardInterrupt:
                self._end()
                return 128 + self._told_to_end

    def _runs(self) -> int:
        is_first = True
        while True:
            self._files.begin()
            self._run = run = _Run(self._arguments, self._files.answer)
            found: list[Path] = []
            while not found and not run.ended.is_set():
                found = self._reason(run)
            found = found or self._after(run, is_first)
            if not found:
                return run.process.returncode
            is_first = False
            was_under_way = not run.ended.is_set()
            names = listed([self._files.project.display(path) for path in found])
            reason_file(self._files.answer).write_text(f"stopped, as {names} changed", encoding="utf-8")
            run.stop(signal.SIGINT)
            say("")  # only now: while a run goes on, the terminal is its own
            say(f"{names} changed" + (", so the run was stopped" if was_under_way else ""))

    def _after(self, run: _Run, is_first: bool) -> list[Path]:
        """What changes after a run; nothing where there is to be no other one."""
        self._files.learn()
        if is_first and run.process.returncode == UsageError.exit_code:
            return []
        self._files.end()
        count = self._files.count
        what = "all Python files of the project" if count is None else counted(count, "file")
        say(f"watching {what} · ctrl-c ends")
        found: list[Path] = []
        while not found:
            found = self._reason(None)
        return found

    def _reason(self, run: _Run | None) -> list[Path]:
        """Wait for a change; nothing where the run has ended, or there are other folders to look at.

        Args:
            run: the one that goes on; None where none does.
        """
        folders = self._files.folders()
        ended = run.ended if run is not None else None
        with closing(self._waiting(folders, ended)) as moments:
            everywhere = True  # something may have happened before the system was asked to tell
            for changes in moments:
                self._files.learn()
                found = self._files.changed(everywhere=everywhere or bool(changes))
                if found or any(Path(path).is_dir() for _, path in changes):
                    return found
                everywhere = False
        return []

    def _waiting(self, folders: list[Path], ended: threading.Event | None) -> Any:
        return self._changes(
            *folders,
            watch_filter=None,
            stop_event=ended,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            recursive=False,
            ignore_permission_denied=True,
        )

    def _end(self) -> None:
        """Ctrl-C at a terminal has reached the run too; a second one would end it without its farewell."""
        if self._run is not None:
            if self._told_to_end == signal.SIGINT:
                self._run.ended.wait(_GRACE)
            self._run.stop(self._told_to_end)

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        """Let these end a wait as Ctrl-C does."""

        def end(number: int, frame: FrameType | None) -> None:
            self._told_to_end = number
            raise KeyboardInterrupt

        before = {each: signal.signal(each, end) for each in _STOPS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
