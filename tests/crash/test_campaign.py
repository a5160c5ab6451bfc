"""Runs that are killed at random instants; see campaign.py."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from campaign import Report, carried_out

PARTS = 4  # each a test of its own, so that they share the processors


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_when_runs_are_killed_at_random_instants(
    tmp_path: Path, crashes: int, part: int
) -> None:
    """Another seed each time; what fails says which."""
    kills = len(range(part, crashes, PARTS))
    report = carried_out(random.randrange(1_000_000), tmp_path, lambda done: done < kills)
    check(report, kills)


@pytest.mark.timeout(900)
def test_nothing_is_lost_when_runs_on_dask_are_killed(tmp_path: Path, crashes: int) -> None:
    """Fewer, as each waits for a cluster twice."""
    kills = max(1, crashes // 100)
    report = carried_out(
        random.randrange(1_000_000), tmp_path, lambda done: done < kills, executors=("dask",)
    )
    check(report, kills)


def check(report: Report, kills: int) -> None:
    print(report)
    assert not report.violations, str(report)
    assert report.landed >= 0.8 * kills - 2, f"too few kills landed inside of a run: {report}"
