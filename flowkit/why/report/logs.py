"""What the tasks of a run printed and logged, as far as a page has room for it.

Guarantees: at most about `MOST_CHARACTERS` of text, whatever there is; of a task that said much the first and
the last lines; what is left out is counted. Where room is short those that failed come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flowkit.plan.status import Status
from flowkit.store import database
from flowkit.store.records import RunRecord
from flowkit.why.archive import Archive
from flowkit.why.report.tasks import Mark, Task

MOST_CHARACTERS = 3_000_000
_MOST_ROWS = 300_000  # that are read at all: the first third, and the last
_MOST_HELD = 8 * MOST_CHARACTERS  # while it is chosen; then only lines of what failed are added
_FIRST, _LAST = 60, 240  # lines of a task
WIDEST = 2_000  # characters of a line


@dataclass(frozen=True, slots=True)
class Line:
    """A line.

    Attributes:
        at: seconds since 1970.
        level: that of `logging`; 0 for what was printed.
        cut: bytes of the line that come after `text`.
    """

    at: float
    level: int
    attempt: int
    text: str
    cut: int


@dataclass(slots=True)
class Log:
    """What one task said.

    Attributes:
        number: of all its lines.
        skipped: how many are left out between `first` and `last`.
    """

    node: int
    child: int
    number: int = 0
    first: list[Line] = field(default_factory=list)
    last: deque[Line] = field(default_factory=lambda: deque(maxlen=_LAST))

    @property
    def skipped(self) -> int:
        return self.number - len(self.first) - len(self.last)

    @property
    def size(self) -> int:
        return sum(len(line.text) + 20 for line in (*self.first, *self.last))

    def add(self, line: Line) -> int:
        """Keep a line; by how many characters the log is longer then."""
        self.number += 1
        if len(self.first) < _FIRST:
            self.first.append(line)
            return len(line.text)
        dropped = len(self.last[0].text) if len(self.last) == _LAST else 0
        self.last.append(line)
        return len(line.text) - dropped


@dataclass(frozen=True, kw_only=True)
class Logs:
    """The logs that are shown, in the order in which tasks first said something.

    Attributes:
        left_out: tasks whose lines are not shown.
        unread: lines in the middle of a very long log that were not looked at.
        total: lines of the whole run.
    """

    logs: list[Log]
    left_out: int
    unread: int
    total: int


def logs_of(archive: Archive, run: RunRecord, tasks: Mapping[Mark, Task]) -> Logs:
    """The logs of a run."""
    found: dict[Mark, Log] = {}
    ends = archive.rows("SELECT MIN(line), MAX(line), COUNT(*) FROM logs WHERE run=?", (run.number,))
    first, last, total = ends[0] if ends and ends[0][0] is not None else (0, -1, 0)
    gap = (last + 1, last + 1)
    if total > _MOST_ROWS:
        gap = (int(first) + _MOST_ROWS // 3, int(last) - 2 * _MOST_ROWS // 3)
    with database.explained(archive.history.path):  # a row may be damaged
        held = 0
        for node, child, line in _lines(archive, run, gap):
            log = found.get((node, child))
            if log is None:
                log = found[node, child] = Log(node, child)
            if held < _MOST_HELD or _rank(tasks, (node, child)) == 0:
                held += log.add(line)
            else:
                log.number += 1
    kept = _fitting(found, tasks)
    seen = sum(log.number for log in found.values())
    return Logs(
        logs=[log for mark, log in found.items() if mark in kept],
        left_out=len(found) - len(kept),
        unread=max(0, int(total) - seen),
        total=int(total),
    )


def _lines(archive: Archive, run: RunRecord, gap: tuple[int, int]) -> Iterator[tuple[int, int, Line]]:
    rows = archive.each(
        # As bytes: as text it would end at the first NUL.
        f"SELECT node, child, attempt, at, level, substr(CAST(text AS BLOB), 1, {4 * WIDEST}),"
        " length(CAST(text AS BLOB)) FROM logs WHERE run=? AND (line<? OR line>=?) ORDER BY line",
        (run.number, *gap),
    )
    for node, child, attempt, at, level, data, size in rows:
        data = data or b""  # what SQLite makes of an empty one is NULL
        text = data.decode("utf-8", "replace" if size == len(data) else "ignore")[:WIDEST]
        cut = int(size) - len(text.encode())
        yield int(node), int(child), Line(float(at), int(level), int(attempt), text, max(0, cut))


def _fitting(logs: Mapping[Mark, Log], tasks: Mapping[Mark, Task]) -> set[Mark]:
    """The logs that there is room for: of what failed, of the run itself, then in order."""
    room, kept = MOST_CHARACTERS, set()
    for mark in sorted(logs, key=lambda mark: _rank(tasks, mark)):
        size = logs[mark].size
        if 0 < size <= room:
            room -= size
            kept.add(mark)
    return kept


def _rank(tasks: Mapping[Mark, Task], mark: Mark) -> int:
    """What failed, what is of the run itself, the rest."""
    task = tasks.get(mark)
    if task is None or task.status is None:
        return 1
    return 0 if task.status.bad and task.status is not Status.CANCELLED else 2
