"""A child that is forked from inside a task has its own signals and streams, and runs nothing of the flow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, os, signal, sys, warnings
warnings.simplefilter("ignore")
from flowkit import Flow, task

fork = multiprocessing.get_context("fork")

def waits():
    signal.pause()

def says(number):
    print(f"child {number}", flush=True)
    return number

@task
def terminates():
    child = fork.Process(target=waits)
    child.start()
    child.terminate()
    child.join(20)
    return child.exitcode

@task
def pools():
    with fork.Pool(1) as pool:
        return pool.map(says, range(2))

@task
def forks():
    child = os.fork()
    if not child:
        return "child"
    os.waitpid(child, 0)
    return "parent"

@task
def after(value):
    print("after", value, flush=True)

with Flow("forks") as flow:
    ended, counted = terminates(), pools()
    after(forks(upstream_tasks=[ended, counted]))

state = flow.run(executor=sys.argv[1])
print([state.result[made].result for made in (ended, counted)], flush=True)
"""


@pytest.mark.parametrize("lane", ["threads", "inline"])
def test_a_forked_child_is_on_its_own(lane: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, lane], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    said = done.stdout.splitlines()
    assert said.count("after parent") == 1
    assert "after child" not in said
    assert [line for line in said if line.startswith("child")] == ["child 0", "child 1"]
    assert said[-1] == "[-15, [0, 1]]"


@pytest.mark.parametrize("lane", ["threads", "inline"])
def test_a_run_does_not_wait_for_a_child_that_lives_on(lane: str, tmp_path: Path) -> None:
    """The child ends when the script closes a pipe, after the run."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import os, sys
from flowkit import Flow, task

ours, theirs = os.pipe()

@task
def forks():
    if not os.fork():
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)

with Flow("lives on") as flow:
    forks()

print(flow.run(executor=sys.argv[1]).is_successful(), flush=True)
os.close(theirs)
os.wait()
"""
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, lane],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
    )
    assert done.stdout.split() == ["True"]
