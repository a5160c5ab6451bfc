"""A prediction as a person reads it, and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from flowkit.cli.styled import padded
from flowkit.cli.wording import counted, duration, listed
from flowkit.cli.wording import shown as safe
from flowkit.plan.prediction import NEAR
from flowkit.plan.simulation import Link
from flowkit.runs.prediction import Outlook

_MOST_LINKS = 8
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
    """The calls of the critical path; where there are many, the longest, in their order."""
    links = [link for link in found.prediction.path if not found.plan.hidden(link.node)]
    longest = sorted(links, key=lambda link: link.seconds, reverse=True)[:_MOST_LINKS]
    kept = set(longest)
    keys = {link: safe(found.plan.key(link.node, link.index)) for link in kept}
    wide = min(max(map(len, keys.values()), default=0), 56)
    left: list[Link] = []
    for link in links:
        if link not in kept:
            left.append(link)
            continue
        yield from _left_out(left, wide)
        left = []
        yield f"  {padded(keys[link], wide)}  {duration(link.seconds):>7}"
    yield from _left_out(left, wide)


def _left_out(links: Sequence[Link], wide: int) -> Iterator[str]:
    if links:
        words = f"… {len(links):,} more"
        yield f"  {padded(words, max(wide, len(words)))}  {duration(sum(link.seconds for link in links)):>7}"


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
        yield "the executor `inline` carries out one task at a time; `--executor threads` shows another"
    elif most > processors and plan.lanes[0] not in _ELSEWHERE:
        yield (
            f"this machine has {counted(processors, 'processor')}: beyond that, more workers help tasks "
            "that wait, not tasks that compute"
        )
    if recording.retried:
        yield (
            f"{counted(recording.retried, 'attempt')} that had to be repeated "
            f"({duration(recording.lost)}) are left out: each task succeeds at once"
        )
    if plan.cached:
        yield "no result is taken from the cache: each task is made"


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
