"""The history of a project, read: which runs there were, and what became of their tasks.

Guarantees: nothing is written, no user code is loaded, nothing is unpickled; a file that turns out to be
damaged is set aside and said, never shown in part as if it were whole.
"""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from flowkit.errors import UsageError
from flowkit.plan.status import Status
from flowkit.store import database
from flowkit.store.counts import LAST_ATTEMPTS, counted
from flowkit.store.records import (
    ATTEMPT_COLUMNS,
    IN_ORDER,
    LAST,
    PLACE,
    RUN_COLUMNS,
    SESSION_COLUMNS,
    AttemptRecord,
    ChildrenRecord,
    LogLine,
    RunRecord,
    SessionRecord,
    attempt_record,
    log_line,
    run_record,
    session_record,
    status_of,
    unpacked_outline,
)
from flowkit.store.run_status import RunStatus

T = TypeVar("T")

BAD = tuple(status for status in RunStatus if status.resumable)
LATEST, FAILED = "latest", "failed"
GIVEN = "its state was given to `flow.run`"
_PREFIX = 4  # characters of a uid that are enough to name a run
_NAMES = 500  # of the latest runs, among which a misspelt one is looked for
_CHILD = re.compile(r"(.+)\[(\d{1,9})\]")
NO_RUNS = "there are no runs yet"
NO_RUNS_HINT = "`flowkit run NAME` runs a flow"


class History:
    """The runs of one project. Opened when it is first asked, and good for one command.

    Args:
        folder: the state folder.
        gone: runs that are written as going on, and whose process is gone (see sweep.py).

    Raises:
        HistoryError: from any method: it cannot be read, or is damaged.
    """

    def __init__(self, folder: Path, gone: Collection[int] = ()) -> None:
        self.path = folder / database.FILE
        numbers = ", ".join(str(int(number)) for number in gone)
        crashed = (
            f"CASE WHEN status=0 AND number IN ({numbers}) THEN {int(RunStatus.CRASHED)} ELSE status END"
        )
        self._status = crashed if gone else "status"
        self._outlines: dict[bytes, dict[str, Any]] = {}

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

    # -- runs ---------------------------------------------------------------------------------

    def find(self, text: str) -> RunRecord:
        """The run that a person means.

        Args:
            text: its number, its name, the beginning of its uid, `latest` or `failed`.

        Raises:
            UsageError: there is none, or more than one.
        """
        wanted = text.strip().lower()
        if wanted == LATEST:
            return self._first("", (), NO_RUNS)
        if wanted == FAILED:
            bad = ", ".join(str(int(status)) for status in BAD)
            return self._first(f"WHERE {self._status} IN ({bad})", (), "no run has failed")
        found = self._named(wanted)
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"`{run.number}` ({run.name})" for run in found)
            raise UsageError(f"`{_shown(text)}` is the beginning of several runs", hints=(f"say {several}",))
        raise self._unknown(text)

    def runs(
        self,
        flow: str | None = None,
        status: RunStatus | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the latest first.

        Args:
            since: seconds since 1970.
        """
        wanted: list[tuple[str, Any]] = []
        if flow is not None:
            wanted.append(("flow=?", _clean(flow)))
        if status is not None:
            wanted.append((f"{self._status}=?", int(status)))
        if since is not None:
            wanted.append(("started>=?", since))
        where = f"WHERE {' AND '.join(clause for clause, _ in wanted)}" if wanted else ""
        values = (*(value for _, value in wanted), -1 if limit is None else limit)
        return self._runs(f"{where} ORDER BY number DESC LIMIT ?", values)

    def started_by(self, run: RunRecord) -> list[RunRecord]:
        """The runs that tasks of a run have started, in order."""
        return self._runs("WHERE parent=? ORDER BY number", (run.number,))

    def flows(self) -> list[str]:
        """The flows that have runs."""
        return [row[0] for row in self._rows("SELECT DISTINCT flow FROM runs ORDER BY flow")]

    def sessions(self, run: RunRecord) -> list[SessionRecord]:
        """The processes that carried a run out, in order."""
        query = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE run=? ORDER BY session"
        return list(self._each(query, (run.number,), session_record))

    def counts(self, run: RunRecord) -> dict[str, int]:
        """How many of its tasks stand how; of a run that has not ended they are counted now."""
        if run.ended is not None:
            return run.counts
        rows = self._each(LAST_ATTEMPTS, (run.number, run.number), tuple)
        return counted(rows, self.outline(run), is_over=run.status is not RunStatus.RUNNING)

    # -- tasks --------------------------------------------------------------------------------

    def outline(self, run: RunRecord) -> dict[str, Any]:
        """The outline of a run's plan; `keys` has the key of each node. Empty where it is not known."""
        if run.outline not in self._outlines:
            rows = self._rows("SELECT document FROM outlines WHERE digest=?", (run.outline,))
            self._outlines[run.outline] = unpacked_outline(rows[0][0]) if rows else {}
        return self._outlines[run.outline]

    def key(self, run: RunRecord, node: int, child: int = -1) -> str:
        """`clean`, or `clean[3]`; the flow's name for the run itself, whose node is -1."""
        if node < 0:
            return run.flow
        keys = self.outline(run).get("keys", ())
        key = str(keys[node]) if 0 <= node < len(keys) else f"task {node}"
        return key if child < 0 else f"{key}[{child}]"

    def locate(self, run: RunRecord, text: str) -> tuple[int, int | None]:
        """Node and child that a key names; the child is None where it names no child.

        Raises:
            UsageError: the run has no such task.
        """
        node = self._node(run, text)
        if node is not None:
            return node, None
        child = _CHILD.fullmatch(text)
        node = self._node(run, child[1]) if child else None
        if child is None or node is None:
            raise self._no_task(run, text)
        width = self.width(run, node)
        if width is not None and int(child[2]) >= width:
            raise UsageError(
                f"`{_shown(child[1])}` has {width} children in run {run.number}, numbered from 0"
            )
        return node, int(child[2])

    def width(self, run: RunRecord, node: int) -> int | None:
        """How many children a mapped task has; None where that is not known, or it is not mapped."""
        query = f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE run=? AND node=? AND child=-1 AND attempt=-1"
        rows = self._rows(query, (run.number, node))
        width = attempt_record("", rows[0]).detail.get("width") if rows else None
        return width if isinstance(width, int) else None

    def attempts(
        self, run: RunRecord, node: int | None = None, *, children: bool = True
    ) -> list[AttemptRecord]:
        """Attempts, by task, child and number.

        Args:
            node: only of this task.
            children: whether those of the children of mapped tasks are wanted, which may be many.
        """
        where = "" if node is None else " AND node=?"
        where += "" if children else " AND child=-1"
        return self._attempts(run, where, () if node is None else (node,))

    def given(self, run: RunRecord) -> dict[tuple[int, int], AttemptRecord]:
        """The tasks and children whose states a caller has given, by node and child, as if decided without
        an attempt when the run began."""
        states = run.asked.get("states")
        if not isinstance(states, dict) or not states:
            return {}
        nodes = {key: node for node, key in enumerate(self.outline(run).get("keys", ()))}
        found = {}
        for key, status in states.items():
            if key in nodes:
                node, many = nodes[key], isinstance(status, list)
                width = self.width(run, node) if many else None
                for child, each in enumerate(status[:width]) if many else [(-1, status)]:
                    if each:
                        found[node, child] = self._given(run, node, child, each)
        return found

    def _given(self, run: RunRecord, node: int, child: int, status: Any) -> AttemptRecord:
        return AttemptRecord(
            key=self.key(run, node, child),
            node=node,
            child=child,
            attempt=0,
            status=status_of(status),
            started=run.started,
            ended=run.started,
            worker=None,
            detail={"message": GIVEN, "given": True},
            batch=-1,
            session=1,
        )

    def failed_children(self, run: RunRecord, limit: int, node: int | None = None) -> list[AttemptRecord]:
        """The last attempts of the first children that failed.

        Args:
            node: only of this mapped task.
        """
        query = f"SELECT node, child, {LAST} FROM attempts WHERE run=? AND child>=0 GROUP BY node, child"
        where = (
            f" AND status IN ({int(Status.FAILED)}, {int(Status.TIMED_OUT)}) AND (node, child,"
            f" {PLACE}) IN ({query})"
        )
        where += "" if node is None else " AND node=?"
        return self._attempts(run, where, (run.number, *(() if node is None else (node,))), limit)

    def failing_children(self, run: RunRecord, limit: int, node: int | None = None) -> list[AttemptRecord]:
        """The last failures of the first children that were to be tried again, and never were.

        Args:
            node: only of this mapped task.
        """
        if run.status is RunStatus.RUNNING:
            return []
        query = f"SELECT node, child, status, {LAST} FROM attempts WHERE run=? AND child>=0"
        where = (
            f" AND status={int(Status.RETRYING)} AND (node, child) IN"
            f" (SELECT node, child FROM ({query} GROUP BY node, child)"
            f" WHERE status IN ({int(Status.CANCELLED)}, {int(Status.RETRYING)}))"
        )
        where += "" if node is None else " AND node=?"
        found = self._attempts(run, where, (run.number, *(() if node is None else (node,))))
        return list({(each.node, each.child): each for each in found}.values())[:limit]

    def children(self, run: RunRecord) -> dict[int, ChildrenRecord]:
        """How the children of each mapped task stand, by node."""
        rows = self._each(
            "SELECT node, status, COUNT(*) FROM"
            f" (SELECT node, status, {LAST} FROM attempts WHERE run=? AND child>=0"
            " GROUP BY node, child) GROUP BY node, status ORDER BY node, status",
            (run.number,),
            _whole,
        )
        found: dict[int, ChildrenRecord] = {}
        for node, status, number in rows:
            found.setdefault(node, ChildrenRecord()).counts[status_of(status)] = number
        if found:
            self._time(run, found)
        for (node, child), each in self.given(run).items():
            if child >= 0:
                counts = found.setdefault(node, ChildrenRecord()).counts
                counts[each.status] = counts.get(each.status, 0) + 1
        return found

    def _time(self, run: RunRecord, records: dict[int, ChildrenRecord]) -> None:
        """Say when the children of each were begun, and ended."""
        pauses = self._pauses(run)
        rows = self._each(
            "SELECT node, MIN(started), MAX(ended) FROM attempts"
            " WHERE run=? AND child>=0 AND attempt>0 GROUP BY node",
            (run.number,),
            _times,
        )
        for node, started, ended in rows:
            idle = sum(max(0.0, min(ended, after) - max(started, before)) for before, after in pauses)
            record = records[node]
            record.started, record.ended = started, ended
            record.took = max(0.0, ended - started - idle)

    def _pauses(self, run: RunRecord) -> list[tuple[float, float]]:
        """From when until when no process carried the run out, between its sessions."""
        sessions = self.sessions(run)
        if len(sessions) < 2:
            return []
        rows = self._each(
            "SELECT session, MAX(started), MAX(ended) FROM attempts WHERE run=? GROUP BY session",
            (run.number,),
            _times,
        )
        seen = {
            session: max(started, ended) for session, started, ended in rows
        }  # of those whose process was gone
        ends = [each.ended or seen.get(each.session, each.started) for each in sessions]
        return [(end, after.started) for end, after in zip(ends, sessions[1:], strict=False)]

    def logs(
        self,
        run: RunRecord,
        node: int | None = None,
        child: int | None = None,
        attempt: int | None = None,
        level: int | None = None,
        after: int = -1,
    ) -> Iterator[LogLine]:
        """Lines, in order.

        Args:
            level: only what was logged at this level or above; what was printed has none.
            after: only lines with a higher number.
        """
        given = (("node=?", node), ("child=?", child), ("attempt=?", attempt), ("level>=?", level))
        wanted = [(clause, value) for clause, value in given if value is not None]
        where = "".join(f" AND {clause}" for clause, _ in wanted)
        query = (
            "SELECT line, node, child, attempt, at, stream, level, text FROM logs"
            f" WHERE run=? AND line>?{where} ORDER BY line"
        )

        def made(row: tuple[Any, ...]) -> LogLine:
            return log_line(self.key(run, row[1], row[2]), row)

        yield from self._each(query, (run.number, after, *(value for _, value in wanted)), made)

    def last_lines(
        self, run: RunRecord, node: int, child: int, limit: int, attempt: int | None = None
    ) -> list[LogLine]:
        """The last lines, in order, of a task, of one of its children, or of one attempt; no empty ones."""
        where = "" if attempt is None else " AND attempt=?"
        query = (
            "SELECT line, node, child, attempt, at, stream, level, text FROM logs WHERE run=? AND node=?"
            f" AND child=? AND TRIM(text)<>''{where} ORDER BY line DESC LIMIT ?"
        )

        def made(row: tuple[Any, ...]) -> LogLine:
            return log_line(self.key(run, row[1], row[2]), row)

        values = (run.number, node, child, *(() if attempt is None else (attempt,)), limit)
        return list(self._each(query, values, made))[::-1]

    def last_line(self, run: RunRecord, node: int, child: int, attempt: int) -> str:
        """What an attempt said last; "" where that was nothing."""
        found = self.last_lines(run, node, child, 1, attempt)
        return found[0].text if found else ""

    # -- the file -----------------------------------------------------------------------------

    @cached_property
    def _connection(self) -> sqlite3.Connection | None:
        connection = database.open_to_read(self.path)
        if connection is not None:
            connection.text_factory = _text
        return connection

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._each(query, values, tuple))

    def _each(self, query: str, values: Sequence[Any], make: Callable[[tuple[Any, ...]], T]) -> Iterator[T]:
        """What is made of each row; a row that nothing can be made of is damage as well."""
        with database.explained(self.path):
            try:
                if self._connection is not None:
                    for row in self._connection.execute(query, values):
                        yield make(row)
            except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
                if isinstance(error, sqlite3.Error) and not database.is_damage(error):
                    raise
                self.close()
                raise database.damaged(self.path, database.set_aside(self.path)) from error

    def _runs(self, rest: str, values: Sequence[Any]) -> list[RunRecord]:
        columns = RUN_COLUMNS.replace(" status,", f" {self._status},", 1)
        return list(self._each(f"SELECT {columns} FROM runs {rest}", values, run_record))

    def _first(self, where: str, values: Sequence[Any], otherwise: str) -> RunRecord:
        found = self._runs(f"{where} ORDER BY number DESC LIMIT 1", values)
        if not found:
            raise UsageError(otherwise) if self._names() else no_runs()
        return found[0]

    def _named(self, text: str) -> list[RunRecord]:
        """The runs of a number, a name or the beginning of a uid; the first of these that names one."""
        if not text or not text.isascii():
            return []
        found: list[RunRecord] = []
        if text.isdecimal() and len(text) < 19:
            found = self._runs("WHERE number=?", (int(text),))
        found = found or self._runs("WHERE name=?", (text,))
        if not found and len(text) >= _PREFIX:
            found = self._runs("WHERE uid>=? AND uid<? ORDER BY number LIMIT 9", (text, f"{text}\x7f"))
        return found

    def _names(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT name FROM runs ORDER BY number DESC LIMIT ?", (_NAMES,))]

    def _unknown(self, text: str) -> UsageError:
        names = self._names()
        if not names:
            return no_runs()
        return UsageError(f"there is no run `{_shown(text)}`", hints=_nearest(text, names))

    def _node(self, run: RunRecord, text: str) -> int | None:
        """The node of a key; of several, as after a resume that found the flow changed, one that is left."""
        outline = self.outline(run)
        found = [node for node, key in enumerate(outline.get("keys", ())) if key == text]
        left = set(outline.get("ids") or found)
        return max(found, key=lambda node: (node in left, node), default=None)

    def _no_task(self, run: RunRecord, text: str) -> UsageError:
        keys = self.outline(run).get("keys", ())
        return UsageError(f"run {run.number} has no task `{_shown(text)}`", hints=_nearest(text, keys))

    def _attempts(
        self, run: RunRecord, where: str, values: Sequence[Any], limit: int = -1
    ) -> list[AttemptRecord]:
        query = (
            f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE run=?{where}"
            f" ORDER BY node, child, {IN_ORDER} LIMIT ?"
        )

        def made(row: tuple[Any, ...]) -> AttemptRecord:
            return attempt_record(self.key(run, row[0], row[1]), row)

        return list(self._each(query, (run.number, *values, limit), made))


def no_runs() -> UsageError:
    """The error of whoever asks for a run where there is none."""
    return UsageError(NO_RUNS, hints=(NO_RUNS_HINT,))


def _whole(row: tuple[Any, ...]) -> tuple[int, int, int]:
    first, second, third = row
    return int(first), int(second), int(third)


def _times(row: tuple[Any, ...]) -> tuple[int, float, float]:
    number, started, ended = row
    return int(number), float(started), float(ended)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _nearest(text: str, known: Sequence[str]) -> tuple[str, ...]:
    near = difflib.get_close_matches(text, [str(each) for each in known], n=3, cutoff=0.6)
    return (f"did you mean {' or '.join(f'`{each}`' for each in near)}?",) if near else ()


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _clean(text: str) -> str:
    """A text that SQLite takes, whatever a shell has given."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
