"""`flowkit diff RUN RUN`: what differs between two runs, from the history alone, without user code."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from flowkit.cli.past import history_here
from flowkit.cli.place import put
from flowkit.cli.table import facts, sentence
from flowkit.cli.wording import duration, listed
from flowkit.errors import HistoryError, UsageError
from flowkit.why.archive import Archive, PastRun
from flowkit.why.differences import ChangedCode, Differences, Other, OtherTime, differences

_MOST = 20  # lines a section, for a person


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Number, name or beginning of the id.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="The run to compare with it, or `latest`.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what differs between two runs: code, parameters, tasks, inputs, results, states and times."""
    with history_here() as history, Archive(history.path.parent, history) as archive:
        before, after = (archive.run(history.find(text)) for text in (first, second))
        _refuse_unlike(before, after)
        found = differences(before, after)
        if as_json:
            put(json.dumps(_document(before, after, found), indent=2))
        else:
            put(_page(before, after, found))


def _refuse_unlike(before: PastRun, after: PastRun) -> None:
    if before.record.flow != after.record.flow:
        raise UsageError(
            f"run {before.number} is of `{before.record.flow}`, run {after.number} of `{after.record.flow}`: "
            "only runs of one flow can be compared"
        )
    for run in (before, after):
        if not run.outline:
            raise HistoryError(f"what {run.called} was made of is not kept any more")


def _page(before: PastRun, after: PastRun, found: Differences) -> str:
    head = sentence(f"{after.record.flow}: {before.called} → {after.called}")
    rows = list(_rows(before, after, found))
    if found.unknown:
        rows.append(("not known", f"results that are not kept: {listed(found.unknown, 5)}"))
    nothing = "nothing else differs" if found.unknown else "nothing differs"
    return "\n".join(part for part in (head, facts(rows), "" if found else nothing) if part)


def _rows(before: PastRun, after: PastRun, found: Differences) -> Iterator[tuple[str, str]]:
    yield from _section("code", [_code(each) for each in found.code])
    yield from _section("parameters", [_other(each) for each in found.parameters])
    yield from _section("tasks", list(_tasks(before, after, found)))
    yield from _section("inputs", [f"{key}: {each}" for key, each in found.inputs])
    yield from _section("results", _results(found.results))
    yield from _section("states", _states(found.states))
    yield from _section("times", [_time(each) for each in found.times])


def _section(name: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    for place, line in enumerate(lines[:_MOST]):
        yield ("" if place else name, line)
    if len(lines) > _MOST:
        yield ("", f"and {len(lines) - _MOST:,} more (`--json` has all)")


def _code(each: ChangedCode) -> str:
    return f"{each.change}, run by {listed(list(each.tasks))}"


def _other(each: Other) -> str:
    return f"{each.name}: {each.before or '-'} → {each.after or '-'}"


def _tasks(before: PastRun, after: PastRun, found: Differences) -> Iterator[str]:
    added = f"not selected in run {before.number}" if before.is_selection else "added"
    removed = f"not selected in run {after.number}" if after.is_selection else "removed"
    for word, keys in ((added, found.added), (removed, found.removed)):
        if keys:
            yield f"{word}: {listed(list(keys), 10)}"
    for old, new in found.renamed:
        yield f"{old} is called {new} now"


def _results(keys: list[str]) -> list[str]:
    """The tasks in one line; each mapped one in a line with its children."""
    children: dict[str, list[str]] = defaultdict(list)
    tasks = []
    for key in keys:
        if key.endswith("]"):
            children[key.partition("[")[0]].append(key)
        else:
            tasks.append(key)
    mapped = [f"{task}: {listed(some)}" for task, some in children.items()]
    return [*([listed(tasks, 10)] if tasks else []), *mapped]


def _states(states: list[Other]) -> list[str]:
    """Those that changed alike in one line."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in states:
        alike[each.before, each.after].append(each.name)
    return [f"{listed(tasks)}: {before} → {after}" for (before, after), tasks in alike.items()]


def _time(each: OtherTime) -> str:
    share = f" ({(each.after - each.before) / each.before:+.0%})" if each.before > 0 else ""
    return f"{each.task}: {duration(each.before)} → {duration(each.after)}{share}"


def _document(before: PastRun, after: PastRun, found: Differences) -> dict[str, Any]:
    return {
        "schema": 1,
        "flow": after.record.flow,
        "runs": [before.number, after.number],
        "code": [
            {
                "kind": each.change.kind,
                "name": each.change.name,
                "what": each.change.what,
                "place": each.change.place,
                "tasks": list(each.tasks),
            }
            for each in found.code
        ],
        "parameters": [vars(each) for each in found.parameters],
        "tasks": {
            "added": list(found.added),
            "removed": list(found.removed),
            "renamed": [list(each) for each in found.renamed],
        },
        "inputs": [
            {
                "task": key,
                "name": each.name,
                "what": each.what,
                "from": list(each.sources),
                "detail": each.detail,
            }
            for key, each in found.inputs
        ],
        "results": found.results,
        "unknown": found.unknown,
        "states": [vars(each) for each in found.states],
        "times": [vars(each) for each in found.times],
    }
