"""Why a task ran, or did not: said of a run of the past and, before a run, of what is about to happen.

Guarantees: `flowkit why` and `flowkit run --dry-run` use the same rules, which are here; a reason is only
given where what is remembered bears it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flowkit.fingerprint import Change, changes
from flowkit.plan.status import CACHED, FAILED, MAPPED, SKIPPED, SUCCESS
from flowkit.store.cache_entry import ALTERED, EXPIRED, REFUSED
from flowkit.store.records import AttemptRecord
from flowkit.why.archive import PastRun, equal, origin_of
from flowkit.why.sources import InputChange, Side, input_changes, upstreams_of

_FEW = 3
_UNCACHED = "it has no cache: it runs in every run"
_HINT = " (`@task(cache=True)` keeps its result)"
NOT_ASKED = "nothing of this run is kept, so that the cache is not asked"
_FOR_KEY = 10  # runs that asked the cache, among which the same key is looked for


class Cause(StrEnum):
    """What decided; each has its words."""

    FIRST = "first time"
    CODE = "code"
    INPUT = "input"
    KEY = "key"
    FORCED = "forced"
    CACHE_OFF = "cache off"
    NO_DIGEST = "no digest"
    EVICTED = "evicted"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"
    ALTERED = "altered"
    REFUSED = "refused"
    FAILED_BEFORE = "failed before"
    NOT_KEPT = "not kept"
    NO_ENTRY = "no entry"
    NOT_FOUND = "not found"
    NO_CACHE = "no cache"
    WENT_ON = "went on"
    UPSTREAM_FIRST = "upstream first"
    FOUND = "found"
    TAKEN = "taken"
    STANDS = "stands"
    DECIDED = "decided"
    NOT_REACHED = "not reached"
    NOT_SELECTED = "not selected"
    RUNNING = "running"
    CHILDREN = "children"

    @property
    def sentence(self) -> str:
        """What is said of it, where there is nothing more to say."""
        return _WORDS[self]


_WORDS = {
    Cause.FIRST: "first time: no earlier run of the flow has it",
    Cause.CODE: "its code changed",
    Cause.INPUT: "an input changed",
    Cause.KEY: "it is looked for by another key than before, though code and inputs are the same",
    Cause.FORCED: "forced (`--force`)",
    Cause.CACHE_OFF: "the cache is off for this run (`--no-cache`)",
    Cause.NO_DIGEST: "an argument has no digest, so that its result cannot be found again",
    Cause.EVICTED: "its entry was removed from the cache",
    Cause.EXPIRED: "its entry had expired",
    Cause.UNREADABLE: "its entry could not be read: it was damaged, or its file is gone",
    Cause.REFUSED: "its `cache_validator` did not accept the result that was there",
    Cause.ALTERED: "a file that its result names is not what it was when the task had made it",
    Cause.FAILED_BEFORE: "the same call had failed, so that there was nothing to find",
    Cause.NOT_KEPT: "its result could not be kept, so that there was nothing to find",
    Cause.NO_ENTRY: "no earlier run has put its result into the cache",
    Cause.NOT_FOUND: "nothing of it was found in the cache",
    Cause.NO_CACHE: _UNCACHED + _HINT,
    Cause.WENT_ON: "the run went on",
    Cause.UPSTREAM_FIRST: "an upstream runs first",
    Cause.FOUND: "found in the cache",
    Cause.TAKEN: "not selected: its result was taken from an earlier run",
    Cause.STANDS: "done in an earlier session of this run, not run again",
    Cause.DECIDED: "decided by what is upstream",
    Cause.NOT_REACHED: "the run ended before it was its turn",
    Cause.NOT_SELECTED: "not selected",
    Cause.RUNNING: "the run goes on, and its turn has not come",
    Cause.CHILDREN: "its children ran",
}


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a task ran, or did not.

    Attributes:
        sentence: in words, without the name of the task.
        code, inputs: what differs from the run `against`.
        same: upstreams that ran again, and gave what they gave before.
        against: the run that it is compared with.
        then: why it ran in the earlier session, where it was not run again.
    """

    cause: Cause
    sentence: str
    code: tuple[Change, ...] = ()
    inputs: tuple[InputChange, ...] = ()
    same: tuple[str, ...] = ()
    against: PastRun | None = None
    then: Reason | None = None

    @property
    def differs(self) -> bool:
        """Whether anything is known to be other than before."""
        return bool(self.code or self.inputs)

    @property
    def short(self) -> str:
        """The few words that a column has room for."""
        if self.cause is Cause.FIRST:
            return "first time"
        if self.cause is Cause.NO_CACHE:
            return f"no cache; {said_changes(self.code, self.inputs)[1]}" if self.differs else "no cache"
        return self.sentence


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What a run was asked for, as far as it decides whether a task runs.

    Attributes:
        forced: the task was named by `--force`.
        cache_off: why the cache is not asked, in words; "" where it is.
        cached: whether the task has a cache; None: that is not remembered.
        missed: what kept an entry that was there from being used: EXPIRED, UNREADABLE, ALTERED or "".
        keyless: it asked the cache, and had no key to ask by.
    """

    forced: bool = False
    cache_off: str = ""
    cached: bool | None = None
    missed: str = ""
    keyless: bool = False


def why_it_runs(
    side: Side, node: int, child: int, key: str, earlier: Iterable[PastRun], asking: Asking
) -> Reason:
    """Why a task runs rather than being found.

    Args:
        side: the run, of the past or about to begin.
        key: of the task, without the child.
        earlier: the runs of the flow before it, the latest first.
    """
    origin = side.origin(node, child)
    seen = _looked_back(earlier, key, child, origin["key"] if origin is not None else None)
    cached = asking.cached or origin is not None or seen.with_cache is not None
    against = (seen.same[0] if seen.same else seen.with_cache if origin is not None else None) or seen.latest
    differing = _compared(side, node, child, against, key)
    if not cached and not asking.forced and seen.latest is not None:
        return Reason(cause=Cause.NO_CACHE, sentence=_uncached(differing), **differing)
    keyed = str(side.outline.get("keyed", {}).get(node, ""))
    cause, sentence = _decided(asking, seen, differing, keyed, cached=cached, has_key=origin is not None)
    return Reason(cause=cause, sentence=sentence, **differing)


@dataclass
class _Seen:
    """What earlier runs have of a task.

    Attributes:
        latest, last: the latest run that has it, and how it ended there.
        with_cache: the latest run in which it asked the cache.
        same: the last attempt that had its very key.
        kept: whether the result of that one was kept; None where that is not known.
    """

    latest: PastRun | None = None
    last: AttemptRecord | None = None
    with_cache: PastRun | None = None
    same: tuple[PastRun, AttemptRecord] | None = None
    kept: bool | None = None


def _looked_back(earlier: Iterable[PastRun], key: str, child: int, wanted: str | None) -> _Seen:
    seen, asked = _Seen(), 0
    for run in earlier:
        node = run.nodes.get(key)
        last = run.last(node, child) if node is not None else None
        if last is None or not (last.attempt > 0 or last.status in (CACHED, MAPPED)):
            continue
        if seen.latest is None:
            seen.latest, seen.last = run, last
        origin = origin_of(last)
        if origin is None:
            continue
        seen.with_cache = seen.with_cache or run
        asked += 1
        if origin.get("key") == wanted:
            seen.same, stored = (run, last), run.stored(run.nodes[key], child)
            # Without a word of why, the run has lost its results since.
            seen.kept = False if not stored.is_kept and stored.payload else None
        if wanted is None or seen.same or asked == _FOR_KEY:
            break
    return seen


def _compared(side: Side, node: int, child: int, against: PastRun | None, key: str) -> dict[str, Any]:
    """What differs from an earlier run, as the fields of a reason."""
    if against is None:
        return {}
    old = against.nodes[key]
    code = () if against.code(old) == side.code(node) else changes(against.parts(old), side.parts(node))
    return {
        "code": tuple(code),
        "inputs": tuple(input_changes(against, old, side, node, child)),
        "against": against,
    }


def _decided(
    asking: Asking,
    seen: _Seen,
    differing: Mapping[str, Any],
    keyed: str,
    *,
    cached: bool,
    has_key: bool,
) -> tuple[Cause, str]:
    """Why a task runs.

    Args:
        keyed: the user's own function that gives its key, or "".
    """
    if asking.forced:
        return _plain(Cause.FORCED)
    if cached and asking.cache_off:
        return Cause.CACHE_OFF, asking.cache_off
    if seen.latest is None:
        return _plain(Cause.FIRST)
    if asking.missed:
        return _plain(
            Cause(asking.missed) if asking.missed in (EXPIRED, ALTERED, REFUSED) else Cause.UNREADABLE
        )
    if seen.same is not None:
        return _same_key(*seen.same, kept=seen.kept)
    if differing.get("code") or differing.get("inputs"):
        return said_changes(differing["code"], differing["inputs"])
    return _without_a_change(asking, seen, keyed, has_key=has_key)


def _without_a_change(asking: Asking, seen: _Seen, keyed: str, *, has_key: bool) -> tuple[Cause, str]:
    """Why a task has no entry, though nothing of it is known to be other than before."""
    if asking.keyless:
        whose = f"its own key, which `{keyed}` gives," if keyed else "an argument"
        return Cause.NO_DIGEST, f"{whose} has no digest, so that its result cannot be found again"
    if seen.latest is not None and seen.last is not None and seen.last.status.bad:
        # It ended before it asked the cache, or was stopped: whether it was the same call is not known.
        how = seen.last.status.word
        return Cause.FAILED_BEFORE, f"it ended as {how} in {seen.latest.called}, and left nothing to find"
    if not has_key:
        return _plain(Cause.NOT_FOUND)
    if seen.with_cache is None:
        return _plain(Cause.NO_ENTRY)
    if keyed:
        return Cause.KEY, f"its own key, which `{keyed}` gives, is another than before"
    return _plain(Cause.KEY)


def _uncached(differing: Mapping[str, Any]) -> str:
    """That a task has no cache, and what is other than before all the same."""
    code, inputs = differing.get("code", ()), differing.get("inputs", ())
    return f"{_UNCACHED}; {said_changes(code, inputs)[1]}" if code or inputs else _UNCACHED + _HINT


def said_changes(code: Iterable[Change], inputs: Iterable[InputChange]) -> tuple[Cause, str]:
    """The cause that differences are, and a sentence that names the first few."""
    code, inputs = list(code), list(inputs)
    said = []
    if code:
        said.append(f"its code changed: {_few([str(each) for each in code])}")
    if inputs:
        said.append(_few([str(each) for each in inputs]))
    return (Cause.CODE if code else Cause.INPUT), "; ".join(said)


def _same_key(run: PastRun, last: AttemptRecord, *, kept: bool | None) -> tuple[Cause, str]:
    """Why there is nothing to be found of a call that was made before."""
    nothing = f"in {run.called}, so that there was nothing to find"
    if last.status.bad or last.status == SKIPPED:
        ended = "failed" if last.status == FAILED else f"was {last.status.word}"
        return Cause.FAILED_BEFORE, f"the same call {ended} {nothing}"
    if last.status == SUCCESS and last.detail.get("message"):  # by a signal: what these give is no entry
        return Cause.NOT_KEPT, f"the same call was ended by a signal {nothing}"
    if kept is False:
        return Cause.NOT_KEPT, f"its result could not be kept {nothing}"
    return Cause.EVICTED, f"{Cause.EVICTED.sentence}: code and inputs are those of {run.called}"


def same_upstreams(run: PastRun, node: int, against: PastRun | None) -> tuple[str, ...]:
    """The upstreams that ran again in this run, and gave what they had given in the other."""
    found = []
    for upstream in upstreams_of(run.outline, node) if against is not None else ():
        last, key = run.last(upstream), run.key(upstream)
        old = against.nodes.get(key) if against is not None else None
        if last is None or last.status != SUCCESS or old is None or against is None:
            continue
        if equal(against.stored(old), run.stored(upstream)):
            found.append(key)
    return tuple(found)


def _plain(cause: Cause) -> tuple[Cause, str]:
    return cause, cause.sentence


def _few(words: list[str]) -> str:
    return ", ".join(words[:_FEW]) + (f" and {len(words) - _FEW} more" if len(words) > _FEW else "")
