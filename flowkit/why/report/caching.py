"""What the cache did for a run: what was found, what that saved, and why the rest was not found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowkit.plan.outline import ids_of
from flowkit.plan.status import CACHED
from flowkit.why.archive import PastRun, origin_of
from flowkit.why.hindsight import why
from flowkit.why.report.tasks import Attempts, Mark, Task

_MOST = 100  # tasks whose reasons are found out
_FEW = 20  # children of one mapped task whose reasons are
_MOST_KEYS = 5_000  # entries whose times are looked up


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Results that were found.

    Attributes:
        number: of the children of a mapped task, how many; else 1.
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
    found: dict[int, list[Mark]] = {}
    for mark, attempts in grouped.items():
        if attempts and attempts[-1].status == CACHED:
            found.setdefault(mark[0], []).append(mark)
    asked = 0
    for node, marks in found.items():
        origins = [origin for mark in marks if (origin := origin_of(grouped[mark][-1])) is not None]
        keys = [str(origin["key"]) for origin in origins][: max(0, _MOST_KEYS - asked)]
        asked += len(keys)
        runs = sorted({int(origin["run"]) for origin in origins if isinstance(origin.get("run"), int)})
        key = tasks[marks[0]].key if len(marks) == 1 else tasks[node, -1].key
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
    found: list[Miss] = []
    left_out = looked_at = 0
    outline = run.outline
    numbers = ids_of(outline) if outline else ()
    for node in outline.get("cached", ()) if outline else ():
        number = numbers[node]
        whole = tasks.get((number, -1))
        if whole is None:
            continue
        children = _ran(tasks, number, whole)
        if looked_at >= _MOST:
            left_out += len(children)
            continue
        some = children[:_FEW]
        looked_at += len(some)
        left_out += len(children) - len(some)
        reasons = Counter(why(run, node, each.child).sentence for each in some)
        for reason, many in reasons.items():
            key = some[0].key if len(some) == 1 else whole.key
            found.append(Miss(key=key, number=many, reason=reason))
    return found, left_out


def _ran(tasks: Mapping[Mark, Task], number: int, whole: Task) -> list[Task]:
    """The task, or those of its children, that ran rather than being found."""
    if whole.children is None:
        return [whole] if whole.attempts and whole.status != CACHED else []
    each = [task for (node, child), task in tasks.items() if node == number and child >= 0]
    return [task for task in each if task.attempts and task.status != CACHED]
