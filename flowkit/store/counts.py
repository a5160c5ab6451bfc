"""How many tasks of a run stand how, counted in its rows: of one that goes on, or whose process is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowkit.plan.status import EXPANDED, MAPPED, Status
from flowkit.store.records import LAST, hidden_nodes, status_of

# The last attempts; of mapped tasks that have children, theirs. To be given the number of the run, twice.
LAST_ATTEMPTS = (
    f"SELECT node, status, COUNT(*) FROM (SELECT node, status, {LAST}"
    " FROM attempts WHERE run=? AND NOT (child=-1 AND node IN"
    " (SELECT node FROM attempts WHERE run=? AND child>=0)) GROUP BY node, child)"
    " GROUP BY node, status"
)


def counted(rows: Iterable[tuple[Any, ...]], outline: Mapping[str, Any], *, is_over: bool) -> dict[str, int]:
    """How many tasks by the word of their status, without what only carries values or was lost by the flow.

    Args:
        rows: of `LAST_ATTEMPTS`.
        is_over: nothing goes on any more: what was to, is cancelled.
    """
    hidden, ids = hidden_nodes(dict(outline)), outline.get("ids")
    left = set(ids) if ids else None
    found: dict[str, int] = {}
    for node, number, many in rows:
        if number in (EXPANDED, MAPPED) or node in hidden or (left is not None and node not in left):
            continue
        status = status_of(number)
        word = (
            Status.CANCELLED if is_over and not (status.ended or status is Status.PAUSED) else status
        ).word
        found[word] = found.get(word, 0) + many
    return found
