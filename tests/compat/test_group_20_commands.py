"""Group 20 of classic's rules, what its commands did with a file, as the commands of flowkit do it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
from prefect import Flow, Parameter, task

@task
def tell(x):
    print("it is", x)
    if x == "bad":
        raise ValueError("bad")

with Flow("first") as first:
    tell(Parameter("x", default="good"))

first.register("project")
first.run()
"""
SECOND = """
with Flow("second") as second:
    tell("second")
"""


def run(folder: Path, *arguments: str, script: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "flowkit", "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_file_can_be_run(tmp_path: Path) -> None:
    """20.5: corrected: `flowkit run FILE`; `flow.run()` and `flow.register()` in it do nothing meanwhile."""
    done = run(tmp_path, "script.py")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("it is good") == 1


def test_a_flow_of_several_is_named(tmp_path: Path) -> None:
    """20.5: corrected: `FILE:FLOW`, where there are several."""
    assert run(tmp_path, "script.py", script=SCRIPT + SECOND).returncode == 2
    done = run(tmp_path, "script.py:second", script=SCRIPT + SECOND)
    assert done.returncode == 0, done.stderr
    assert "it is second" in done.stderr


def test_the_exit_code_says_how_it_went(tmp_path: Path) -> None:
    """20.5: corrected: 1 for a flow that failed, 2 for a file that is not there."""
    assert run(tmp_path, "script.py", "-p", "x=bad").returncode == 1
    assert run(tmp_path, "no_such.py").returncode == 2


def test_parameters_are_given_by_options_or_a_file(tmp_path: Path) -> None:
    """20.6: corrected: `-p NAME=VALUE` beats `--params FILE`; an unknown one is asked wrongly."""
    (tmp_path / "values.json").write_text('{"x": "from file"}')
    assert "it is from file" in run(tmp_path, "script.py", "--params", "values.json").stderr
    both = run(tmp_path, "script.py", "--params", "values.json", "-p", "x=from option")
    assert "it is from option" in both.stderr
    assert run(tmp_path, "script.py", "-p", "no_such=1").returncode == 2


def test_a_run_can_be_quiet(tmp_path: Path) -> None:
    """20.7: corrected: `-q` shows nothing of a run that succeeds."""
    done = run(tmp_path, "script.py", "-q")
    assert (done.returncode, done.stdout) == (0, "")
    assert "it is good" not in done.stderr


def test_a_version_is_told() -> None:
    """20.16: corrected: `flowkit --version`; settings and the installation by `config` and `doctor`."""
    from importlib.metadata import version

    command = [sys.executable, "-m", "flowkit", "--version"]
    assert version("flowkit-runner") in subprocess.run(command, capture_output=True, text=True).stdout
