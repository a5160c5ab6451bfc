"""Runs that are killed at random instants; see campaign.py."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from campaign import carried_out


@pytest.mark.timeout(900)
def test_nothing_is_lost_when_runs_are_killed_at_random_instants(tmp_path: Path, crashes: int) -> None:
    """Another seed each time; what fails says which."""
    report = carried_out(random.randrange(1_000_000), tmp_path, lambda done: done < crashes)
    print(report)
    assert not report.violations, str(report)
    assert report.landed >= 0.8 * crashes - 2, f"too few kills landed inside of a run: {report}"
