"""The benchmark itself: that it works, and writes what it shows."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from flowkit.executors import ThreadExecutor

RUN = Path(__file__).with_name("run.py")


@pytest.mark.timeout(300)
def test_the_quick_benchmark_measures_every_figure(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, str(RUN), "--quick", "--json", str(written)],
        capture_output=True,
        text=True,
        timeout=250,  # 20 s on a machine that does nothing else
    )
    assert (found.returncode, found.stderr) == (0, "")
    figures = json.loads(written.read_text(encoding="utf-8"))["figures"]
    assert all(math.isfinite(figure["value"]) for figure in figures)
    growth = [figure["value"] for figure in figures if "as a multiple of that in 500" in figure["table"]]
    assert len(growth) == 5
    for heading in {figure["table"] for figure in figures}:
        assert heading in found.stdout


@pytest.fixture
def metg(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(RUN.parent))
    return importlib.import_module("metg")


@pytest.mark.parametrize("beside", [2e-6, 50e-6, 3e-3])
def test_tasks_are_worth_it_from_where_they_take_as_long_as_what_is_done_beside(
    metg: ModuleType, beside: float
) -> None:
    def stencil(rows: int, iterations: int) -> float:
        tasks = rows * metg.WIDTH
        return 0.1 + tasks * (iterations / 1e6 + beside) / metg.CORES

    assert metg.metg(stencil, 1e6, metg.QUICK) == pytest.approx(beside, rel=0.1, abs=1e-6)


def test_the_pool_and_the_lanes_run_the_same_stencil(metg: ModuleType) -> None:
    row = [metg.cell(3) for _ in range(metg.WIDTH)]
    for _ in range(4):
        row = [metg.cell(3, *row[max(0, place - 1) : place + 2]) for place in range(metg.WIDTH)]
    with ThreadPoolExecutor(2) as pool:
        stencil = metg.Submitting(pool, 5, 3)
        stencil.wait()
    assert stencil.values[-1] == row
    outcome = metg.engine_of(5, 3, ThreadExecutor(2)).run()
    found = [state.result for task, state in outcome.state.result.items() if task in outcome.plan.tasks[-4:]]
    assert sorted(found) == sorted(row)


def test_a_call_of_the_pool_that_fails_ends_the_stencil(metg: ModuleType) -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="iteration"):
        metg.of_pool(pool)(3, 0)
