"""`flowkit cache ls|why|clear`: the results that are found again; no user code is loaded."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from flowkit.cli import moments, unseen
from flowkit.cli.past import history_here
from flowkit.cli.place import put, say
from flowkit.cli.table import columns
from flowkit.cli.wording import counted, duration
from flowkit.draw.labels import printable
from flowkit.errors import UsageError
from flowkit.fingerprint import Part, changes, unfollowed
from flowkit.project.names import suggestions
from flowkit.store import database, retention
from flowkit.store.retention import Due
from flowkit.why.archive import Archive
from flowkit.why.entries import Entry, listed

_HEADER = ("FLOW", "TASK", "MADE", "IN RUN", "LAST USED", "TOOK", "SIZE")
_MOST_COMPARED = 20
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look at the results that are found again, and remove them.", no_args_is_help=True
    )
    group.command("ls")(ls)
    group.command("why")(why)
    group.command("clear")(clear)
    app.add_typer(group, name="cache")


def ls(
    flow: Annotated[str | None, typer.Argument(metavar="[FLOW]", help="Only of this flow.")] = None,
    as_json: Json = False,
) -> None:
    """List the entries: of which task, made when and in which run, when last used, how large."""
    with _archive() as archive:
        found = listed(archive, flow)
        if as_json:
            put(json.dumps([_facts(entry) for entry in found], indent=2))
        elif found:
            put(columns([_row(entry) for entry in found], _HEADER))
        else:
            _say_none(archive, flow)


def why(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task, or a child of one: `clean[3]`.")],
    flow: Annotated[str | None, typer.Option("--flow", "-f", help="Where several flows have it.")] = None,
    as_json: Json = False,
) -> None:
    """Say what the entries of a task were made from, and what differs between them and the latest run."""
    with _archive() as archive:
        found = _of_task(archive, flow, task)
        compared = list(_compared(archive, found))
        if as_json:
            put(json.dumps([_compared_facts(archive, *each) for each in compared], indent=2))
            return
        shown = compared[:_MOST_COMPARED]
        parts = _parts_by_first(archive, [entry for entry, _ in shown])
        for entry, words in shown:
            when = moments.ago(time.time() - entry.made)
            put(printable(f"{entry.task}, made {when} in run {entry.run}, {moments.size(entry.bytes)}"))
            seen_in_part = [f"{name}: {text}" for name, text in unseen.facts_of(parts.get(entry.key, ()))]
            put(columns([("  ", printable(line)) for line in [*words, *seen_in_part]]), flush=True)
        if len(compared) > len(shown):
            say(f"and {len(compared) - len(shown):,} more entries; `--json` has all")
        if any(map(unfollowed, parts.values())):
            say(unseen.HINT)


def clear(
    what: Annotated[
        str | None, typer.Argument(metavar="[FLOW[:TASK]]", help="Only of this flow, or of this task.")
    ] = None,
    older: Annotated[
        str | None, typer.Option("--older", metavar="TIME", help="Only what was not used for `7d`.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove entries, with their files where no run needs them."""
    flow, _, task = (what or "").partition(":")
    until = moments.since(older, time.time()) if older is not None else None
    with _archive() as archive:
        found = listed(archive, flow or None, task or None)
        if not found and what:
            _refuse_unknown(archive, flow, task)
        entries = [entry for entry in found if until is None or entry.used < until]
        folder, path = archive.folder, archive.history.path
    if not entries:
        say("there is nothing to remove")
        return
    size = moments.size(sum(entry.bytes for entry in entries))
    if not yes:
        _ask(f"remove {_entries(len(entries))} ({size})?")
    with database.explained(path), contextlib.closing(database.open_to_write(path)) as connection:
        freed = retention.carry_out(connection, folder, Due(entries=tuple(entry.key for entry in entries)))
    kept = " (the rest is part of runs)" if freed.bytes < sum(entry.bytes for entry in entries) else ""
    files = f", {counted(freed.files, 'file')} among it" if freed.files else ""
    say(f"removed {_entries(freed.entries)}: freed {moments.size(freed.bytes)}{files}{kept}")


@contextmanager
def _archive() -> Iterator[Archive]:
    with history_here() as history, Archive(history.path.parent, history) as archive:
        yield archive


# -- what is asked for ------------------------------------------------------------------------


def _of_task(archive: Archive, flow: str | None, task: str) -> list[Entry]:
    """The entries of a task of one flow.

    Raises:
        UsageError: there are none, or several flows have such a task.
    """
    if flow is None and ":" in task:
        flow, _, task = task.partition(":")
    found = listed(archive, flow, task)
    flows = sorted({entry.flow for entry in found})
    if len(flows) > 1:
        words = " or ".join(f"`--flow {name}`" for name in flows)
        raise UsageError(f"several flows have entries of `{task}`", hints=(f"say {words}",))
    if not found:
        _refuse_unknown(archive, flow or "", task)
    return found


def _refuse_unknown(archive: Archive, flow: str, task: str) -> None:
    known = listed(archive)
    flows = {entry.flow for entry in known}
    if flow and flow not in flows:
        raise UsageError(f"the flow `{flow}` has nothing in the cache", hints=suggestions(flow, flows))
    tasks = {entry.task.partition("[")[0] for entry in known if not flow or entry.flow == flow}
    raise UsageError(
        f"the task `{task}` has nothing in the cache",
        hints=suggestions(task.partition("[")[0], tasks) if task.partition("[")[0] not in tasks else (),
    )


def _ask(question: str) -> None:
    """Ask at the terminal.

    Raises:
        UsageError: there is nobody to ask.
        typer.Exit: the answer was no.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{question.removesuffix('?')}: say `--yes`, as there is nobody to ask")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _say_none(archive: Archive, flow: str | None) -> None:
    flows = {entry.flow for entry in listed(archive)} if flow is not None else set()
    say("there is nothing in the cache" + (f" of `{flow}`" if flow is not None else ""))
    hints = suggestions(flow, flows) if flow is not None else ("`@task(cache=True)` keeps a task's result",)
    for hint in hints:
        say(f"hint: {hint}")


# -- what is said -----------------------------------------------------------------------------


def _row(entry: Entry) -> tuple[str, ...]:
    now = time.time()
    return (
        entry.flow,
        entry.task,
        moments.ago(now - entry.made),
        str(entry.run),
        moments.ago(now - entry.used),
        duration(entry.took),
        moments.size(entry.bytes),
    )


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "flow": entry.flow,
        "task": entry.task,
        "key": entry.key.hex(),
        "run": entry.run,
        "attempt": entry.attempt,
        "made": entry.made,
        "used": entry.used,
        "took": entry.took,
        "bytes": entry.bytes,
        "code": entry.code,
        "inputs": [{"name": name, "digest": digest, "from": source} for name, digest, source in entry.inputs],
    }


def _compared_facts(archive: Archive, entry: Entry, words: list[str]) -> dict[str, Any]:
    return {**_facts(entry), "differs": words, **unseen.document_of(archive.parts(entry.code))}


def _parts_by_first(archive: Archive, entries: Sequence[Entry]) -> dict[bytes, list[Part]]:
    """What each code is made of, by the key of the first entry that it has made."""
    first: dict[str, bytes] = {}
    for entry in entries:
        first.setdefault(entry.code, entry.key)
    return {key: archive.parts(code) for code, key in first.items()}


def _compared(archive: Archive, entries: Sequence[Entry]) -> Iterator[tuple[Entry, list[str]]]:
    """Each entry with what differs from the latest run's code, and from the entry before it in the list."""
    current = _current_codes(archive, entries)
    by_task: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_task[entry.task].append(entry)
    for some in by_task.values():
        for place, entry in enumerate(some):
            words = _code_words(archive, entry, current.get(entry.task.partition("[")[0]))
            if place:
                words += _input_words(some[place - 1], entry)
            yield entry, words


def _current_codes(archive: Archive, entries: Sequence[Entry]) -> dict[str, str]:
    """The digest of each task's code in the latest run that has it."""
    found: dict[str, str] = {}
    wanted = {entry.task.partition("[")[0] for entry in entries}
    for run in archive.earlier(entries[0].flow) if entries else ():
        for key in [key for key in wanted if key in run.nodes]:
            found[key] = run.code(run.nodes[key])
            wanted.discard(key)
        if not wanted:
            break
    return found


def _code_words(archive: Archive, entry: Entry, current: str | None) -> list[str]:
    if current is None:
        return ["no run is remembered that has this task"]
    if current == entry.code:
        return ["made by the code of the latest run"]
    found = changes(archive.parts(entry.code), archive.parts(current))
    return [f"the code has changed since: {each}" for each in found] or ["the code has changed since"]


def _input_words(newer: Entry, entry: Entry) -> list[str]:
    """What differs from a newer entry of the same task."""
    known = {name: digest for name, digest, _ in newer.inputs}
    words = []
    for name, digest, source in entry.inputs:
        if known.get(name) != digest:
            words.append(f"another `{name}`{f' from `{source}`' if source else ''} than in run {newer.run}")
    return words


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
