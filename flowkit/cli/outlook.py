"""A prediction as a person reads it, and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from flowkit.cli.styled import cells, padded
from flowkit.cli.wording import counted, duration, listed
from flowkit.cli.wording import shown as safe
from flowkit.plan.prediction import NEAR
from flowkit.plan.simulation import Link
from flowkit.runs.prediction import Outlook

_MOST_LINKS = 10
_COUNTS = 0.05  # of the critical path: what a call of many must take to be shown
_WIDE = 60
_SHORT = 0.001  # seconds of a call on average, below which threads mostly wait for each other
_HEADS = ("WORKERS", "TAKES", "AT LEAST", "SPEED-UP", "IDLE")
_ELSEWHERE = ("dask", "ray")  # lanes whose workers need not share this machine's processors


def shown(found: Outlook) -> str:
    """The table, the critical path, how many workers are enough, and what is known from where."""
    prediction = found.prediction
    visible = sum(not found.plan.hidden(node) for node in range(found.plan.size))
    calls = f" ({counted(prediction.calls, 'call')})" if prediction.calls > found.plan.size else ""
    lines = [
        f"{safe(found.plan.name)}: {counted(visible, 'task')}{calls}, {duration(prediction.work)} of work",
        "",
        *_table(found),
        "",
        f"critical path: {duration(prediction.longest)}, which no number of workers makes shorter",
        *_path(found),
        "",
        _enough(found),
        "",
        *_sources(found),
    ]
    return "\n".join(lines)


def _table(found: Outlook) -> Iterator[str]:
    rows = [
        (
            f"{each.workers:,}",
            duration(each.seconds),
            duration(each.bound),
            f"{each.speed_up:.1f}x",
            f"{each.idle:.0%}",
        )
        for each in found.prediction.forecasts
    ]
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    for row in (_HEADS, *rows):
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _path(found: Outlook) -> Iterator[str]:
    """The calls of the critical path; where there are many, the first, the last, and those that count."""
    links = [link for link in found.prediction.path if not found.plan.hidden(link.node)]
    kept = _counting(links, found.prediction.longest)
    keys = {place: safe(found.plan.key(links[place].node, links[place].index)) for place in kept}
    rows: list[tuple[str, float]] = []
    before = -1
    for place in kept:
        if place - before > 1:
            left = links[before + 1 : place]
            rows.append((f"… {len(left):,} more", sum(link.seconds for link in left)))
        rows.append((keys[place], links[place].seconds))
        before = place
    wide = min(max((cells(name) for name, _ in rows), default=0), _WIDE)
    for name, seconds in rows:
        yield f"  {padded(name, wide)}  {duration(seconds):>7}"


def _counting(links: Sequence[Link], longest: float) -> list[int]:
    """The places of the calls that are shown."""
    if len(links) <= _MOST_LINKS:
        return list(range(len(links)))
    counting = [place for place, link in enumerate(links) if link.seconds >= _COUNTS * longest]
    counting.sort(key=lambda place: links[place].seconds, reverse=True)
    return sorted({0, len(links) - 1, *counting[:_MOST_LINKS]})


def _enough(found: Outlook) -> str:
    prediction = found.prediction
    least = duration(prediction.least)
    if prediction.enough is None:
        most = counted(prediction.forecasts[-1].workers, "worker")
        return f"more than {most} would still help: with any number it takes {least}"
    enough = prediction.enough
    verb = "is" if enough == 1 else "are"
    hardly = f"more make it less than {NEAR - 1:.0%} quicker ({least} at best)"
    return f"{counted(enough, 'worker')} {verb} enough: {hardly}"


def _sources(found: Outlook) -> Iterator[str]:
    basis, names = found.basis, found.recording.runs
    runs = sorted(basis.runs.items(), reverse=True)
    known = [f"{counted(number, 'task')} from run {run} ({names[run]})" for run, number in runs]
    yield f"known: {listed(known, 2)}"
    if basis.guessed:
        keys = listed([safe(found.plan.keys[node]) for node in basis.guessed])
        yield f"guessed: {keys}; never made, taken to last {duration(basis.guess)} as the median task does"


def notes(found: Outlook) -> Iterator[str]:
    """What a person should know of the figures."""
    plan, recording = found.plan, found.recording
    most = found.prediction.forecasts[-1].workers
    processors = os.cpu_count() or 1
    if plan.lanes[0] == "inline" and most > 1:
        yield "`inline` carries out one task at a time; `--executor threads` several"
    elif most > processors and plan.lanes[0] not in _ELSEWHERE and _is_more_useful(found, processors):
        yield f"beyond the {counted(processors, 'processor')} of this machine, only tasks that wait gain"
    if found.prediction.work < _SHORT * found.prediction.calls:
        mean = found.prediction.work / found.prediction.calls * 1e6
        yield f"its calls are short ({mean:,.0f} µs on average): the figures are rough"
    if recording.retried:
        lost = f"{counted(recording.retried, 'failed attempt')}, {duration(recording.lost)}"
        yield f"retries are left out ({lost}): each task succeeds at once"
    if plan.cached:
        yield "no result is taken from the cache: every task is made"


def _is_more_useful(found: Outlook, workers: int) -> bool:
    """Whether more workers than so many make a run noticeably quicker, by the table."""
    return found.prediction.enough is None or found.prediction.enough > workers


def document(found: Outlook) -> str:
    """The same as JSON; times in seconds."""
    prediction, basis, plan = found.prediction, found.basis, found.plan
    return json.dumps(
        {
            "schema": 1,
            "flow": plan.name,
            "calls": prediction.calls,
            "work": prediction.work,
            "critical_path": {
                "seconds": prediction.longest,
                "tasks": [
                    {"task": plan.key(link.node, link.index), "seconds": link.seconds}
                    for link in prediction.path
                    if not plan.hidden(link.node)
                ],
            },
            "predictions": [vars(each) for each in prediction.forecasts],
            "least": prediction.least,
            "enough": prediction.enough,
            "known": {str(run): number for run, number in sorted(basis.runs.items())},
            "guessed": {"tasks": [plan.keys[node] for node in basis.guessed], "seconds": basis.guess},
            "hand_over": found.recording.hand_over,
            "around": found.recording.around,
        },
        indent=2,
    )
