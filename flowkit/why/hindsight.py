"""Why a task of a past run ran, or did not: what became of it, then the rules of reasons.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flowkit.plan.plan import CHILD
from flowkit.plan.status import CACHED, FAILED, MAPPED, SKIPPED, SUCCESS, TRIGGER_FAILED, Status
from flowkit.plan.verdicts import (
    GATE_BROKEN,
    GATE_SHUT,
    GATE_SKIPPED,
    NOTHING_TO_MAP,
    TRIGGER_SAID_NO,
    UPSTREAM_SKIPPED,
)
from flowkit.store.records import AttemptRecord
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import PastRun, origin_of
from flowkit.why.reasons import NOT_ASKED, Asking, Cause, Reason, same_upstreams, why_it_runs
from flowkit.why.sources import sources_of, upstreams_of

MOST_CHILDREN = 200  # children of a mapped task whose reasons are found out for its sum
_NEEDS = (GATE_BROKEN, NOTHING_TO_MAP, TRIGGER_SAID_NO.format("all_successful"))
_FOLLOWS = (UPSTREAM_SKIPPED, GATE_SKIPPED)


def why(run: PastRun, node: int, child: int = -1) -> Reason:
    """Why a task of a run ran, or did not.

    Args:
        node: of its outline.
        child: of a mapped task; -1: a task as a whole, which is not mapped, or has not expanded.
    """
    last = run.last(node, child)
    if last is None:
        return _never_reached(run, node)
    if last.attempt == 0 or last.status == TRIGGER_FAILED:
        return Reason(cause=Cause.DECIDED, sentence=_decided(run, node, child, last))
    latest = _sessions(run)
    if last.session < latest and last.status in (SUCCESS, CACHED, SKIPPED):
        words = f"done in session {last.session} of this run, not run again in session {latest}"
        return Reason(cause=Cause.STANDS, sentence=words, then=_reached(run, node, child, last))
    return _reached(run, node, child, last)


def why_children(run: PastRun, node: int) -> Iterator[tuple[AttemptRecord, Reason]]:
    """The same for the children of a mapped task, not more than `MOST_CHILDREN`, found ones last."""
    found = sorted(run.children(node), key=lambda each: (each.status == CACHED, each.child))
    for each in found[:MOST_CHILDREN]:
        yield each, why(run, node, each.child)


def taken_from(run: PastRun, node: int) -> PastRun | None:
    """The run that the result of a task was taken from, by the rule of borrow.py: the latest that has one."""
    key = run.key(node)
    noted = run.record.asked.get("taken")
    if isinstance(noted, dict) and isinstance(noted.get(key), int):
        record = run.archive.numbered(noted[key])
        return run.archive.run(record) if record is not None else None
    for other in run.archive.earlier(run.record.flow, run.number):
        there = other.nodes.get(key)
        last = other.last(there) if there is not None else None
        if there is None or last is None:
            continue
        if last.status == MAPPED or (last.status in (SUCCESS, CACHED) and other.stored(there).is_kept):
            return other
    return None


def was_selected_out(run: PastRun, key: str) -> bool:
    """Whether a task that a run does not have is one that was not selected."""
    if not run.is_selection:
        return False
    key = key.partition("[")[0]
    return any(key in other.nodes for other in run.archive.earlier(run.record.flow) if other is not run)


# -- a task that was reached ------------------------------------------------------------------


def _reached(run: PastRun, node: int, child: int, last: AttemptRecord) -> Reason:
    if last.status == CACHED:
        return _found(run, node, child, last)
    went_on = _went_on(run, node, child, last)
    if went_on is not None:
        return went_on
    key, archive = run.key(node), run.archive
    earlier = archive.earlier(run.record.flow, run.number)
    reason = why_it_runs(run, node, child, key, earlier, _asking(run, node, child, last))
    return replace(reason, same=same_upstreams(run, node, reason.against))


def _found(run: PastRun, node: int, child: int, last: AttemptRecord) -> Reason:
    origin = origin_of(last) or {}
    message = str(last.detail.get("message") or "")
    if "run" not in origin and message:  # at its target, which nobody says when it was made
        sentence = f"{message[0].lower()}{message[1:]}".removesuffix(".")
        return Reason(cause=Cause.FOUND, sentence=sentence)
    record = run.archive.numbered(origin.get("run", -1))
    made = run.archive.run(record) if record is not None else None
    where = f"made in {made.called}" if made is not None else f"made in run {origin.get('run', '?')}"
    if made is not None and made.number == run.number:
        where = "made in this run"
    same = same_upstreams(run, node, made) if made is not run else ()
    return Reason(cause=Cause.FOUND, sentence=f"found in the cache, {where}", same=same, against=made)


def _asking(run: PastRun, node: int, child: int, last: AttemptRecord) -> Asking:
    asked, key = run.record.asked, run.key(node)
    forced = asked.get("forced") or ()
    stem, _, number = key.rpartition("-")
    cached = run.outline.get("cached")
    off = Cause.CACHE_OFF.sentence if asked.get("reads") is False else ""
    if asked.get("keeps") is False:
        off = off or NOT_ASKED
    return Asking(
        forced="*" in forced or key in forced or (number.isdigit() and stem in forced),
        cache_off=off,
        cached=node in cached if cached is not None else None,
        missed=str((origin_of(last) or {}).get("missed") or ""),
        keyless="origin" not in last.detail and _was_called(run, node, last),
    )


def _was_called(run: PastRun, node: int, last: AttemptRecord) -> bool:
    """Whether an attempt is known to have come so far that its key had been asked for."""
    kind = last.failure.kind if last.failure is not None else ""
    # What raised may have been the user's own function for the key.
    raised = kind == "signal" or (kind == "error" and node not in run.outline.get("keyed", {}))
    return last.status in (SUCCESS, SKIPPED) or (last.status.bad and raised)


def _went_on(run: PastRun, node: int, child: int, last: AttemptRecord) -> Reason | None:
    """Why it ran in a later session of a run, where an earlier one had reached it."""
    if last.session <= 1:
        return None
    before = [each for each in run.attempts(node, child) if each.session < last.session]
    if not before:
        return None
    forced = _asking(run, node, child, last).forced
    again = run.record.asked.get("again") or {}
    words = Cause.FORCED.sentence if forced else _before(before[-1], str(again.get(run.key(node)) or ""))
    return Reason(cause=Cause.FORCED if forced else Cause.WENT_ON, sentence=words)


def _before(last: AttemptRecord, again: str) -> str:
    session = f"session {last.session}"
    if last.detail.get("lost"):
        return f"it was running when the process of {session} was gone"
    if last.status in (Status.FAILED, Status.TIMED_OUT):
        return f"it had {'failed' if last.status is Status.FAILED else 'timed out'} in {session}"
    if last.status is Status.RETRYING:
        return f"another attempt was due since {session}"
    if last.status.bad:
        return f"it was not run to its end in {session}"
    if again:
        return f"it had ended in {session}, but {again}"
    return (
        f"it had ended in {session}, but what it is made from changed since, or its result could not be read"
    )


# -- a task that was not ----------------------------------------------------------------------


def _never_reached(run: PastRun, node: int) -> Reason:
    if run.took(node):
        source = taken_from(run, node)
        if source is not None:
            words = f"not selected: its result was taken from {source.called}"
            return Reason(cause=Cause.TAKEN, sentence=words, against=source)
        return Reason(cause=Cause.TAKEN, sentence=Cause.TAKEN.sentence)
    cause = Cause.RUNNING if run.record.status is RunStatus.RUNNING else Cause.NOT_REACHED
    return Reason(cause=cause, sentence=cause.sentence)


def _decided(run: PastRun, node: int, child: int, last: AttemptRecord) -> str:
    """In the words of a run's display: whom it needs, rather than what a trigger is called."""
    message = str(last.detail.get("message") or "")
    if last.status in (TRIGGER_FAILED, FAILED) and message in _NEEDS:
        named = _culprits(run, node, child, bad=True)
        return f"it needs {named}, which did not succeed" if named else message
    if last.status == SKIPPED and message in _FOLLOWS:
        named = _culprits(run, node, child, bad=False)
        return f"it follows {named}, which was skipped" if named else message
    if message == GATE_SHUT:
        return "its case was not chosen"
    return message or f"it was {last.status.word}"


def _culprits(run: PastRun, node: int, child: int, *, bad: bool) -> str:
    paired = {each.node for each in sources_of(run.outline, node) if each.mode == CHILD}
    found = []
    for upstream in upstreams_of(run.outline, node):
        index = child if upstream in paired else -1
        last = run.last(upstream, index)
        children = run.children(upstream) if upstream in run.outline["mapped"] and index < 0 else []
        for each in [last, *children]:
            if each is not None and (each.status.bad if bad else each.status == SKIPPED):
                found.append(f"`{each.key}`")
                break
    return ", ".join(found[:3])


def _sessions(run: PastRun) -> int:
    sessions = run.archive.history.sessions(run.record)
    return max((each.session for each in sessions), default=1)
