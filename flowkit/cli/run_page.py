"""A run of the past, for a person and for a program: what was asked, what became of each task, and why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowkit.cli import moments
from flowkit.cli.past_failure import paragraphs
from flowkit.cli.reasons import made_in
from flowkit.cli.styled import joined
from flowkit.cli.table import columns, sentence
from flowkit.cli.wording import duration, listed, one_line
from flowkit.plan.order import shown_order
from flowkit.plan.status import SKIPPED, TRIGGER_FAILED, Status
from flowkit.plan.verdicts import NOTHING_TO_MAP
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, ChildrenRecord, RunRecord, SessionRecord, hidden_nodes
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import Archive
from flowkit.why.hindsight import why
from flowkit.why.standing import failed_last, of_all, said, stands

_TASKS = ("TASK", "STATE", "ATTEMPTS", "STARTED", "TOOK", "")
_SESSIONS = ("SESSION", "STARTED", "TOOK", "EXECUTOR", "EXIT", "COMMAND", "PROCESS", "FLOWKIT", "PYTHON")
_MOST_FAILURES = 5
_MOST_EXPLAINED = 100  # tasks of which it is looked up whom they needed


def page_of(archive: Archive, run: RunRecord, *, children: bool = False) -> str:
    """All that is known of a run, as text.

    Args:
        children: whether each child of a mapped task has a line.
    """
    history = archive.history
    tasks, sessions = _tasks(history, run, children=children), history.sessions(run)
    many = [_session(each) for each in sessions] if len(sessions) > 1 else []
    parts = [
        "\n".join(_head(run)),
        columns(_facts(run, sessions, history.started_by(run))),
        columns(many, _SESSIONS) if many else "",
        columns(list(_rows(archive, run, tasks)), _TASKS),
        *_failures(history, run, tasks),
    ]
    return "\n\n".join(part for part in parts if part)


def document_of(
    history: History, run: RunRecord, *, children: bool = False, only: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Sessions and tasks of a run, as JSON has them.

    Args:
        only: node and child of the one task that is asked for; -1: no child.
    """
    many, lost = history.children(run), _lost(history, run)
    names = ("session", "started", "ended", "pid", "host", "executor", "workers", "command", "exit_code")
    return {
        "sessions": [
            {name: getattr(session, name) for name in (*names, "flowkit", "python")}
            for session in history.sessions(run)
        ],
        "tasks": [
            {
                "task": attempts[-1].key if attempts else history.key(run, node, child),
                "status": stands(run, attempts[-1].status).word if attempts else None,
                "attempts": [_attempt(each) for each in attempts],
                **(_counts_of(many[node]) if child < 0 and node in many else {}),
                **({"removed": True} if node in lost else {}),
            }
            for (node, child), attempts in _tasks(history, run, children=children or only is not None).items()
            if only in (None, (node, child))
        ],
    }


def _tasks(history: History, run: RunRecord, *, children: bool) -> dict[tuple[int, int], list[AttemptRecord]]:
    """The attempts of every task, in the order of the flow; none of those that only carry values."""
    outline = history.outline(run)
    hidden = hidden_nodes(outline)
    left = outline.get("ids") or range(len(outline.get("keys", ())))
    order = [left[node] for node in shown_order(outline.get("upstreams", ())) if node < len(left)]
    places = {node: place for place, node in enumerate(dict.fromkeys([*order, *left]))}
    found: dict[tuple[int, int], list[AttemptRecord]] = {
        (node, -1): [] for node in places if node not in hidden
    }
    for attempt in history.attempts(run, children=children):
        if attempt.node not in hidden:
            found.setdefault((attempt.node, attempt.child), []).append(attempt)
    for mark, attempt in history.given(run).items():
        if (children or mark[1] < 0) and not found.get(mark):
            found[mark] = [attempt]
    if not children:
        return found
    return dict(sorted(found.items(), key=lambda each: (places.get(each[0][0], len(places)), each[0])))


def _lost(history: History, run: RunRecord) -> set[int]:
    """The tasks that the flow had no longer when the run went on, by node."""
    outline = history.outline(run)
    ids = outline.get("ids")
    return set(range(len(outline.get("keys", ())))) - set(ids) if ids else set()


# -- for a program ----------------------------------------------------------------------------


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    names = ("attempt", "started", "ended", "worker", "session", "detail")
    return {"status": attempt.status.word, **{name: getattr(attempt, name) for name in names}}


def _counts_of(many: ChildrenRecord) -> dict[str, Any]:
    return {"children": {status.word: number for status, number in many.counts.items()}}


# -- for a person -----------------------------------------------------------------------------


def _head(run: RunRecord) -> Iterator[str]:
    took = f"after {duration(run.duration)}" if run.duration is not None else ""
    state = f"{run.status.symbol} {run.status.word}"
    yield sentence(joined([f"run {run.number}", run.name, run.flow, joined([state, took], " ")]))
    if run.reason:
        yield sentence(one_line(run.reason, 500))


def _facts(
    run: RunRecord, sessions: Sequence[SessionRecord], children: Sequence[RunRecord]
) -> list[tuple[str, str]]:
    ended = moments.at(run.ended) if run.ended is not None else ""
    facts = [
        ("id", run.uid),
        ("defined in", run.ref),
        ("started", f"{moments.at(run.started)} ({moments.ago(time.time() - run.started)})"),
        ("ended", ended),
        *(_of_one(sessions[0]) if len(sessions) == 1 else ()),
        ("exit code", "" if run.exit_code is None else str(run.exit_code)),
        ("child of", f"run {run.parent}" if run.parent is not None else ""),
        ("child runs", listed([f"{each.number} ({each.flow}, {each.status.word})" for each in children], 5)),
        ("in files", moments.size(run.bytes) if run.bytes else ""),
    ]
    found = [fact for fact in facts if fact[1]]
    for place, (name, value) in enumerate(run.parameters.items()):
        found.append(("" if place else "parameters", f"{name} = {value}"))
    return found


def _of_one(session: SessionRecord) -> Iterator[tuple[str, str]]:
    """What a run that never had to go on needs no table for."""
    yield "command", _typed(session.command)
    yield "executor", f"{session.executor} ({session.workers})"
    process = f"{session.pid} on {session.host}"
    yield "process", f"{process}, flowkit {session.flowkit}, Python {session.python}"


def _session(each: SessionRecord) -> tuple[str, ...]:
    """A row of a run that went on."""
    return (
        str(each.session),
        moments.at(each.started),
        duration(max(0.0, each.ended - each.started)) if each.ended is not None else "",
        f"{each.executor} ({each.workers})",
        "" if each.exit_code is None else str(each.exit_code),
        _typed(each.command),
        f"{each.pid} on {each.host}",
        each.flowkit,
        each.python,
    )


def _typed(command: str) -> str:
    """A command as it was typed, without the folder of the program."""
    program, space, rest = command.partition(" ")
    return f"{program.rpartition('/')[2]}{space}{rest}"


def _rows(
    archive: Archive, run: RunRecord, tasks: Mapping[tuple[int, int], Sequence[AttemptRecord]]
) -> Iterator[tuple[str, ...]]:
    history = archive.history
    many, lost, past, left = history.children(run), _lost(history, run), archive.run(run), _MOST_EXPLAINED
    for (node, child), attempts in tasks.items():
        key = history.key(run, node, child)
        if child < 0 and node in many:
            *row, note = _mapped_row(run, key, attempts, many[node])
            yield (*row, _with_lost(note, node in lost))
        elif attempts:
            *row, note = _row(run, key, attempts)
            if left and _follows(attempts[-1]) and node in past.places:
                left -= 1
                note = why(past, past.places[node], child).sentence.removeprefix("it ")
            yield (*row, _with_lost(note, node in lost))
        else:
            waiting = run.status is RunStatus.RUNNING
            yield (key, "· waiting" if waiting else "· not reached", "", "", "", "")


def _follows(attempt: AttemptRecord) -> bool:
    """Whether it is asked what came before why a task stands so."""
    if attempt.status is Status.FAILED:
        return attempt.detail.get("message") == NOTHING_TO_MAP
    return attempt.status in (SKIPPED, TRIGGER_FAILED)


def _with_lost(note: str, is_lost: bool) -> str:
    return joined([note, "no longer in the flow" if is_lost else ""], "; ")


def _row(run: RunRecord, key: str, attempts: Sequence[AttemptRecord]) -> tuple[str, ...]:
    last = attempts[-1]
    status = stands(run, last.status)
    made = [attempt for attempt in attempts if attempt.attempt > 0]
    took = made[-1].duration if made else None
    return (
        key,
        f"{status.symbol} {status.word}",
        str(len(made)) if made else "",
        moments.clock(made[-1].started) if made else "",
        duration(took) if took is not None else "",
        _note(last),
    )


def _mapped_row(
    run: RunRecord, key: str, attempts: Sequence[AttemptRecord], many: ChildrenRecord
) -> tuple[str, ...]:
    status = of_all(stands(run, attempts[-1].status if attempts else Status.RUNNING), many)
    took = duration(many.took) if status.ended else ""
    counts = ", ".join(f"{number:,} {each.word}" for each, number in many.counts.items())
    state = f"{status.symbol} {status.word}"
    started = moments.clock(many.started) if many.started else ""
    return (key, state, "", started, took if started else "", f"{_total(many)}: {counts}")


def _total(many: ChildrenRecord) -> str:
    total = sum(many.counts.values())
    return f"{total:,} {'child' if total == 1 else 'children'}"


def _note(attempt: AttemptRecord) -> str:
    """Why it stands as it does, in one line."""
    origin = attempt.detail.get("origin")
    if isinstance(origin, dict) and "run" in origin:
        return made_in(origin)
    return joined([one_line(said(attempt), 100), _taken(attempt)])


def _taken(attempt: AttemptRecord) -> str:
    """How much memory it has taken, where that was measured."""
    memory = attempt.detail.get("memory")
    return f"took {moments.size(memory)} of memory" if isinstance(memory, int) else ""


def _failures(
    history: History, run: RunRecord, tasks: Mapping[tuple[int, int], Sequence[AttemptRecord]]
) -> Iterator[str]:
    """A paragraph for each of the first failures."""
    whole = [attempts for (_, child), attempts in tasks.items() if child < 0 and attempts]
    last = [failed_last(run, attempts) for attempts in whole]
    failed = [each for each in last if each is not None and each.failure is not None]
    failed += history.failed_children(run, _MOST_FAILURES + 1)
    failed += history.failing_children(run, _MOST_FAILURES + 1)
    yield from paragraphs(history, run, failed[:_MOST_FAILURES])
    if len(failed) > _MOST_FAILURES:
        yield f"more failed; `flowkit runs show {run.number} --children` lists all"
