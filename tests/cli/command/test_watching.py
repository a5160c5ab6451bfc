"""`flowkit run --watch`: files that change as they do under a person's hands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_shell import TIMEOUT, Shell

FLOW = """
    from pathlib import Path
    from flowkit import flow, task
    from helper import greeting

    @task
    def greet(rows):
        print(greeting(), rows.read_text() if rows.is_file() else len(list(rows.iterdir())), flush=True)

    @flow
    def greets(rows: Path = Path("rows.txt"), width: int = 1):
        greet(rows)
"""
LONG = """
    import threading
    from flowkit import flow, task

    @task
    def quick():
        print("quick is done", flush=True)

    @task
    def long():
        print("long has begun", flush=True)
        threading.Event().wait(300)

    @flow
    def greets():
        quick()
        long()
"""
IDLE = "watching "


class Watching:
    """A watched run, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, wanted: str) -> list[str]:
        """The lines up to and with the first that has this text."""
        assert self.process.stderr is not None
        found = []
        for line in self.process.stderr:
            found.append(line.rstrip("\n"))
            if wanted in line:
                return found
        raise AssertionError(f"{wanted!r} never came: {found}")

    def ends(self, number: int) -> int:
        """Its exit code after a signal to it and to all it has started, as a terminal sends one."""
        os.killpg(self.process.pid, number)
        return self.process.wait(TIMEOUT)


@contextmanager
def watching(shell: Shell, *arguments: str, **environ: str) -> Iterator[Watching]:
    process = shell.start("run", "greets", "--watch", "--output", "live", *arguments, **environ)
    try:
        with process:
            try:
                yield Watching(process)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        process.wait(TIMEOUT)


@pytest.fixture
def greeting(shell: Shell) -> Shell:
    shell.write("flows/greets.py", FLOW)
    shell.write("flows/helper.py", "def greeting(): return 'hello'\n")
    shell.write("rows.txt", "3 rows")
    return shell


def printed(lines: list[str]) -> list[str]:
    return [line.partition(" | ")[2] for line in lines if " | " in line]


def test_it_runs_again_when_the_flow_or_a_module_of_it_changes(greeting: Shell) -> None:
    with watching(greeting) as run:
        assert printed(run.until(IDLE)) == ["hello 3 rows"]
        greeting.write("flows/helper.py", "def greeting(): return 'good morning'\n")
        lines = run.until(IDLE)
        assert "flows/helper.py changed" in lines
        assert printed(lines) == ["good morning 3 rows"]
        new = greeting.write("flows/greets.py.new", FLOW.replace("greeting(), ", "'moved', "))
        new.rename(greeting.folder / "flows" / "greets.py")  # as editors save
        assert printed(run.until(IDLE)) == ["moved 3 rows"]
        assert run.ends(signal.SIGINT) == 130


def test_what_a_parameter_names_counts_and_what_is_not_the_flows_does_not(greeting: Shell) -> None:
    with watching(greeting) as run:
        assert run.until(IDLE)[-1] == "watching 3 files · ctrl-c ends"
        greeting.write("tests/test_it.py", "")
        greeting.write("flows/other.txt", "")
        (greeting.folder / "flows" / "helper.pyc").touch()
        greeting.write("rows.txt", "4 rows")
        lines = run.until(IDLE)
        assert "rows.txt changed" in lines
        assert printed(lines) == ["hello 4 rows"]


def test_what_a_task_depends_on_and_each_of_several_paths_count(greeting: Shell) -> None:
    text = FLOW.replace("@task", "@task(depends_on=[Path('prices.toml')])")
    greeting.write("flows/greets.py", text.replace("width: int = 1", "more: list[Path] = []"))
    greeting.write("prices.toml", "")
    greeting.write("more.txt", "")
    with watching(greeting, "--more", "more.txt") as run:
        run.until(IDLE)
        greeting.write("prices.toml", "a = 1\n")
        assert "prices.toml changed" in run.until(IDLE)
        greeting.write("more.txt", "more")
        assert "more.txt changed" in run.until(IDLE)


def test_a_file_that_is_new_in_a_folder_that_a_parameter_names_counts(greeting: Shell) -> None:
    greeting.write("rows/1.csv", "")
    with watching(greeting, "--rows", "rows") as run:
        assert printed(run.until(IDLE)) == ["hello 1"]
        greeting.write("rows/2.csv", "")
        assert printed(run.until(IDLE)) == ["hello 2"]


def test_what_a_run_writes_is_no_reason_for_another(greeting: Shell) -> None:
    greeting.write("flows/greets.py", FLOW.replace("print(", "rows.write_text('5 rows'); print("))
    with watching(greeting) as run:
        assert printed(run.until(IDLE)) == ["hello 5 rows"]
        greeting.write("flows/helper.py", "def greeting(): return 'bye'\n")
        lines = run.until(IDLE)
        assert [line for line in lines if "changed" in line] == ["flows/helper.py changed"]


def test_a_file_that_cannot_be_loaded_is_said_and_the_watch_goes_on(greeting: Shell) -> None:
    with watching(greeting) as run:
        run.until(IDLE)
        greeting.write("flows/helper.py", "def greeting(: return 'oops'\n")
        lines = run.until(IDLE)
        assert any("flows/helper.py:1" in line for line in lines)
        assert lines[-1] == "watching all Python files of the project · ctrl-c ends"
        greeting.write("flows/helper.py", "from words import greeting\n")
        assert any("words" in line for line in run.until(IDLE))
        greeting.write("flows/words.py", "def greeting(): return 'mended'\n")
        assert printed(run.until(IDLE)) == ["mended 3 rows"]


def test_a_run_that_goes_on_is_stopped_as_by_ctrl_c_and_its_results_are_kept(shell: Shell) -> None:
    shell.write("flows/greets.py", LONG)
    with watching(shell) as run:
        run.until("long has begun")
        shell.write("flows/greets.py", LONG.replace("300", "0"))
        lines = run.until(IDLE)
        assert "flows/greets.py changed, so the run was stopped" in lines
        assert any(line.endswith("stopped, as flows/greets.py changed") for line in lines)
        assert not any("ctrl-c" in line for line in lines[:-1])
        assert run.ends(signal.SIGINT) == 130
    assert "interrupted" in shell("runs", "show", "1").out
    assert " ok " in shell("runs").out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_with_the_run_that_goes_on(shell: Shell, number: int, code: int) -> None:
    shell.write("flows/greets.py", LONG)
    with watching(shell) as run:
        run.until("long has begun")
        assert run.ends(number) == code
    assert "running" not in shell("runs").out


def test_a_signal_to_the_watcher_alone_ends_the_run_too(shell: Shell) -> None:
    shell.write("flows/greets.py", LONG)
    with watching(shell) as run:
        run.until("long has begun")
        run.process.terminate()
        assert run.process.wait(TIMEOUT) == 143
    assert "running" not in shell("runs").out


def test_what_was_asked_wrongly_from_the_start_ends_it(greeting: Shell) -> None:
    with watching(greeting, "--nope") as run:
        assert run.process.wait(TIMEOUT) == 2
        assert "`--nope`" in "".join(run.process.stderr or ())


def test_without_watchfiles_it_says_what_to_install(greeting: Shell, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "watchfiles.py"
    hidden.parent.mkdir()
    hidden.write_text("raise ImportError('hidden')\n")
    said = greeting(
        "run",
        "greets",
        "--watch",
        code=2,
        prefix=[sys.executable, "-m", "flowkit"],
        env={"PYTHONPATH": str(hidden.parent)},
    )
    assert said.sentence == "`flowkit run --watch` needs `watchfiles`"
    assert said.hints == ["`pip install 'flowkit-runner[watch]'`"]
