"""What failed in a run: the exception with the user's frames, the inputs in short, the attempts.

Guarantees: nothing is unpickled and no user code is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flowkit.plan.failure import Failure, Frame
from flowkit.plan.plan import CHILD, ELEMENT, FLAT_ELEMENT
from flowkit.plan.status import FAILED, RETRYING, TIMED_OUT, TRIGGER_FAILED
from flowkit.store.batch import Stored
from flowkit.store.records import AttemptRecord, RunRecord
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import PastRun
from flowkit.why.report.tasks import Attempts, Mark, Task, stem_of
from flowkit.why.sources import Source, roots_of, sources_of
from flowkit.why.standing import failed_last, said

MOST = 50  # failures that are told in full
_MOST_KEYS = 200  # of others that failed alike, named
_MOST_TEXT = 20_000  # characters of a traceback or a message
_SHORT = 300  # of a value

_NONE = Failure("error", "", "")
_FAILURES = (RETRYING, FAILED, TIMED_OUT)  # how attempts end in which something went wrong


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
        kind: `raised`, `failed`, `timed out`, `not run`, or `stopped`: before the attempt that was to follow,
            or while that was made.
        ending: of what was stopped, how.
        has_lines: whether it has printed or logged anything.
        traceback: as Python prints it, cut where it is very long.
    """

    key: str
    node: int
    child: int
    kind: str
    said: str
    ending: str
    failure: Failure
    traceback: str
    inputs: Sequence[Input]
    tries: Sequence[Try]
    alike: Sequence[str]
    more: int
    has_lines: bool

    @property
    def frame(self) -> Frame | None:
        """The innermost call that is the user's own."""
        frames = [each for each in self.failure.frames if each.own] or self.failure.frames
        return frames[-1] if frames else None


def failures_of(run: PastRun, grouped: Attempts, tasks: Mapping[Mark, Task]) -> tuple[list[Failed], int]:
    """The failures, those alike as one, in the order of the flow; and how many kinds of them are left out."""
    bad = {mark: failed_last(run.record, attempts) for mark, attempts in grouped.items() if attempts}
    kinds = _Kinds(tasks)
    for mark in _in_order(grouped):
        attempt = bad.get(mark)
        if attempt is not None:
            kinds.add(mark, attempt)
    return kinds.told(run, grouped)


def overcome_of(run: PastRun, grouped: Attempts, tasks: Mapping[Mark, Task]) -> tuple[list[Failed], int]:
    """The failures of attempts that others have followed, or are to; none that `failures_of` tells."""
    kinds = _Kinds(tasks)
    for mark in _in_order(grouped):
        attempts = grouped[mark]
        last = failed_last(run.record, attempts) if attempts else None
        for each in reversed(attempts):
            if each is not last and each.status in _FAILURES and (last is None or not _alike(each, last)):
                kinds.add(mark, each)
    return kinds.told(run, grouped)


def _in_order(grouped: Attempts) -> list[Mark]:
    order: dict[int, int] = {}
    for node, _ in grouped:
        order.setdefault(node, len(order))
    return sorted(grouped, key=lambda mark: (order[mark[0]], mark[1]))


def _alike(one: AttemptRecord, other: AttemptRecord) -> bool:
    return _kind_of(one.failure or _NONE) == _kind_of(other.failure or _NONE)


def _kind_of(failure: Failure) -> tuple[str, str]:
    return failure.type_name, failure.place


class _Kinds:
    """Failures, those of tasks of one name that are alike together."""

    def __init__(self, tasks: Mapping[Mark, Task]) -> None:
        self._tasks = tasks
        self._kinds: dict[tuple[str, str, str], dict[Mark, AttemptRecord]] = {}

    def add(self, mark: Mark, attempt: AttemptRecord) -> None:
        """Keep one; of those of a task that are alike only the first that is given."""
        whole = self._tasks.get((mark[0], -1), self._tasks[mark])
        kind = (stem_of(whole.key), *_kind_of(attempt.failure or _NONE))
        self._kinds.setdefault(kind, {}).setdefault(mark, attempt)

    def told(self, run: PastRun, grouped: Attempts) -> tuple[list[Failed], int]:
        """One of each kind, and how many kinds are left out."""
        found = [self._told(run, alike, grouped) for alike in list(self._kinds.values())[:MOST]]
        return found, max(0, len(self._kinds) - MOST)

    def _told(self, run: PastRun, alike: Mapping[Mark, AttemptRecord], grouped: Attempts) -> Failed:
        mark, *others = alike
        attempt, attempts = alike[mark], grouped[mark]
        failure = attempt.failure or _NONE
        ending = _ending(run.record, attempt, attempts)
        words = {TIMED_OUT: "timed out", TRIGGER_FAILED: "not run"}
        kind = words.get(attempt.status, "raised" if failure.kind == "error" else "failed")
        named = [self._tasks[each].key for each in others[:_MOST_KEYS]]
        return Failed(
            key=self._tasks[mark].key,
            node=mark[0],
            child=mark[1],
            kind="stopped" if ending else kind,
            said=cut(said(attempt) or "It gives no reason.", _MOST_TEXT),
            ending=ending,
            failure=failure,
            traceback=cut(failure.traceback, _MOST_TEXT),
            inputs=_with_values(list(_inputs(run, *mark)), failure),
            tries=[_try(each) for each in attempts if each.attempt > 0],
            alike=named,
            more=len(others) - len(named),
            has_lines=bool(run.archive.history.last_lines(run.record, *mark, 1)),
        )


def _ending(run: RunRecord, attempt: AttemptRecord, attempts: Sequence[AttemptRecord]) -> str:
    """How it was stopped where another attempt was to follow, or was being made; "" where that went on."""
    if run.status is RunStatus.RUNNING or failed_last(run, attempts) is not attempt:
        return ""
    most = attempt.failure.most if attempt.failure is not None else 0
    after = [each.attempt for each in attempts if each.attempt > attempt.attempt]
    number = max(after, default=attempt.attempt + 1)
    named = f"attempt {number} of {most}" if number <= most else f"attempt {number}"
    if after:
        return f"It was stopped while it made {named}."
    is_over = attempt is attempts[-1] and attempt.status != RETRYING
    return "" if is_over else f"It was stopped while waiting for {named}."


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
