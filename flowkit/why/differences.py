"""What differs between two runs of a flow: code, parameters, tasks, inputs, results, states, times.

Guarantees: results are compared by the bytes that are stored, so that nothing is unpickled or hashed; what is
not kept any more is counted as unknown, not as equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flowkit.fingerprint import Change, changes
from flowkit.plan.matching import Matching, match
from flowkit.plan.status import MAPPED, Status
from flowkit.why.archive import PastRun, equal
from flowkit.why.sources import InputChange, input_changes

_SHARE, _LEAST = 0.2, 0.1  # of the time before, and seconds: less is noise

Pair = tuple[int, int]  # a task as a node of the first run, and of the second


@dataclass(frozen=True)
class ChangedCode:
    """A piece of code that differs, and the tasks that run it."""

    change: Change
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Other:
    """Something of a task, or a parameter, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class OtherTime:
    """Seconds that a task took."""

    task: str
    before: float
    after: float


@dataclass
class Differences:
    """What differs; the tasks are called as in the second run.

    Attributes:
        results: keys of tasks, or of children, whose results differ.
        unknown: tasks whose results could not be compared, as one is not kept.
        inputs: by task, what of its arguments differs.
        renamed: keys before and after.
    """

    code: list[ChangedCode] = field(default_factory=list)
    parameters: list[Other] = field(default_factory=list)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    inputs: list[tuple[str, InputChange]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    states: list[Other] = field(default_factory=list)
    times: list[OtherTime] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything is known to differ."""
        return any(value for name, value in vars(self).items() if name != "unknown")


def differences(before: PastRun, after: PastRun) -> Differences:
    """Compare two runs of one flow, both with an outline."""
    matching = match(before.outline, before.digests, after.outline, after.digests)
    pairs = _pairs(matching, after)
    found = Differences(
        code=_code(before, after, pairs),
        parameters=list(_parameters(before, after)),
        added=matching.added,
        removed=matching.removed,
        renamed=matching.renamed,
    )
    for old, new in pairs:
        key = after.key(new)
        if before.took(old) or after.took(new):
            continue  # not selected: there is nothing of its own to compare
        found.inputs += [(key, each) for each in input_changes(before, old, after, new)]
        _compare_results(before, after, (old, new), found)
        _compare_ends(before, after, (old, new), found)
    return found


def _pairs(matching: Matching, after: PastRun) -> list[Pair]:
    """The tasks that both runs have, without those that only carry values."""
    hidden = set(after.outline["hidden"])
    return [(old, new) for new, old in sorted(matching.like.items()) if new not in hidden]


def _code(before: PastRun, after: PastRun, pairs: list[Pair]) -> list[ChangedCode]:
    """Each piece once, with the tasks that it concerns."""
    found: dict[Change, list[str]] = {}
    known: dict[tuple[str, str], list[Change]] = {}
    for old, new in pairs:
        mark = before.code(old), after.code(new)
        if mark[0] == mark[1]:
            continue
        if mark not in known:
            known[mark] = changes(before.parts(old), after.parts(new))
        for change in known[mark]:
            found.setdefault(change, []).append(after.key(new))
    return [ChangedCode(change, tuple(tasks)) for change, tasks in found.items()]


def _parameters(before: PastRun, after: PastRun) -> Iterator[Other]:
    was, now = before.record.parameters, after.record.parameters
    for name in dict.fromkeys([*was, *now]):
        same = before.digests.get(name) == after.digests.get(name)
        if not same or (name in was) != (name in now):
            yield Other(name, str(was.get(name, "")), str(now.get(name, "")))


def _compare_results(before: PastRun, after: PastRun, pair: Pair, found: Differences) -> None:
    old, new = pair
    if new in after.outline["mapped"]:
        widths = before.width(old), after.width(new)
        children = [_result(before, after, pair, child, found) for child in range(min(widths))]
        if None in children:
            found.unknown.append(after.key(new))
    elif _result(before, after, pair, -1, found) is None:
        found.unknown.append(after.key(new))


def _result(before: PastRun, after: PastRun, pair: Pair, child: int, found: Differences) -> bool | None:
    """Whether two results are the same; None where both are there, and one of them is not kept."""
    old, new = pair
    if not (before.has_result(old, child) and after.has_result(new, child)):
        return True  # the states say that
    same = equal(before.stored(old, child), after.stored(new, child))
    if same is False:
        found.results.append(after.key(new, child))
    return same


def _compare_ends(before: PastRun, after: PastRun, pair: Pair, found: Differences) -> None:
    key = after.key(pair[1])
    was, now = _state(before, pair[0]), _state(after, pair[1])
    if was != now:
        found.states.append(Other(key, was, now))
    first, second = _took(before, pair[0]), _took(after, pair[1])
    if first is not None and second is not None:
        difference = abs(second - first)
        if difference > _LEAST and difference > _SHARE * first:
            found.times.append(OtherTime(key, first, second))


def _state(run: PastRun, node: int) -> str:
    """`ok`; of a mapped task how many children ended how."""
    last = run.last(node)
    many = run.counts.get(node)
    if many is not None:
        return ", ".join(f"{number:,} {status.word}" for status, number in many.counts.items())
    return last.status.word if last is not None else "not reached"


def _took(run: PastRun, node: int) -> float | None:
    """Seconds of its last attempt; of a mapped task from the start of its first child to the end of all."""
    last, many = run.last(node), run.counts.get(node)
    if many is not None:
        return max(0.0, many.ended - many.started) if last is not None and last.status == MAPPED else None
    ran = last is not None and last.attempt > 0 and last.status != Status.CACHED
    return last.duration if last is not None and ran else None
