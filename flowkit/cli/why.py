"""`flowkit why RUN TASK`: why a task ran, or did not, from the history alone, without loading user code."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import typer

from flowkit.cli import moments, unseen
from flowkit.cli.past import Run, history_here
from flowkit.cli.place import put, say
from flowkit.cli.table import facts, sentence
from flowkit.cli.wording import duration
from flowkit.errors import HistoryError, UsageError
from flowkit.fingerprint import Part, unfollowed
from flowkit.plan.status import CACHED, MAPPED, Status
from flowkit.store.records import AttemptRecord
from flowkit.why.archive import Archive, PastRun, origin_of
from flowkit.why.hindsight import was_selected_out, why, why_children
from flowkit.why.reasons import Cause, Reason

_NOT_RUN = (
    Cause.FOUND,
    Cause.TAKEN,
    Cause.DECIDED,
    Cause.NOT_REACHED,
    Cause.NOT_SELECTED,
    Cause.RUNNING,
)
_FEW_NAMES = 5


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("why")(why_task)


def why_task(
    run: Run,
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task, or a child of one: `clean[3]`.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say why a task ran, or did not: its code, its inputs, the cache, what was asked for."""
    with history_here() as history, Archive(history.path.parent, history) as archive:
        found = archive.run(history.find(run))
        if not found.outline:
            raise HistoryError(f"what {found.called} was made of is not kept any more")
        try:
            number, child = history.locate(found.record, task)
        except UsageError:
            if not was_selected_out(found, task):
                raise
            answer = Answer(found, task, None, Reason(cause=Cause.NOT_SELECTED, sentence="not selected"))
        else:
            answer = _answer(found, number, child)
        put(json.dumps(answer.document(), indent=2) if as_json else answer.text(), flush=True)
        if unfollowed(answer.parts) and not as_json:
            say(unseen.HINT)


class Answer:
    """What is said of one task.

    Args:
        last: how it ended; None: it was never reached.
        children: of a mapped task, those that were looked at, with why.
        parts: of a task with a cache, what its code is made of.
    """

    def __init__(
        self,
        run: PastRun,
        key: str,
        last: AttemptRecord | None,
        reason: Reason,
        children: Iterable[tuple[AttemptRecord, Reason]] = (),
        width: int = 0,
        parts: Sequence[Part] = (),
    ) -> None:
        self._run = run
        self._key = key
        self._last = last
        self._reason = reason
        self._children = list(children)
        self._width = width
        self.parts = parts

    def text(self) -> str:
        """One sentence, and what is known besides, a line each."""
        first = sentence(f"{self._key}{self._verb()}: {self._reason.sentence}")
        return "\n".join(filter(None, [first, facts(list(self._details()), "  ")]))

    def document(self) -> dict[str, Any]:
        """The same for other programs."""
        last, reason = self._last, self._reason
        return {
            "schema": 1,
            "run": self._run.number,
            "name": self._run.record.name,
            "flow": self._run.record.flow,
            "task": self._key,
            "status": last.status.word if last is not None else None,
            **_document(reason),
            "origin": dict(origin_of(last) or {}) if last is not None else {},
            **unseen.document_of(self.parts),
            "children": [
                {"task": each.key, "status": each.status.word, **_document(why)}
                for each, why in self._children
            ],
        }

    def _verb(self) -> str:
        if self._children or self._reason.cause is Cause.STANDS:
            return ""
        return " did not run" if self._reason.cause in _NOT_RUN else " ran"

    def _details(self) -> Iterator[tuple[str, str]]:
        last, reason = self._last, self._reason
        if last is not None and last.status != MAPPED:
            took = (
                f" after {duration(last.duration)}" if last.attempt > 0 and last.duration is not None else ""
            )
            attempts = f", attempt {last.attempt}" if last.attempt > 1 else ""
            yield "state", f"{last.status.symbol} {last.status.word}{took}{attempts}"
            yield from _made(last)
        if reason.then is not None:
            yield "it ran", reason.then.sentence
        shown_reason = reason.then or reason
        yield from _differences(shown_reason)
        yield from self._sums()
        yield from unseen.facts_of(self.parts)

    def _sums(self) -> Iterator[tuple[str, str]]:
        """The children by why they ran."""
        counts: Counter[str] = Counter()
        names: dict[str, list[str]] = {}
        for each, reason in self._children:
            counts[reason.sentence] += 1
            names.setdefault(reason.sentence, []).append(each.key)
        for words, number in counts.most_common():
            some = ", ".join(names[words][:_FEW_NAMES]) + (" …" if number > _FEW_NAMES else "")
            yield f"{number:,} of them", f"{words.rstrip('.')}: {some}"
        if self._width > len(self._children):
            yield "", f"and {self._width - len(self._children):,} more that were not looked at"


def _answer(run: PastRun, number: int, child: int | None) -> Answer:
    node = run.places.get(number)
    if node is None:
        raise UsageError(f"the flow had lost `{run.archive.history.key(run.record, number)}` when it went on")
    if child is None and node in run.outline["mapped"] and run.width(node) > 0:
        return _of_children(run, node)
    key = run.key(node, -1 if child is None else child)
    index = -1 if child is None else child
    return Answer(run, key, run.last(node, index), why(run, node, index), parts=_parts(run, node))


def _of_children(run: PastRun, node: int) -> Answer:
    """A mapped task: how many of its children ran, and why."""
    children = run.children(node)
    found = sum(each.status == CACHED for each in children)
    ran = sum(each.status != CACHED and each.attempt > 0 for each in children)
    words = f"{ran:,} of its {run.width(node):,} children ran"
    words += f", {found:,} were found in the cache" if found else ""
    cause = Cause.FOUND if found and not ran else Cause.CHILDREN
    last = run.last(node)
    reason = Reason(cause=cause, sentence=words)
    found_out = why_children(run, node)
    return Answer(run, run.key(node), last, reason, found_out, len(children), _parts(run, node))


def _parts(run: PastRun, node: int) -> list[Part]:
    return run.parts(node) if node in run.outline.get("cached", ()) else []


def _made(last: AttemptRecord) -> Iterator[tuple[str, str]]:
    """Where a result that was found came from."""
    origin = origin_of(last) or {}
    made, took = origin.get("made"), origin.get("took")
    if last.status is not Status.CACHED or not isinstance(made, int | float):
        return
    cost = f", in {duration(took)}" if isinstance(took, int | float) else ""
    yield "made", f"{moments.at(made)} ({moments.ago(time.time() - made)}){cost}"


def _differences(reason: Reason) -> Iterator[tuple[str, str]]:
    """What differs from the run that it is compared with."""
    against = reason.against
    if against is None:
        return
    if reason.cause not in (Cause.FOUND, Cause.TAKEN):
        when = moments.ago(time.time() - against.record.started)
        yield "compared with", f"{against.called}, {when}"
        for code in reason.code:
            yield "code", str(code)
        for each in reason.inputs:
            yield "input", str(each).removeprefix("input ")
        if not reason.differs:
            yield "differs", "nothing that is remembered"
    for upstream in reason.same:
        yield "upstream", f"`{upstream}` ran again and gave the same"


def _document(reason: Reason) -> dict[str, Any]:
    return {
        "cause": reason.cause.value,
        "sentence": reason.sentence,
        "then": reason.then.sentence if reason.then is not None else None,
        "compared_with": reason.against.number if reason.against is not None else None,
        "code": [
            {"kind": each.kind, "name": each.name, "what": each.what, "place": each.place}
            for each in reason.code
        ],
        "inputs": [
            {"name": each.name, "what": each.what, "from": list(each.sources), "detail": each.detail}
            for each in reason.inputs
        ],
        "same": list(reason.same),
    }
