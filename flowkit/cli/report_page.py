"""The page of a report in words: what the template is given, and how it says numbers and moments."""

from __future__ import annotations

import heapq
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowkit import __version__
from flowkit.cli import moments
from flowkit.cli.evidence import short_path
from flowkit.cli.report_data import Packing, tone
from flowkit.cli.report_graph import Graph
from flowkit.cli.wording import counted, duration, one_line
from flowkit.draw.area import area
from flowkit.draw.report.page import page
from flowkit.draw.theme import rules
from flowkit.plan.status import Status
from flowkit.store.run_status import RunStatus
from flowkit.why.report.critical import Step
from flowkit.why.report.failures import Failed, cut
from flowkit.why.report.gather import Report

_MOST_STEPS = 40  # of the critical path
_RUN_TONES = {
    RunStatus.SUCCESS: "good",
    RunStatus.FAILED: "bad",
    RunStatus.TIMED_OUT: "bad",
    RunStatus.CRASHED: "bad",
    RunStatus.RUNNING: "busy",
    RunStatus.PAUSED: "warn",
}
_LOOKS = (
    ("ok", "good", "✓"),
    ("cached", "cached", "✓"),
    ("failed", "bad", "✗"),
    ("retried, and the wait", "warn", "↻"),
    ("stopped", "halt", "⊘"),
)
_AT_WORK = ("running", "busy", "▸")


def report_page(report: Report, graph: Graph) -> str:
    """The page, as HTML."""
    packing = Packing(report)
    run, timeline = report.run, report.timeline
    path, left_out = _longest(report.path)
    peak = max(timeline.parallelism, default=0.0)
    facts = {
        **{name: getattr(report, name) for name in ("run", "sessions", "child_runs", "timeline", "slowest")},
        **{name: getattr(report, name) for name in ("retried", "more_retried", "failed", "more_failed")},
        **{name: getattr(report, name) for name in ("overcome", "more_overcome")},
        **{name: getattr(report, name) for name in ("caching", "logs", "duration", "goes_on", "now")},
        "version": __version__,
        "zone": time.strftime("%Z", time.localtime(report.now)),
        "sections": list(_sections(report)),
        "counts": list(_counts(report)),
        "counts_said": ", ".join(f"{number} {word}" for word, number in report.counts.items()),
        "tiles": list(_tiles(report)),
        "resume": f"flowkit resume {run.number}" if run.status.resumable else "",
        "average": timeline.worked / report.axis.total if report.axis.total else 0.0,
        "workers": max((session.workers for session in report.sessions), default=0),
        "peak": round(peak) if peak >= 1 else round(peak, 1),
        "parallelism": area(timeline.parallelism, peak),
        "looks": (_AT_WORK, *_LOOKS) if report.goes_on else _LOOKS,
        "path": path,
        "path_left_out": left_out,
        "path_said": _path_said(report),
        "graph": graph.picture,
        "graph_note": graph.note,
        "graph_command": graph.command,
        "children_left_out": packing.children_left_out,
        "environment": list(_environment(report)),
        "packages": _packages(report),
    }
    return page(facts, packing.data, _words(report), rules())


def _words(report: Report) -> Mapping[str, Callable[..., Any]]:
    """The filters of the template."""
    whole = report.duration or 1.0

    def share(seconds: float) -> float:
        return min(1.0, max(0.0, seconds / whole))

    def percent(seconds: float) -> str:
        found = 100 * share(seconds)
        return f"{found:.0f} %" if found >= 9.95 or not found else f"{found:.1f} %"

    number = report.run.number
    return {
        "duration": duration,
        "at": moments.at,
        "clock": moments.clock,
        "number": lambda value: f"{value:,}",
        "count": _count,
        "cut": cut,
        "first_line": lambda text: one_line(text, 160),
        "short": short_path,
        "share": share,
        "percent": percent,
        "tone": lambda status: (
            _RUN_TONES.get(status, "halt") if isinstance(status, RunStatus) else tone(status)
        ),
        "last_ones": lambda values, most: values[-most:],
        "logs_command": lambda failed: f"flowkit logs {number} {shlex.quote(failed.key)}",
        "replay_command": lambda failed: _replay(number, failed),
    }


def _replay(run: int, failed: Failed) -> str:
    return f"flowkit replay {run} {shlex.quote(failed.key)} --pdb"


def _count(number: int, noun: str) -> str:
    """`3 lines`; `3 more`."""
    return f"{number:,} more" if noun == "more" else counted(number, noun)


def _sections(report: Report) -> Iterator[tuple[str, str, str]]:
    """Name, title and a number of those that there are."""
    failures = len(report.failed) + report.more_failed
    if failures:
        yield "failures", "Failures", f"{failures:,}"
    yield "timeline", "Timeline", ""
    if report.path:
        yield "path", "Critical path", ""
    yield "graph", "Graph", ""
    if report.slowest:
        yield "slowest", "Slowest", ""
    if report.retried:
        yield "retries", "Retries", f"{report.retries:,}"
    yield "cache", "Cache", ""
    yield "tasks", "Tasks", ""
    yield "logs", "Logs", ""
    yield "run", "Run", ""


def _counts(report: Report) -> Iterator[dict[str, Any]]:
    """How many tasks stand how, as parts of a whole that begin where the one before ends."""
    total = sum(report.counts.values())
    looks = {status.word: status for status in reversed(Status)}
    place = 0.0
    for word, number in sorted(report.counts.items(), key=lambda each: looks.get(each[0], 99)):
        status = looks.get(word, Status.CANCELLED)
        share = number / total if total else 0.0
        yield {
            "word": word,
            "number": number,
            "symbol": status.symbol,
            "tone": tone(status),
            "place": place,
            "share": share,
        }
        place += share


def _tiles(report: Report) -> Iterator[tuple[str, str, str]]:
    """The figures that come first: name, value, and what is said below it."""
    total = sum(report.counts.values())
    yield "Tasks", f"{total:,}", ""
    yield "Duration", duration(report.duration), _sessions_said(report)
    worked = report.timeline.worked
    more = f"{worked / report.axis.total:.1f} at once on average" if report.axis.total else ""
    yield "Work", duration(worked), more
    if report.path:
        ran = sum(step.took for step in report.path)
        yield "Critical path", duration(ran), f"{min(1.0, ran / (report.duration or 1.0)):.0%} of the run"
    if report.caching.asked:
        saved = f"saved {duration(report.caching.saved)}" if report.caching.saved > 0 else ""
        yield "From the cache", f"{report.caching.found:,}", saved
    if report.retries:
        tasks = counted(len(report.retried) + report.more_retried, "task")
        yield "Retries", f"{report.retries:,}", f"of {tasks}"


def _sessions_said(report: Report) -> str:
    return counted(len(report.sessions), "session") if len(report.sessions) > 1 else ""


def _path_said(report: Report) -> str:
    """What the time of the run went to."""
    if not report.path:
        return ""
    paused = sum(step.paused for step in report.path)
    took = sum(step.took for step in report.path) - paused
    more = (
        (sum(step.earlier for step in report.path), "went into attempts of earlier sessions"),
        (paused, "passed between attempts"),
        (sum(step.waited for step in report.path), "passed waiting for a free worker, or a limit"),
        (sum(step.starting for step in report.path), "passed before the first task was begun"),
    )
    words = [f"Of {duration(report.duration)} its tasks ran for {duration(took)}"]
    words += [f"{duration(seconds)} {what}" for seconds, what in more if seconds > 0.001]
    return f"{'; '.join(words)}."


def _longest(path: Sequence[Step]) -> tuple[list[Step], int]:
    """The steps that are shown, in order, and how many are not."""
    if len(path) <= _MOST_STEPS:
        return list(path), 0
    kept = heapq.nlargest(_MOST_STEPS, range(len(path)), key=lambda place: path[place].took)
    return [path[place] for place in sorted(kept)], len(path) - _MOST_STEPS


def _environment(report: Report) -> Iterator[tuple[str, str]]:
    run, last = report.run, report.sessions[-1] if report.sessions else None
    if last is not None:
        yield "Python", last.python
        yield "flowkit", last.flowkit
    known = report.environment
    for name, title in (("platform", "Platform"), ("cores", "Cores")):
        if known.get(name):
            yield title, str(known[name])
    if last is not None:
        yield "Host", last.host
        yield "Executor", f"{last.executor}, {counted(last.workers, 'worker')}"
    if run.ref:
        yield "Defined in", run.ref
    yield "Run id", run.uid
    for name, title in (("select", "Selected"), ("exclude", "Excluded")):
        if run.asked.get(name):
            yield title, str(run.asked[name])
    if run.asked.get("forced"):
        yield "Forced", ", ".join(map(str, run.asked["forced"]))
    if run.bytes:
        yield "Results in files", moments.size(run.bytes)
    if run.exit_code is not None:
        yield "Exit code", str(run.exit_code)


def _packages(report: Report) -> list[tuple[str, str]]:
    """The packages that were loaded, with their versions."""
    found = report.environment.get("packages")
    return sorted((name, str(version)) for name, version in found.items()) if isinstance(found, dict) else []


def file_name(report: Report) -> str:
    """`report-42-brisk-otter.html`; a run's name is made of letters."""
    name = "".join(letter for letter in report.run.name if letter.isalnum() or letter == "-")
    return f"report-{report.run.number}-{name}.html".replace(os.sep, "-")
