"""The benchmark itself: that it works, and writes what it shows."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_the_quick_benchmark_measures_every_figure(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, str(RUN), "--quick", "--json", str(written)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")
    figures = json.loads(written.read_text(encoding="utf-8"))["figures"]
    assert all(math.isfinite(figure["value"]) for figure in figures)
    growth = [figure["value"] for figure in figures if "as a multiple of that in 500" in figure["table"]]
    assert len(growth) == 5
    for heading in {figure["table"] for figure in figures}:
        assert heading in found.stdout
