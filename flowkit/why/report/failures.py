"""What failed in a run: the exception with the user's frames, the inputs in short, the attempts.

Guarantees: nothing is unpickled and no user code is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flowkit.plan.failure import Failure, Frame
from flowkit.plan.plan import CHILD, ELEMENT, FLAT_ELEMENT
from flowkit.plan.status import TIMED_OUT, TRIGGER_FAILED
from flowkit.store.batch import Stored
from flowkit.store.records import AttemptRecord
from flowkit.why.archive import PastRun
from flowkit.why.report.tasks import Attempts, Mark, Task, stem_of
from flowkit.why.sources import Source, roots_of, sources_of
from flowkit.why.standing import failed_last, said

MOST = 50  # failures that are told in full
_MOST_KEYS = 200  # of others that failed alike, named
_MOST_TEXT = 20_000  # characters of a traceback or a message
_SHORT = 300  # of a value

_NONE = Failure("error", "", "")


@dataclass(frozen=True, kw_only=True)
class Input:
    """An argument: where it came from, and its value in short where that is kept as text."""

    name: str
    source: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Try:
    """An attempt."""

    number: int
    status: str
    started: float
    took: float | None
    worker: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A task that failed, and those of its name, or of its children, that failed alike.

    Attributes:
        alike: their keys; `more` is how many further ones there are.
        said: type and message.
        kind: `raised`, `timed out` or `not run`.
        traceback: as Python prints it, cut where it is very long.
    """

    key: str
    node: int
    child: int
    kind: str
    said: str
    failure: Failure
    traceback: str
    inputs: Sequence[Input]
    tries: Sequence[Try]
    alike: Sequence[str]
    more: int

    @property
    def frame(self) -> Frame | None:
        """The innermost call that is the user's own."""
        frames = [each for each in self.failure.frames if each.own] or self.failure.frames
        return frames[-1] if frames else None


def failures_of(run: PastRun, grouped: Attempts, tasks: Mapping[Mark, Task]) -> tuple[list[Failed], int]:
    """The failures, those alike as one, in the order of the flow; and how many kinds of them are left out."""
    kinds: dict[tuple[str, str, str], list[Mark]] = {}
    order: dict[int, int] = {}
    for node, _ in grouped:
        order.setdefault(node, len(order))
    bad: dict[Mark, AttemptRecord] = {}
    for mark, attempts in grouped.items():
        last = failed_last(run.record, attempts) if attempts else None
        if last is not None:
            bad[mark] = last
    for mark in sorted(bad, key=lambda mark: (order[mark[0]], mark[1])):
        failure = bad[mark].failure or _NONE
        whole = tasks.get((mark[0], -1), tasks[mark])
        kinds.setdefault((stem_of(whole.key), failure.type_name, failure.place), []).append(mark)
    found = [_failed(run, marks, bad[marks[0]], grouped, tasks) for marks in list(kinds.values())[:MOST]]
    return found, max(0, len(kinds) - MOST)


def _failed(
    run: PastRun, marks: list[Mark], last: AttemptRecord, grouped: Attempts, tasks: Mapping[Mark, Task]
) -> Failed:
    mark = marks[0]
    attempts = grouped[mark]
    failure = last.failure or _NONE
    words = {TIMED_OUT: "timed out", TRIGGER_FAILED: "not run"}
    others = [tasks[each].key for each in marks[1 : _MOST_KEYS + 1]]
    return Failed(
        key=tasks[mark].key,
        node=mark[0],
        child=mark[1],
        kind=words.get(last.status, "raised" if failure.kind == "error" else "failed"),
        said=cut(said(last) or "It gives no reason.", _MOST_TEXT),
        failure=failure,
        traceback=cut(failure.traceback, _MOST_TEXT),
        inputs=_with_values(list(_inputs(run, *mark)), failure),
        tries=[_try(each) for each in attempts if each.attempt > 0],
        alike=others,
        more=len(marks) - 1 - len(others),
    )


def cut(text: str, most: int) -> str:
    """A text, with a word about what is left out where it is long."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _try(attempt: AttemptRecord) -> Try:
    return Try(
        number=attempt.attempt,
        status=attempt.status.word,
        started=attempt.started,
        took=attempt.duration,
        worker=attempt.worker or "",
        said=cut(said(attempt).strip().partition("\n")[0], 300),
    )


# -- inputs -----------------------------------------------------------------------------------


def _inputs(run: PastRun, number: int, child: int) -> Iterator[Input]:
    node = run.places.get(number)
    if node is None or not run.outline:
        return
    for place, source in enumerate(sources_of(run.outline, node)[:30]):
        yield _input(run, source, child, f"argument {place + 1}")


def _with_values(inputs: list[Input], failure: Failure) -> list[Input]:
    """The inputs with their values as they were when it failed, where that was recorded."""
    values = dict(failure.inputs)
    found = [replace(each, value=values.pop(each.name, each.value)) for each in inputs]
    return [*found, *(Input(name=name, source="its default", value=value) for name, value in values.items())]


def _input(run: PastRun, source: Source, child: int, otherwise: str) -> Input:
    name = source.name or otherwise
    if source.node < 0:
        return Input(name=name, source="written in the flow", value=_constant(source.constant))
    if source.node in run.outline["known"]:
        value = _constant(run.outline["known"][source.node])
        return Input(name=name, source="written in the flow", value=value)
    for parameter, node in run.outline["parameters"].items():
        if node == source.node:
            value = cut(str(run.record.parameters.get(parameter, "")), _SHORT)
            return Input(name=name, source=f"parameter {parameter}", value=value)
    index = child if source.mode == CHILD else -1
    key = run.key(source.node, index)
    if source.node in run.outline["hidden"]:
        key = ", ".join(roots_of(run.outline, source.node)[:3]) or key
    if source.mode in (ELEMENT, FLAT_ELEMENT) and child >= 0:
        return Input(name=name, source=f"element {child} of {key}", value="")
    is_list = source.node in run.outline["mapped"] and index < 0
    return Input(name=name, source=key, value="" if is_list else _value(run.stored(source.node, index)))


def _constant(value: object) -> str:
    """A value that is remembered as itself; of others only a digest is."""
    return "" if isinstance(value, str) else repr(value)


def _value(stored: Stored) -> str:
    if stored.kind == "p":
        return cut(repr(stored.payload), _SHORT)
    return f"{stored.size:,} bytes, kept" if stored.kind in ("k", "f") else ""
