"""What is read from the history: a run, a session, an attempt, a line; as they were written, with types.

Guarantees: nothing is unpickled; JSON that is damaged reads as nothing known; a row that is damaged raises
`TypeError`, `ValueError` or `OverflowError`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from flowkit.plan.failure import Failure, failure_in
from flowkit.plan.status import Status
from flowkit.store.run_status import RunStatus

RUN_COLUMNS = (
    "number, uid, name, flow, ref, status, reason, started, ended, parameters, asked, outline, parent,"
    " exit_code, counts, bytes,"
    " (SELECT SUM(MAX(0, sessions.ended - sessions.started)) FROM sessions WHERE run=number)"
)
SESSION_COLUMNS = (
    "session, started, ended, pid, host, boot, born, executor, workers, command, flowkit, python, exit_code"
)
# A run that is stopped writes so after the attempts that were made, of which the next one never began.
_STOPPED = f"attempt=0 AND status={int(Status.CANCELLED)}"
IN_ORDER = f"session, ({_STOPPED}), attempt"  # of the attempts of a task
PLACE = f"session * 1000000000 + CASE WHEN {_STOPPED} THEN 999999999 ELSE attempt END"
LAST = f"MAX({PLACE})"
ATTEMPT_COLUMNS = "node, child, attempt, status, started, ended, worker, detail, batch, session"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run.

    Attributes:
        number, name, uid: what it is called; numbers go by when runs began, `uid` does not.
        started, ended: seconds since 1970; `ended` is None while it runs.
        worked: seconds of all its sessions that have ended; None before the first has.
        parameters: values as text, by name.
        asked: how it was started.
        outline: digest of the outline of its plan.
        parent: the number of the run whose task has started it.
        counts: how many tasks ended how, by the word of their status.
        bytes: of its results in files.
    """

    number: int
    uid: str
    name: str
    flow: str
    ref: str
    status: RunStatus
    reason: str
    started: float
    ended: float | None
    parameters: dict[str, Any]
    asked: dict[str, Any]
    outline: bytes
    parent: int | None
    exit_code: int | None
    counts: dict[str, int]
    bytes: int
    worked: float | None

    @property
    def duration(self) -> float | None:
        """Seconds that were spent on it, without the time between its sessions; None while it runs."""
        if self.ended is None or self.status is RunStatus.RUNNING:
            return None
        return self.worked if self.worked is not None else max(0.0, self.ended - self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One process that carried a run out; `born` and `boot` tell it from later ones with its number."""

    session: int
    started: float
    ended: float | None
    pid: int
    host: str
    boot: str
    born: str
    executor: str
    workers: int
    command: str
    flowkit: str
    python: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt of a task (`child` is -1), or of a child of a mapped one.

    Attributes:
        key: `clean`, or `clean[3]`.
        attempt: 1, 2, …; 0 for what was decided without one; -1 for the moment when a mapped task
            knew its children (`detail["width"]` of them).
        ended: None while it runs.
        detail: `message`, `failure`, `retry_in`, `origin`, `width`, `lost`, `memory`: those that there are.
        batch: the commit that it came with.
    """

    key: str
    node: int
    child: int
    attempt: int
    status: Status
    started: float
    ended: float | None
    worker: str | None
    detail: dict[str, Any]
    batch: int
    session: int

    @property
    def duration(self) -> float | None:
        """Seconds; None while it runs."""
        return None if self.ended is None else max(0.0, self.ended - self.started)

    @property
    def failure(self) -> Failure | None:
        """Why it did not succeed, where that is known."""
        found = self.detail.get("failure")
        return failure_in(found) if isinstance(found, dict) else None


@dataclass(slots=True)
class ChildrenRecord:
    """The children of a mapped task, all told: their last attempts.

    Attributes:
        started, ended: of the first attempt that started, and of the last that ended; 0 where none has.
        took: seconds from the one to the other, without those between sessions.
        counts: how many in which status.
    """

    started: float = 0.0
    ended: float = 0.0
    took: float = 0.0
    counts: dict[Status, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a task printed or logged; `level` is that of `logging`, 0 for what was printed.

    `attempt` is 0 where it is not known which task it was; `key` is the name of the flow then.
    """

    line: int
    key: str
    attempt: int
    at: float
    stream: str
    level: int
    text: str

    @property
    def is_of_run(self) -> bool:
        """Whether it is not known which task it was."""
        return self.attempt == 0


def run_record(row: tuple[Any, ...]) -> RunRecord:
    """A row of `RUN_COLUMNS`."""
    number, uid, name, flow, ref, status, reason, started, ended, parameters, asked, *rest = row
    outline, parent, exit_code, counts, size, worked = rest
    return RunRecord(
        number=int(number),
        uid=str(uid),
        name=str(name),
        flow=str(flow),
        ref=str(ref),
        status=_run_status(status),
        reason=str(reason),
        started=float(started),
        ended=_float(ended),
        parameters=table(parameters),
        asked=table(asked),
        outline=outline if isinstance(outline, bytes) else b"",
        parent=_int(parent),
        exit_code=_int(exit_code),
        counts={str(word): int(number) for word, number in table(counts).items()},
        bytes=int(size),
        worked=_float(worked),
    )


def session_record(row: tuple[Any, ...]) -> SessionRecord:
    """A row of `SESSION_COLUMNS`."""
    session, started, ended, pid, host, boot, born, executor, workers, *rest, exit_code = row
    command, flowkit, python = map(str, rest)
    return SessionRecord(
        session=int(session),
        started=float(started),
        ended=_float(ended),
        pid=int(pid),
        host=str(host),
        boot=str(boot),
        born=str(born),
        executor=str(executor),
        workers=int(workers),
        command=command,
        flowkit=flowkit,
        python=python,
        exit_code=_int(exit_code),
    )


def attempt_record(key: str, row: tuple[Any, ...]) -> AttemptRecord:
    """A row of `ATTEMPT_COLUMNS`."""
    node, child, attempt, status, started, ended, worker, detail, batch, session = row
    return AttemptRecord(
        key=key,
        node=int(node),
        child=int(child),
        attempt=int(attempt),
        status=status_of(status),
        started=float(started),
        ended=float(ended) or None,
        worker=None if worker is None else str(worker),
        detail=table(detail),
        batch=int(batch),
        session=int(session),
    )


def log_line(key: str, row: tuple[Any, ...]) -> LogLine:
    """A row of the table of logs, from `line` on."""
    line, _, _, attempt, at, stream, level, text = row
    return LogLine(
        line=int(line),
        key=key,
        attempt=int(attempt),
        at=float(at),
        stream=str(stream),
        level=int(level),
        text=str(text),
    )


def table(text: Any) -> dict[str, Any]:
    """A JSON object; an empty one for nothing, and for what is none."""
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def unpacked_outline(document: Any) -> dict[str, Any]:
    """An outline; an empty one where it is damaged."""
    try:
        found = json.loads(zlib.decompress(document))
    except (zlib.error, ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def hidden_nodes(outline: dict[str, Any]) -> set[int]:
    """The nodes that only carry values, by their number in the rows of the run."""
    ids = outline.get("ids")
    found = {ids[node] if ids else node for node in outline.get("hidden", ())}
    return found | set(outline.get("carried", ()))  # by the flow as it was, before the run went on


def status_of(number: Any) -> Status:
    """The status of an attempt; what newer code, or a flipped bit, has written is taken for a bad one."""
    try:
        return Status(number)
    except ValueError:
        return Status.CANCELLED


def _run_status(number: Any) -> RunStatus:
    try:
        return RunStatus(number)
    except ValueError:
        return RunStatus.CRASHED


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
