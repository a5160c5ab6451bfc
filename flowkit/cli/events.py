"""What happens in a run, one JSON object a line on stdout; docs/json.md is the contract.

Guarantees: every line is a whole JSON object, in ASCII, that was written by itself; what people are
shown goes elsewhere; the last line is `run_finished`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowkit.cli.console import Console
from flowkit.cli.failures import failure_of, is_failure
from flowkit.cli.reasons import reason_of
from flowkit.cli.tally import Child, Tally
from flowkit.plan.events import Call, Detail, Report, Row
from flowkit.plan.failure import Failure, cause_document, frame_document
from flowkit.plan.status import EXPANDED, MAPPED, PAUSED, RETRYING, RUNNING, Status

if TYPE_CHECKING:
    from flowkit.engine.capture import Line
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome

SCHEMA = 1


class Events:
    """Writes the events of a run.

    Args:
        run: the run's name; default: the engine's id.
        wall: seconds since 1970.
    """

    def __init__(self, console: Console, run: str = "", wall: Callable[[], float] | None = None) -> None:
        self._console = console
        self._run = run
        self._wall = wall or (lambda: datetime.now(UTC).timestamp())

    def begin(self, engine: Engine) -> None:
        """Write `run_started`."""
        self._engine = engine
        self._run = self._run or engine.run_id
        self._tally = Tally(engine.plan, lambda tasks, children: True)
        self._offset = self._wall() - engine.clock()
        self._head = {"run": self._run, "number": engine.number, "id": engine.run_id}
        parts = {"flow": engine.plan.name, "tasks": self._tally.visible}
        self._write([self._event("run_started", engine.clock(), parts)])

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """Write what happened to tasks; what one printed before its end."""
        now = self._engine.clock()
        printed: dict[Child, list[str]] = {}
        for line in lines:
            printed.setdefault(line.call[:2], []).append(self._output(line, now))
        found: list[str] = []
        for row in self._tally.take(rows):
            if row[3] not in (RUNNING, EXPANDED):
                found += printed.pop((row[0], row[1]), [])
            if row[3] != MAPPED:
                found.append(self._of(row))
        for each in printed.values():
            found += each
        self._write(found)

    def report(self, reports: Mapping[Call, Report]) -> None:
        """Write how far attempts are."""
        now = self._engine.clock()
        found = []
        for (node, index, attempt), (done, total) in reports.items():
            parts = self._who(node, index) | {"attempt": attempt, "done": done}
            found.append(
                self._event("task_progress", now, parts | ({} if total is None else {"total": total}))
            )
        self._write(found)

    def end(self, outcome: Outcome) -> None:
        """Write `run_finished`."""
        plan, tally = outcome.plan, self._tally
        parts = {
            "status": run_status(outcome),
            "exit_code": outcome.exit_code,
            "seconds": round(outcome.duration, 6),
            "message": outcome.state.message,
            "counts": {
                status.word: tally.counts[status] for status in Status if status.ended and status != MAPPED
            },
            "retried": tally.retried,
            "failed": [plan.key(row[0], row[1]) for row in tally.failures],
            "paused": outcome.paused,
            "left_behind": list(outcome.left_behind),
        }
        self._write([self._event("run_finished", self._engine.clock(), parts)])

    # -- events -------------------------------------------------------------------------------

    def _event(self, name: str, at: float, parts: dict[str, Any]) -> str:
        moment = datetime.fromtimestamp(at + self._offset, UTC).isoformat(timespec="milliseconds")
        head = {"schema": SCHEMA, "event": name, "ts": moment.replace("+00:00", "Z")}
        return json.dumps(head | self._head | parts)

    def _of(self, row: Row) -> str:
        node, index, attempt, status, began, ended, worker, detail = row
        parts = self._who(node, index)
        if status == EXPANDED:
            return self._event("task_expanded", ended, parts | {"children": attempt})
        parts["attempt"] = attempt
        if status == RUNNING:
            return self._event("task_started", began, parts)
        parts["seconds"] = round(ended - began, 6)
        if worker is not None:
            parts["worker"] = worker
        if status == PAUSED:
            if isinstance(detail, Detail) and detail.retry_in is not None:
                parts["resumes_in"] = detail.retry_in
            return self._event("task_paused", ended, parts | self._why(row))
        if status == RETRYING:
            parts["retry_in"] = detail.retry_in
            return self._event("task_retrying", ended, parts | self._why(row))
        parts["status"] = Status(status).word
        return self._event("task_finished", ended, parts | self._why(row))

    def _who(self, node: int, index: int) -> dict[str, Any]:
        parts: dict[str, Any] = {"task": None if node < 0 else self._engine.plan.key(node, index)}
        return parts if index < 0 else parts | {"index": index}

    def _why(self, row: Row) -> dict[str, Any]:
        """Why it did not simply succeed, where there is something to say."""
        failure = failure_of(row)
        if failure is not None and (is_failure(row) or row[3] == RETRYING):
            return {"error": _described(failure)}
        reason = reason_of(self._engine, row)
        return {"reason": _whole(reason)} if reason else {}

    def _output(self, line: Line, now: float) -> str:
        node, index, attempt = line.call
        parts = self._who(node, index) | {
            "attempt": attempt,
            "stream": line.stream,
            **({"level": line.level} if line.stream == "log" else {}),
            "text": line.text,
        }
        return self._event("task_output", now, parts)

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            self._console.data("\n".join(lines))


def run_status(outcome: Outcome) -> str:
    """`success`, `failed`, `timed out`, `paused` or `cancelled`."""
    if outcome.interrupted is not None:
        return "cancelled"
    if outcome.timed_out:
        return "timed out"
    if outcome.paused and outcome.exit_code == 0:
        return "paused"
    return "success" if outcome.exit_code == 0 else "failed"


def _described(failure: Failure) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": failure.kind,
        "type": failure.type_name,
        "message": failure.message,
        "place": failure.place,
        "traceback": failure.traceback,
        "frames": list(map(frame_document, failure.frames)),
        "inputs": dict(failure.inputs),
        "causes": list(map(cause_document, failure.causes)),
        "notes": list(failure.notes),
        "pid": failure.pid,
    }
    whole: dict[str, Any] = _whole(found)
    return whole


def _whole(value: Any) -> Any:
    """Texts without halves of characters, which JSON can write and few can read."""
    if isinstance(value, dict):
        return {_whole(name): _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return list(map(_whole, value))
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
