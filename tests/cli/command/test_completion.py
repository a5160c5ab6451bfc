"""Completion: what TAB offers, from the registry, the syntax of flow files and the history alone."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from command_history import MadeHistory
from command_shell import Shell

from flowkit.cli import command_tree

MADE = """
    from typing import Annotated, Literal

    from flowkit import Flow, Parameter, flow, secret, task

    open("marker", "w")

    @task
    def load(path):
        return path

    @flow
    def made(
        width: int,
        mode: Literal["fast", "slow"] = "fast",
        dry_run_only: bool = False,
        token: Annotated[str, secret] = "x",
        name: str = "a",
    ):
        '''Make it. And more.'''
        return load(width)

    with Flow("classic one") as classic:
        load(Parameter("days", default=3))
"""
BREAKS = " \t\n\"'@><=;|&(:"


@pytest.fixture
def making(shell: Shell) -> Shell:
    """A shell where a file, which would leave a mark, has two flows; none is registered."""
    shell.write("flows/made.py", MADE)
    return shell


def asked(shell: Shell, line: str) -> subprocess.CompletedProcess[str]:
    """The answer that bash's script gets for a line, whose end is where the cursor is."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowkit", line, BREAKS],
        cwd=shell.folder,
        env={**shell.environ, "_FLOWKIT_COMPLETE": "bash"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (shell.folder / "marker").exists()
    return done


def offered(shell: Shell, line: str) -> list[str]:
    return asked(shell, line).stdout.splitlines()


def test_commands_and_what_is_below_them(shell: Shell) -> None:
    assert offered(shell, "flowkit ru") == ["run", "runs"]
    assert offered(shell, "flowkit runs ") == ["show"]
    assert {"ls", "why", "clear"} == set(offered(shell, "flowkit cache "))
    assert "--version" in offered(shell, "flowkit --")


def test_flows_and_their_parameters_without_a_registry(making: Shell) -> None:
    assert offered(making, "flowkit run m") == ["made"]
    assert offered(making, "flowkit graph ") == [r"classic\ one", "made"]
    assert offered(making, 'flowkit run "cl') == ["classic one"]
    found = offered(making, "flowkit run made --")
    assert found[:4] == ["--width", "--mode", "--dry-run-only", "--no-dry-run-only"]
    assert {"--name", "--select", "--executor"} < set(found)
    assert "--token" not in found
    assert offered(making, r"flowkit run classic\ one --d") == ["--days", "--dry-run", "--debug"]


def test_values_of_parameters_and_options(making: Shell) -> None:
    assert offered(making, "flowkit run made --mode ") == ["fast", "slow"]
    assert offered(making, "flowkit run made --mode=s") == ["slow"]
    assert offered(making, "flowkit run made --output=l") == ["live"]
    assert "threads" in offered(making, "flowkit run made --executor ")
    assert offered(making, "flowkit run made -p w") == ["width="]
    assert offered(making, "flowkit graph made -p w") == ["width="]
    assert "--width" not in offered(making, "flowkit graph made --")
    assert "failed" in offered(making, "flowkit runs --status ")


def test_an_option_that_is_given_is_not_offered_again(making: Shell) -> None:
    found = offered(making, "flowkit run made --width 3 --json -p name=b --")
    assert not {"--width", "--json"} & set(found)
    assert "--param" in found


def test_what_is_registered_is_known_when_the_file_is_broken(making: Shell) -> None:
    path = making.folder / "flows" / "made.py"
    path.write_text(path.read_text().replace('open("marker", "w")', ""))
    making("register")
    path.write_text("open('marker', 'w')\nthis is no Python\n")
    assert offered(making, "flowkit show ma") == ["made"]
    assert offered(making, "flowkit run made --w")[0] == "--width"
    assert offered(making, "flowkit run made --mode ") == ["fast", "slow"]


def test_runs_and_tasks_of_the_history(shell: Shell) -> None:
    history = MadeHistory(shell.folder / ".flowkit")
    number = str(history.run())
    [(name,)] = history.rows("SELECT name FROM runs")
    history.close()
    assert offered(shell, "flowkit logs ") == ["latest", "failed", number, name]
    assert offered(shell, f"flowkit why {name} ") == offered(shell, f"flowkit why {number} ") != []
    assert offered(shell, "flowkit diff 1 la") == ["latest"]


def test_tasks_of_the_latest_run_of_the_flow_for_what_selects_them(making: Shell) -> None:
    path = making.folder / "flows" / "made.py"
    path.write_text(path.read_text().replace('open("marker", "w")', ""))
    making("run", "made", "--width", "1", "-q")
    assert offered(making, "flowkit run made --select ") == ["load"]
    assert offered(making, "flowkit run made --select 2+l") == ["2+load"]
    assert offered(making, "flowkit run made --force l") == ["load"]
    assert offered(making, "flowkit why latest l") == ["load"]


def test_nothing_where_there_is_nothing_to_offer(shell: Shell) -> None:
    lines = ("flowkit logs ", "flowkit why 7 ", "flowkit nonsense ", "flowkit register f", "flowkit \"'", "")
    for line in lines:
        assert offered(shell, line) == []
    state = shell.folder / ".flowkit"
    state.mkdir(mode=0o700)
    (state / "registry.toml").write_text("schema = ")
    (state / "history.db").write_text("no database")
    assert offered(shell, "flowkit run ") == offered(shell, "flowkit logs ") == []
    assert (state / "history.db").read_text() == "no database"


def test_it_looks_where_the_settings_say(shell: Shell) -> None:
    shell.write("flowkit.toml", 'flows = "jobs"\n')
    shell.write("jobs/made.py", MADE)
    assert offered(shell, "flowkit run m") == ["made"]


@pytest.mark.parametrize("line", ["flowkit ", "flowkit run ", "flowkit run made --", "flowkit logs "])
def test_it_takes_less_than_three_tenths_of_a_second(making: Shell, line: str) -> None:
    """Of processor time, which others on this machine change but a little; the best of three."""
    asked(making, line)  # makes the byte code
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        asked(making, line)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) < 0.3


def test_the_file_of_commands_says_what_the_commands_are() -> None:
    written = json.loads(command_tree.FILE.read_text(encoding="utf-8"))
    assert written == command_tree.tree(), "`python -m flowkit.cli.command_tree` writes it again"
    assert command_tree.text(written) == command_tree.FILE.read_text(encoding="utf-8")


def in_bash(shell: Shell, line: str) -> list[str]:
    """What bash takes over, by its script as `flowkit completion` prints it."""
    script = """
        eval "$(flowkit completion bash)"
        COMP_LINE=$1 COMP_POINT=${#1}
        _flowkit flowkit
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = shell("-c", script, "bash", line, prefix=["bash"], env={"PATH": path})
    return said.out.split("\n")[:-1]


def test_bash_puts_in_what_follows_the_place_where_it_cuts(making: Shell) -> None:
    assert in_bash(making, "flowkit run ma") == ["made"]
    assert in_bash(making, "flowkit run made --mode=f") == ["fast"]
    assert in_bash(making, "flowkit graph cl") == [r"classic\ one"]


def test_it_installs_itself_once_and_says_where(shell: Shell) -> None:
    home = shell.folder.parent / "home"
    home.mkdir()
    bashrc = home / ".bashrc"
    bashrc.write_text("alias ll='ls -l'")
    for _ in range(2):
        said = shell("completion", "bash", "--install")
    script = home / ".local" / "share" / "flowkit" / "completion.bash"
    assert said.err.splitlines()[0] == f"wrote {script}"
    assert bashrc.read_text() == f"alias ll='ls -l'\nsource {script}  # completion of flowkit\n"
    assert script.read_text() == shell("completion", "bash").out
    said = shell("completion", "fish", "--install", env={"XDG_CONFIG_HOME": ""})
    assert (home / ".config" / "fish" / "completions" / "flowkit.fish").is_file()
    assert "exec fish" in said.hints[0]


def test_a_shell_without_a_script_is_named(shell: Shell) -> None:
    said = shell("completion", code=2, env={"SHELL": "/bin/tcsh"})
    assert said.sentence == "`$SHELL` does not name a shell that can be completed: `/bin/tcsh`"
    assert shell("completion", env={"SHELL": "/usr/bin/zsh"}).out.startswith("#compdef flowkit")
