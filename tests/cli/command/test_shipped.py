"""The flows that ship, run by the command as a stranger would, and a flow as long as any."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

from command_shell import Shell, normalised
from command_terminal import typed

PENGUINS = [
    ("get_data", "344 rows from flows/data/penguins.csv"),
    ("preprocess_data", "342 of 344 penguins kept, left out: 2 without measurements"),
    ("run_model", "256 penguins to learn from, 86 held out"),
]


def test_penguins_in_plain_lines(checkout: Shell, tmp_path: Path) -> None:
    target = tmp_path / "predictions.csv"
    said = checkout("run", "data_pipeline", "--target", str(target), "--executor", "inline")
    assert said.out == ""
    lines = normalised(said.err).splitlines()
    assert lines[0] == "HH:MM:SS  data_pipeline  run 1 NAME · 4 tasks · 1 worker"
    for number, (task, printed) in enumerate(PENGUINS, start=1):
        first = lines.index(f"HH:MM:SS  {number}/4  START    {task}")
        assert lines[first : first + 3] == [
            f"HH:MM:SS  {number}/4  START    {task}",
            f"  {task} | {printed}",
            f"HH:MM:SS  {number}/4  OK       {task:<16}  TIME",
        ]
    assert lines[-3:] == [
        "",
        "  ✓ 4 ok   TIME",
        "HH:MM:SS  DONE ok=4 cached=0 failed=0 skipped=0 not_run=0 cancelled=0 retried=0 time=TIME run=1",
    ]
    accuracy = re.search(r"accuracy (0\.\d+)", said.err)
    assert accuracy
    assert float(accuracy[1]) >= 0.93
    assert len(target.read_text().splitlines()) == 87


def test_penguins_in_a_terminal(checkout: Shell, tmp_path: Path) -> None:
    seen = typed(checkout, "run", "data_pipeline", "--target", str(tmp_path / "predictions.csv"))
    lines = [normalised(line) for line in seen.lines if line.strip()]
    assert re.fullmatch(r"data_pipeline  run 1 NAME · 4 tasks · \d+ workers", lines[0])
    for task, printed in PENGUINS:
        assert f"  {task} │ {printed}" in lines
        assert f"  ✓ {task:<16}  TIME" in lines
    assert lines[-1] == "  ✓ 4 ok   TIME"
    assert "ctrl-c to stop" not in "\n".join(lines), "the live line stays"
    assert seen.raw.count("\x1b[?25l") == seen.raw.count("\x1b[?25h")


def test_the_weather_from_a_folder_inside(checkout: Shell, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    said = checkout("run", "weather", "-q", "--target", str(report), cwd="docs")
    assert "✓" in said.err
    assert report.exists()


def test_a_trace_is_replayed_with_its_own_graph(checkout: Shell, tmp_path: Path) -> None:
    tasks = [
        {"name": "split", "id": "split", "parents": [], "children": ["work_1", "work_2"]},
        {"name": "work", "id": "work_1", "parents": ["split"], "children": ["merge"]},
        {"name": "work", "id": "work_2", "parents": ["split"], "children": ["merge"]},
        {"name": "merge", "id": "merge", "parents": ["work_1", "work_2"], "children": []},
    ]
    runs = [{"id": task["id"], "runtimeInSeconds": 2.0} for task in tasks]
    trace = tmp_path / "trace.json"
    trace.write_text(
        json.dumps(
            {
                "name": "small",
                "schemaVersion": "1.5",
                "workflow": {"specification": {"tasks": tasks}, "execution": {"tasks": runs}},
            }
        )
    )
    said = checkout("run", "wfcommons", "--trace", str(trace), "--scale", "0.001", "-q")
    assert "✓ 4 ok" in said.err
    assert json.loads(checkout("graph", "wfcommons", "-p", f"trace={trace}", "-f", "json").out)["nodes"]
    missing = checkout("run", "wfcommons", "--scale", "0.001", code=2)
    assert "`trace`" in missing.sentence
    trace.write_text("{}")
    unusable = checkout("run", "wfcommons", "--trace", str(trace), code=3)
    assert str(trace) in unusable.err


def test_a_chain_of_100_000_tasks_runs_and_prints(shell: Shell) -> None:
    shell.write(
        "flows/chain.py",
        """
        from flowkit import flow, task

        @task
        def step(x):
            return x + 1

        @flow
        def chain(start: int = 0):
            x = start
            for _ in range(100_000):
                x = step(x)
            return x
        """,
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    said = shell("run", "chain")
    assert "100,000 ok" in said.err
    assert "DONE ok=100000 " in said.err
    assert len(said.err.splitlines()) < 30, "a line a tenth, not a line a task"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 60
