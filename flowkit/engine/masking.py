"""Rows and lines without the secrets that are known, before anyone remembers or shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from flowkit.engine.capture import Line
from flowkit.engine.mask import MASK
from flowkit.plan.events import Detail, Row

Timed = tuple[float, Line]


def masked(rows: Sequence[Row], lines: Sequence[Timed]) -> tuple[list[Row], list[Timed]]:
    """The same rows and lines; what a task printed is looked at as a whole, as a secret may be wrapped."""
    return [_row(row) for row in rows], _lines(lines)


def _row(row: Row) -> Row:
    detail = row[7]
    if detail is None:
        return row
    return (*row[:7], MASK.text(detail) if isinstance(detail, str) else _detail(detail))


def _detail(detail: Any) -> Any:
    if not isinstance(detail, Detail) or (detail.failure is None and not detail.message):
        return detail
    failure = detail.failure.with_texts(MASK.also_cut) if detail.failure is not None else None
    return detail._replace(failure=failure, message=MASK.text(detail.message))


def _lines(lines: Sequence[Timed]) -> list[Timed]:
    found = list(lines)
    places: dict[Any, list[int]] = defaultdict(list)
    for place, (_, line) in enumerate(lines):
        places[line.call, line.stream].append(place)
    for some in places.values():
        texts = MASK.lines([lines[place][1].text for place in some])
        for place, text in zip(some, texts, strict=True):
            at, line = lines[place]
            found[place] = (at, line._replace(text=text))
    return found
