"""The benchmark itself: that it works, and that what a task costs does not grow with their number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")
SQUARE = 6.0  # by what a task's cost would grow, from 500 to 3,000 tasks


def test_the_quick_benchmark_works_and_finds_no_quadratic_cost(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, str(RUN), "--quick", "--json", str(written)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")
    figures = json.loads(written.read_text(encoding="utf-8"))["figures"]
    assert all(figure["value"] >= 0 for figure in figures if "at the margin" in figure["table"])
    growth = [figure["value"] for figure in figures if "as a multiple of that in 500" in figure["table"]]
    assert len(growth) == 5
    assert max(growth) < SQUARE * 0.75
    for heading in {figure["table"] for figure in figures}:
        assert heading in found.stdout
