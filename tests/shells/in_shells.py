"""Completion in bash, zsh and fish, as the real shells do it.

`make test-shells` runs this; it needs all three, which `make test` does not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shell_in_terminal import PATIENCE, InteractiveShell, environment

FLOWS = """
    from typing import Literal

    from flowkit import flow, task

    @task
    def load(path):
        return path

    @task
    def clean(rows):
        return rows

    @flow
    def tidy_rows(path: str = "rows.csv", how: Literal["fast", "slow"] = "fast", dry: bool = False):
        '''Tidy the rows.'''
        return clean(load(path))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a registered flow that has run, and the scripts where `--install` puts them."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "project"
    (folder / "flows").mkdir(parents=True)
    (home / ".bashrc").write_text("PS1='READY '\n")  # the system's own takes that of the environment away
    path = folder / "flows" / "tidy.py"
    path.write_text("\n".join(line[4:] for line in FLOWS.splitlines()) + "\n")
    for command in (["register"], ["run", "tidy_rows", "-q"], *_installing()):
        done = _run(["flowkit", *command], folder)
        assert done.returncode == 0, done.stderr
    path.write_text("raise SystemExit('completion has loaded a flow file')\n")
    return folder


def _installing() -> list[list[str]]:
    return [["completion", shell, "--install"] for shell in ("bash", "zsh", "fish")]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder.parent),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def in_fish(project: Path, line: str) -> list[str]:
    """What fish offers, as it starts for this user."""
    done = _run(["fish", "-c", f"complete -C '{line}'"], project)
    assert done.stderr == ""
    return [each.replace("\t", " -- ") for each in done.stdout.splitlines()]


def test_fish_offers_flows_with_what_they_do(project: Path) -> None:
    assert in_fish(project, "flowkit run ti") == ["tidy_rows -- Tidy the rows."]


def test_fish_offers_commands_parameters_choices_runs_and_tasks(project: Path) -> None:
    assert [each.partition(" -- ")[0] for each in in_fish(project, "flowkit ru")] == ["run", "runs"]
    assert in_fish(project, "flowkit run tidy_rows --h") == [
        "--how -- Literal['fast', 'slow'] = 'fast'",
        "--help -- Show what there is, and how it is called.",
    ]
    assert in_fish(project, "flowkit run tidy_rows --how ") == ["fast", "slow"]
    assert in_fish(project, "flowkit run tidy_rows --how=s") == ["--how=slow"]
    assert in_fish(project, "flowkit why 1 ") == ["load", "clean"]
    assert in_fish(project, "flowkit resume 1")[0].startswith("1 -- tidy_rows, ok, ")


def test_fish_offers_files_where_flowkit_knows_nothing(project: Path) -> None:
    assert [each.partition(" -- ")[0] for each in in_fish(project, "flowkit register flows/ti")] == [
        "flows/tidy.py"
    ]


def in_zsh(project: Path) -> InteractiveShell:
    """zsh, as it starts for this user."""
    return InteractiveShell(
        ["zsh", "-i", "+o", "promptsp"], project, {**environment(project.parent), "DISABLE_AUTO_UPDATE": "1"}
    )


def test_zsh_completes_flows_and_parameters(project: Path) -> None:
    with in_zsh(project) as zsh:
        zsh.read_until("READY ")
        zsh.type("flowkit run ti\t")
        zsh.read_until("tidy_rows ")
        zsh.type("--ho\t")
        zsh.read_until("--how ")
        zsh.type("s\t")
        zsh.read_until("slow ")


def test_zsh_lists_what_there_is_with_what_it_does(project: Path) -> None:
    with in_zsh(project) as zsh:
        zsh.read_until("READY ")
        zsh.type("flowkit why 1 \t\t")
        zsh.read_until("load")
        zsh.read_until("clean")


def test_zsh_lists_parameters_before_other_options(project: Path) -> None:
    with in_zsh(project) as zsh:
        zsh.read_until("READY ")
        zsh.type("flowkit run tidy_rows --\t\t")
        zsh.read_until("--how         -- Literal['fast', 'slow'] = 'fast'")
        zsh.read_until("--dry")
        zsh.read_until("--module")


def test_zsh_completes_files_where_flowkit_knows_nothing(project: Path) -> None:
    with in_zsh(project) as zsh:
        zsh.read_until("READY ")
        zsh.type("flowkit register flows/ti\t")
        zsh.read_until("flows/tidy.py")


def in_bash(project: Path) -> InteractiveShell:
    """bash, as it starts for this user."""
    return InteractiveShell(["bash", "-i"], project, environment(project.parent))


def test_bash_completes_flows_parameters_and_values_behind_an_equals_sign(project: Path) -> None:
    with in_bash(project) as bash:
        bash.read_until("READY ")
        bash.type("flowkit run ti\t")
        bash.read_until("tidy_rows ")
        bash.type("--ho\t")
        bash.read_until("--how ")
        bash.type("\x15flowkit run tidy_rows --how=s\t")
        bash.read_until("--how=slow ")
        bash.type("\x15flowkit graph flows/ti\t")
        bash.read_until("flows/tidy.py ")


def test_bash_lists_the_tasks_of_a_run(project: Path) -> None:
    with in_bash(project) as bash:
        bash.read_until("READY ")
        bash.type("flowkit why 1 \t\t")
        bash.read_until("load")
        bash.read_until("clean")
