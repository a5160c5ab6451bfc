"""What the cache did for a run: what was found, what that saved, and why the rest was not found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowkit.plan.outline import ids_of
from flowkit.plan.status import CACHED
from flowkit.why.archive import PastRun, origin_of
from flowkit.why.hindsight import why
from flowkit.why.report.tasks import Attempts, Mark, Task, stem_of

_MOST = 100  # tasks whose reasons are found out
_FEW = 20  # children of one mapped task whose reasons are
_MOST_KEYS = 5_000  # entries whose times are looked up


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Results that were found.

    Attributes:
        number: of the children of a mapped task, or of the tasks of a name, how many; else 1.
        runs: that they were made in.
        saved: seconds that making them took; None where the entries are gone.
    """

    key: str
    number: int
    runs: Sequence[int]
    saved: float | None


@dataclass(frozen=True, kw_only=True)
class Miss:
    """A task with a cache that ran all the same, and why."""

    key: str
    number: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Caching:
    """What the cache did.

    Attributes:
        found: how many results.
        saved: seconds, of those of which it is known.
        asked: whether any task has a cache.
        left_out: tasks that ran and whose reasons were not found out.
    """

    hits: Sequence[Hit]
    misses: Sequence[Miss]
    found: int
    saved: float
    asked: bool
    left_out: int


def caching_of(run: PastRun, grouped: Attempts, tasks: Mapping[Mark, Task]) -> Caching:
    """What the cache did for a run."""
    hits = list(_hits(run, grouped, tasks))
    misses, left_out = _misses(run, tasks)
    return Caching(
        hits=hits,
        misses=misses,
        found=sum(hit.number for hit in hits),
        saved=sum(hit.saved or 0.0 for hit in hits),
        asked=bool(run.outline.get("cached")) or bool(hits),
        left_out=left_out,
    )


def _hits(run: PastRun, grouped: Attempts, tasks: Mapping[Mark, Task]) -> Iterator[Hit]:
    found: dict[str, list[Mark]] = {}
    for mark, attempts in grouped.items():
        if attempts and attempts[-1].status == CACHED:
            found.setdefault(stem_of(tasks.get((mark[0], -1), tasks[mark]).key), []).append(mark)
    asked = 0
    for stem, marks in found.items():
        origins = [origin for mark in marks if (origin := origin_of(grouped[mark][-1])) is not None]
        keys = [str(origin["key"]) for origin in origins][: max(0, _MOST_KEYS - asked)]
        asked += len(keys)
        runs = sorted({int(origin["run"]) for origin in origins if isinstance(origin.get("run"), int)})
        key = tasks[marks[0]].key if len(marks) == 1 else stem
        yield Hit(key=key, number=len(marks), runs=runs, saved=_took(run, keys))


def _took(run: PastRun, keys: Sequence[str]) -> float | None:
    """Seconds that making the results of these entries took, of those that there still are."""
    known = []
    for key in keys:
        try:
            rows = run.archive.rows("SELECT took FROM cache WHERE key=?", (bytes.fromhex(key),))
        except ValueError:
            continue
        known += [float(row[0]) for row in rows]
    return sum(known) if known else None


def _misses(run: PastRun, tasks: Mapping[Mark, Task]) -> tuple[list[Miss], int]:
    """Those that ran all the same, the ones of a name and with one reason together; how many were not asked
    about."""
    found: dict[tuple[str, str], list[str]] = {}
    left_out = looked_at = 0
    for node, ran in _ran(run, tasks):
        some = ran[:_FEW] if looked_at < _MOST else []
        looked_at += len(some)
        left_out += len(ran) - len(some)
        for task in some:
            whole = tasks.get((task.node, -1), task)
            reason = why(run, node, task.child).sentence
            found.setdefault((stem_of(whole.key), reason), []).append(task.key)
    misses = [
        Miss(key=keys[0] if len(keys) == 1 else stem, number=len(keys), reason=reason)
        for (stem, reason), keys in found.items()
    ]
    return misses, left_out


def _ran(run: PastRun, tasks: Mapping[Mark, Task]) -> Iterator[tuple[int, list[Task]]]:
    """The nodes with a cache, and those of their tasks and children that ran rather than being found."""
    ran: dict[int, list[Task]] = {}
    for (number, _), task in tasks.items():
        if task.children is None and task.attempts and task.status != CACHED:
            ran.setdefault(number, []).append(task)
    numbers = ids_of(run.outline) if run.outline else ()
    for node in run.outline.get("cached", ()):
        if numbers[node] in ran:
            yield node, ran[numbers[node]]
