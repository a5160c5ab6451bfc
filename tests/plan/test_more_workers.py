"""What more workers would have done for a run: how many are offered, and where nothing is."""

from __future__ import annotations

import pytest
from graphs import Graph

from flowkit.plan.more_workers import Offer, more_workers

WIDE = Graph([[] for _ in range(32)], [1.0] * 32)
CHAIN = Graph([[place - 1] if place else [] for place in range(32)], [1.0] * 32)
UNEVEN = Graph([[] for _ in range(9)], [8.0] + [1.0] * 8)


def offered(graph: Graph, workers: int, took: float, **more: float) -> Offer | None:
    plan = graph.plan()
    return more_workers(
        plan,
        graph.script(plan),
        workers,
        lambda number: [number],
        took=took,
        **more,  # type: ignore[arg-type]
    )


def test_as_many_are_offered_as_make_it_noticeably_quicker() -> None:
    assert offered(WIDE, 2, 16.0) == Offer(32, 1.0, 1.0)
    assert offered(UNEVEN, 1, 16.0) == Offer(2, 8.0, 8.0)


def test_what_lies_around_the_tasks_does_not_get_shorter() -> None:
    assert offered(WIDE, 2, 22.0, around=6.0) == Offer(16, 8.0, 1.0)


def test_what_it_computes_takes_its_time_all_the_same() -> None:
    assert offered(WIDE, 2, 16.0, floor=8.0) == Offer(4, 8.0, 1.0)
    assert offered(WIDE, 2, 16.0, floor=15.0) is None


@pytest.mark.parametrize(("graph", "workers", "took"), [(CHAIN, 2, 32.0), (UNEVEN, 2, 8.0), (WIDE, 32, 1.0)])
def test_where_nothing_is_gained_nothing_is_offered(graph: Graph, workers: int, took: float) -> None:
    assert offered(graph, workers, took) is None


def test_of_seconds_nothing_is_offered() -> None:
    short = Graph(WIDE.before, [0.1] * 32)
    assert offered(short, 2, 1.6) is None


def test_a_run_that_did_not_go_as_it_is_played_through_says_nothing() -> None:
    assert offered(WIDE, 2, 40.0) is None
