"""How far a task is, said by the loop that does the work: `for row in flowkit.progress(rows):`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from flowkit.engine.context import CURRENT
from flowkit.plan.events import Report

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.plan.events import Call

Item = TypeVar("Item")

_BETWEEN = 0.1  # seconds between two reports


def progress(iterable: Iterable[Item], total: float | None = None) -> Iterator[Item]:
    """The items of an iterable, while the display shows how many the task is done with.

    A turn of the loop costs about 0.1 µs more; the display is told ten times a second at most. Outside of a
    task the items are all there is.

    Args:
        total: how many there will be; default: `len(iterable)`, where it has one.

    Raises:
        TypeError: `total` is no number.
    """
    if total is None and isinstance(iterable, Sized):
        with suppress(Exception):  # some have a length and cannot tell it
            total = len(iterable)
    whole = Report.of(0, total).total
    current = CURRENT.get()
    return iter(iterable) if current is None else _reported(iterable, whole, *current)


def _reported(iterable: Iterable[Item], total: float | None, engine: Engine, call: Call) -> Iterator[Item]:
    clock = time.monotonic
    due = clock() + _BETWEEN
    engine.report(call, Report(0, total))
    done = 0
    for item in iterable:
        yield item
        done += 1
        now = clock()
        if now >= due:
            due = now + _BETWEEN
            engine.report(call, Report(done, total))
    engine.report(call, Report(done, total))
