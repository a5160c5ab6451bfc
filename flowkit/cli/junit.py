"""A report of a run in JUnit's XML, which CI services show: a test case a task, or child of a mapped one.

Guarantees: valid XML whatever tasks print; the file is the old one or the whole new one.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from flowkit.cli.console import Console
from flowkit.cli.failures import failure_of, failure_text, is_failure
from flowkit.cli.output import Child, KeptLines, said
from flowkit.cli.reasons import reason_of
from flowkit.cli.tally import Tally
from flowkit.errors import UsageError
from flowkit.plan.events import RUN, Row
from flowkit.plan.status import CANCELLED, EXPANDED, MAPPED, PAUSED, RETRYING, RUNNING

if TYPE_CHECKING:
    from flowkit.engine.capture import Line
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome

_MOST_OUTPUT = 64 * 1024  # characters a task
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse_unwritable(path: Path) -> None:
    """Make the folder of a report.

    Raises:
        UsageError: the report cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder of `--junit {path}` cannot be made: {error.strerror}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"`--junit {path}` cannot be written", hints=("name a file that you may write",))


class JUnit:
    """Gathers what happened, and writes the file when the run is over.

    Args:
        path: the file; its folder is made.

    Raises:
        UsageError: it cannot be written.
    """

    def __init__(self, console: Console, path: Path) -> None:
        self._console = console
        self._path = path.absolute()  # a task may change the working directory
        refuse_unwritable(path)

    def begin(self, engine: Engine) -> None:
        """The run is about to start."""
        self._engine = engine
        self._tally = Tally(engine.plan, lambda tasks, children: True)
        self._rows: list[Row] = []
        self._output: dict[Child, KeptLines] = {}

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """Keep how each task ended, and what it printed."""
        ends = [row for row in self._tally.take(rows) if row[3] not in (RUNNING, RETRYING, EXPANDED, PAUSED)]
        self._rows += [row for row in ends if row[3] != MAPPED]
        for line in lines:
            self._output.setdefault(line.call[:2], KeptLines(_MOST_OUTPUT)).add(said(line))

    def end(self, outcome: Outcome) -> None:
        """Write the file. That it cannot be written is said, and changes nothing of the run."""
        text = "".join(self._document(outcome))
        try:
            if self._path.exists() and not self._path.is_file():  # a pipe or a device is not replaced
                self._path.write_text(text, encoding="utf-8")
            else:
                _write_whole(self._path.resolve(), text)
        except OSError as error:
            self._console.say_text(
                f"warning: the report `{self._path}` cannot be written: {error.strerror}", "yellow"
            )

    # -- the document -------------------------------------------------------------------------

    def _document(self, outcome: Outcome) -> Iterator[str]:
        failed = sum(map(is_failure, self._rows))
        cancelled = self._tally.counts[CANCELLED]
        skipped = sum(row[3] > MAPPED for row in self._rows) - failed - cancelled
        sums = (
            f'tests="{len(self._rows)}" failures="{failed}" errors="{cancelled}" skipped="{skipped}" '
            f'time="{outcome.duration:.3f}"'
        )
        started = datetime.now(UTC).timestamp() - outcome.duration
        moment = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
        name = _attribute(outcome.plan.name)
        yield '<?xml version="1.0" encoding="utf-8"?>\n'
        yield f"<testsuites name={name} {sums}>\n"
        yield f'  <testsuite name={name} {sums} timestamp="{moment}">\n'
        for row in self._rows:
            yield from self._case(row, name)
        yield from self._printed(RUN[:2])
        yield "  </testsuite>\n</testsuites>\n"

    def _case(self, row: Row, flow: str) -> Iterator[str]:
        key = _attribute(self._engine.plan.key(row[0], row[1]))
        yield f'    <testcase classname={flow} name={key} time="{row[5] - row[4]:.3f}"'
        inside = [*self._verdict(row), *self._printed((row[0], row[1]))]
        if not inside:
            yield "/>\n"
            return
        yield ">\n"
        yield from inside
        yield "    </testcase>\n"

    def _verdict(self, row: Row) -> Iterator[str]:
        if is_failure(row):
            failure = failure_of(row)
            kind = _attribute(failure.type_name if failure else "")
            said = _text(failure.traceback or str(failure) if failure else failure_text(row))
            message = _attribute(failure_text(row, 1000))
            yield f"      <failure message={message} type={kind}>{said}</failure>\n"
        elif row[3] > MAPPED:
            element = "error" if row[3] == CANCELLED else "skipped"
            yield f"      <{element} message={_attribute(reason_of(self._engine, row))}/>\n"

    def _printed(self, child: Child) -> Iterator[str]:
        kept = self._output.pop(child, None)
        if kept is not None:
            yield f"      <system-out>{_text(chr(10).join(kept.texts()))}</system-out>\n"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _text(text: str) -> str:
    """As the content of an element; a bare carriage return would be read as a line end."""
    return escape(_legal(text), {"\r": "&#13;"})


def _attribute(text: str) -> str:
    return quoteattr(_legal(text))


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole, or as it was before.

    Who else may read it is up to the umask, as others than this user collect reports; the files of
    `project/whole_file.py` are private.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
