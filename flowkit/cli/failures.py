"""A failure as a person reads it: what was raised, where in their own code, on which attempt."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

from flowkit.cli.evidence import Place, evidence, place_of, quoted
from flowkit.cli.styled import Styled, joined
from flowkit.cli.wording import duration, last_shown, one_line, shown
from flowkit.engine.credentials import without_credentials
from flowkit.engine.mask import MASK
from flowkit.plan.events import Detail, Failure, Row
from flowkit.plan.status import FAILED, TIMED_OUT, TRIGGER_FAILED
from flowkit.plan.verdicts import NOTHING_TO_MAP

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


MOST_ALIKE = 2  # failures of one kind at one place that are shown in full


class Alike:
    """Tells failures that show something new from further ones of the same kind at the same place."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], int] = {}

    def is_new(self, failure: Failure | None) -> bool:
        """Whether it is to be shown in full; it counts as shown then."""
        if failure is None or not failure.place:
            return True
        kind = (failure.kind, failure.type_name, failure.place)
        self._seen[kind] = seen = self._seen.get(kind, 0) + 1
        return seen <= MOST_ALIKE


def is_failure(row: Row) -> bool:
    """Whether a row tells of something that went wrong, not of what followed from it."""
    status, detail = row[3], row[7]
    if status in (FAILED, TIMED_OUT):
        return bool(detail != NOTHING_TO_MAP)
    return status == TRIGGER_FAILED and isinstance(detail, Detail) and detail.failure is not None


def failure_of(row: Row) -> Failure | None:
    """What is known of the exception, where there was one."""
    detail = row[7]
    return detail.failure if isinstance(detail, Detail) else None


def failure_text(row: Row, limit: int = 200, more: str = " …") -> str:
    """`ValueError: negative price: -3`, in one line; `more` stands for further ones."""
    detail = row[7]
    if not isinstance(detail, Detail):
        return one_line(detail or "", limit, more)
    failure = detail.failure
    if failure is None or failure.kind in ("signal", "trigger", "timeout"):
        said = detail.message or (failure.message if failure else "")
        return one_line(said or (str(failure) if failure else ""), limit, more)
    said = f"{_short_type(failure)}: {failure.message}" if failure.message else _short_type(failure)
    return one_line(said, limit, more)


def headline(engine: Engine, row: Row) -> Styled:
    """`error[task-failed]: clean[17] raised ValueError: negative price: -3`."""
    code, said = _said(row)
    key = shown(engine.plan.key(row[0], row[1]))
    return [(f"error[{code}]", "bold red"), (": ", ""), (f"{key} {said}", "bold")]


def _said(row: Row) -> tuple[str, str]:
    failure, text = failure_of(row), failure_text(row, more="")
    if row[3] == TRIGGER_FAILED:
        return "trigger", f"was not run: {text}"
    if row[3] == TIMED_OUT:
        return "timed-out", f"timed out: {text}"
    if failure is None or failure.kind == "signal":
        return "task-failed", f"failed: {text}" if text else "failed"
    return "task-failed", f"raised {text}"


def _short_type(failure: Failure) -> str:
    """The class without its module: the line is for people, the traceback has the rest."""
    return failure.type_name.rpartition(".")[2]


def block(
    engine: Engine,
    row: Row,
    *,
    last_output: str = "",
    debug: bool = False,
    columns: int = 300,
    then: str = "",
) -> list[Styled]:
    """All that helps to mend a failure, most important first.

    Args:
        row: of a task that failed.
        last_output: the last line that it printed.
        debug: add the whole traceback, flowkit's own frames too where they are known.
        columns: where lines of source are cut.
        then: what became of it after that.
    """
    failure = failure_of(row)
    lines: list[Styled] = [headline(engine, row)]
    if failure is not None:
        lines += evidence(failure, columns)
    facts = joined([_attempt(engine, row), _worker(row, failure), _took(row), then])
    lines += ending_lines(facts, last_output, failure)
    if debug and failure is not None:
        lines += quoted(MASK.text(_traceback(failure, _live_error(engine, row))))
    return lines


def ending_lines(facts: str, last_output: str, failure: Failure | None) -> list[Styled]:
    """Which attempt it was, what it said last, and the way out."""
    lines: list[Styled] = [[("  ", ""), (facts, "dim")]] if facts else []
    if last_output.strip():
        lines.append([("  last output: ", "dim"), (one_line(last_shown(last_output)), "")])
    if failure is not None and failure.hint:
        lines.append([("hint: ", "cyan"), (one_line(failure.hint), "")])
    return lines


def place_in(row: Row) -> Place | None:
    """Where in the user's own code the failure of a row was raised."""
    failure = failure_of(row)
    return place_of(failure) if failure is not None else None


def _live_error(engine: Engine, row: Row) -> BaseException | None:
    value = engine.value_of(row[0], row[1])
    return value if isinstance(value, BaseException) else None


def attempt_text(engine: Engine, row: Row, attempt: int) -> str:
    """`attempt 2 of 3`; without the number of all where a task asked for more."""
    most = engine.plan.tasks[row[0]].max_retries + 1
    return f"attempt {attempt} of {most}" if attempt <= most else f"attempt {attempt}"


def _attempt(engine: Engine, row: Row) -> str:
    """Where there was, or could have been, more than one."""
    only = row[2] == 1 and not engine.plan.tasks[row[0]].max_retries
    return attempt_text(engine, row, row[2]) if row[2] and not only else ""


def _worker(row: Row, failure: Failure | None) -> str:
    return worker_text(row[6], failure, os.getpid()) if row[2] else ""


def worker_text(worker: str | None, failure: Failure | None, pid: int) -> str:
    """Who it was where it was another process.

    Args:
        pid: the process of the run.
    """
    if failure is None or failure.pid in (0, pid):
        return ""
    return joined([f"on {shown(worker)}" if worker else "", f"pid {failure.pid}"])


def _took(row: Row) -> str:
    return f"after {duration(row[5] - row[4])}" if row[2] else ""


def _traceback(failure: Failure, error: BaseException | None) -> str:
    if error is None or error.__traceback__ is None:
        return failure.traceback
    try:
        lines = "".join(traceback.format_exception(error)).split("\n")
    except Exception:  # the exception's own code
        return failure.traceback
    # Indented are the calls and the user's own code, which stays as it is written.
    return "\n".join(each if each.startswith("  ") else without_credentials(each) for each in lines)
