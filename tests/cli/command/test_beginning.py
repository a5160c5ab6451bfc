"""The first five minutes: `flowkit` alone, and `flowkit init`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_shell import TIMEOUT, Shell

FILES = [
    ".gitignore",
    "flowkit.toml",
    *(f"flows/data/seattle-{year}.csv" for year in range(2012, 2016)),
    "flows/summers.py",
    "tests/test_summers.py",
]
FAILS = """
    from flowkit import flow, task
    open("marker", "w").close()

    @task
    def fail():
        raise ValueError("no")

    @flow
    def fails():
        '''Fail at once. And more.'''
        fail()
"""


def files(folder: Path) -> list[str]:
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if ".flowkit" not in path.parts and path.suffix != ".pyc")


@pytest.fixture
def empty(shell: Shell) -> Shell:
    (shell.folder / "flows").rmdir()
    return shell


def commands(said: str) -> list[str]:
    """The commands that are offered."""
    after = said.partition("\ntry\n")[2].partition("\n\n")[0]
    return [line.split("  ")[1] for line in after.splitlines()]


def test_in_an_empty_folder_it_points_to_init(empty: Shell) -> None:
    said = empty()
    assert commands(said.out) == ["flowkit init", "flowkit run FILE.py", "flowkit doctor"]
    assert "There are no flows in" in said.out
    assert files(empty.folder) == []


def test_the_flows_and_three_commands_that_fit(shell: Shell) -> None:
    shell.write("flows/fails.py", FAILS)
    said = shell()
    assert "\n  fails  Fail at once\n" in said.out
    assert commands(said.out) == ["flowkit run fails", "flowkit graph fails", "flowkit register"]
    assert not (shell.folder / "marker").exists()
    shell("register")
    assert commands(shell().out)[2] == "flowkit list"
    shell("run", "fails", code=1)
    assert commands(shell().out) == ["flowkit run fails", "flowkit graph fails", "flowkit resume 1"]
    assert "go on with the latest run, which failed" in shell().out


def test_a_file_that_is_no_python_is_named_with_its_place(shell: Shell) -> None:
    shell.write("flows/only.py", "def a(x)\n    pass\n")
    said = shell()
    assert "in the way\n  flows/only.py:1:9  cannot be read: expected ':'\n" in said.out
    assert "There are no flows" not in said.out
    assert commands(said.out) == ["flowkit run FILE.py", "flowkit doctor"]


def test_a_flow_that_cannot_be_loaded_is_in_the_way_and_not_in_the_list(shell: Shell) -> None:
    flow = "from flowkit import flow\n@flow\ndef {}(): ...\n"
    shell.write("flows/imports.py", "import pandaz\n" + flow.format("alone"))
    shell.write("flows/helped.py", "import helper, flows.lib\n" + flow.format("helped"))
    shell.write("flows/helper.py", "")
    shell.write("flows/lib.py", "")
    gone = shell.write("flows/gone.py", flow.format("gone"))
    shell("register", "flows/gone.py")
    gone.unlink()
    said = shell()
    listed, _, rest = said.out.partition("in the way\n")
    assert listed.split("\n")[1:] == ["  helped", "", ""]
    assert rest.partition("\n\n")[0].splitlines() == [
        "  flows/imports.py:1  imports `pandaz`, which is not installed",
        "  `gone`              was registered from `flows/gone.py`, which is not there any more",
    ]


def test_of_two_flows_of_a_name_it_says_which_runs(shell: Shell) -> None:
    text = "from flowkit import flow, task\n@task\ndef a(): ...\n@flow\ndef same(): a()\n"
    shell.write("flows/a.py", text)
    shell("register")
    shell.write("flows/b.py", text)
    assert (
        "  `same`  is in `flows/a.py` and `flows/b.py`; the name means the one in `flows/a.py`\n"
        in shell().out
    )


def test_of_two_flows_of_a_name_a_command_says_which_it_takes(shell: Shell) -> None:
    text = "from flowkit import flow, task\n@task\ndef a(): ...\n@flow\ndef same(): a()\n"
    shell.write("flows/a.py", text)
    shell.write("flows/b.py", text + "@flow\ndef other(): a()\n")
    said = shell("run", "same", code=2)
    assert "two files have a flow called `same`: `flows/a.py:5` and `flows/b.py:5`" in said.sentence
    assert said.hints[0] == "choose one: `flowkit run flows/a.py:same` or `flowkit run flows/b.py:same`"
    assert "✓ 1 ok" in shell("run", "flows/b.py:same").err
    shell("register", "flows/a.py")
    for command in ("run", "graph"):
        assert (
            "note: `flows/b.py` has a flow called `same` too; "
            "the one that is registered, in `flows/a.py`, is taken\n"
        ) in shell(command, "same").err
    assert "note: " not in shell("run", "other").err


def test_it_offers_a_flow_that_runs_as_it_is_written_there(shell: Shell) -> None:
    text = "from flowkit import flow, task\n@task\ndef t(x=1): ...\n"
    shell.write("flows/a.py", f"{text}@flow\ndef a(n: int, workers: int): t(n)\n")
    assert commands(shell().out)[0] == "flowkit run a --n VALUE -p workers=VALUE"
    shell.write("flows/b.py", f"{text}@flow\ndef b(): t.missing\n")
    shell.write("flows/c.py", f"{text}@flow\ndef c(k: int = 1): t(k)\n")
    shell("register", code=3)
    assert commands(shell().out)[0] == "flowkit run c"


def test_it_makes_a_project_that_runs_at_once(empty: Shell) -> None:
    said = empty("init", "shop")
    shop = empty.folder / "shop"
    assert files(shop) == FILES
    assert said.out.splitlines()[0] == f"made in {shop}"
    for name in FILES:
        assert f"\n  {name}  " in said.out
    assert "\n  cd shop\n  flowkit run summers  " in said.out
    run = empty("run", "summers", "--warm", "30", cwd="shop")
    assert any(line.startswith("2015   26.8     35.0             23") for line in run.printed)
    assert "✓ 10 ok" in run.err
    assert "╔══════╗" in empty("graph", "summers", cwd="shop").out
    assert "--warm" in empty("run", "summers", "--help", cwd="shop").out
    assert (shop / ".flowkit").is_dir()


def test_its_test_passes_with_plain_pytest(empty: Shell) -> None:
    empty("init")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=empty.folder,
        env=empty.environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.stdout.splitlines()[-1].startswith("2 passed"), done.stdout + done.stderr


def test_nothing_is_overwritten_and_nothing_made_then(shell: Shell) -> None:
    mine = shell.write("flows/summers.py", "mine = 1\n")
    (shell.folder / "tests").mkdir()
    (shell.folder / "tests" / "test_summers.py").symlink_to("nowhere")
    said = shell("init", code=2)
    assert said.sentence.endswith("would be overwritten, so nothing was made:")
    assert "\n  flows/summers.py\n  tests/test_summers.py\n" in said.err
    assert mine.read_text() == "mine = 1\n"
    assert files(shell.folder) == ["flows/summers.py"]


def test_in_a_project_it_adds_what_is_missing(shell: Shell) -> None:
    shell.write("pyproject.toml", '[project]\nname = "shop"\n\n[tool.flowkit]\nflows = "jobs"\n')
    shell.write("jobs/own.py", "mine = 1\n")
    shell.write(".gitignore", "*.log\n.venv/")
    shell("init")
    found = files(shell.folder)
    assert "flowkit.toml" not in found
    assert {"jobs/own.py", "jobs/summers.py", "jobs/data/seattle-2012.csv", "tests/test_summers.py"} < set(
        found
    )
    assert (shell.folder / ".gitignore").read_text() == "*.log\n.venv/\n__pycache__/\n.pytest_cache/\n"
    assert "✓ 10 ok" in shell("run", "summers").err
    (shell.folder / "tests" / "test_summers.py").unlink()
    said = shell("init")
    assert [line.split()[0] for line in said.out.splitlines()[1:2]] == ["tests/test_summers.py"]
    assert shell("init").out.startswith(f"everything is in {shell.folder} already\n")


def test_a_folder_that_cannot_be_had_is_named(empty: Shell) -> None:
    empty.write("file", "")
    assert empty("init", "file", code=2).sentence == "`file` is a file, not a folder"
    assert "cannot be written" in empty("init", "file/below", code=2).sentence


def test_names_with_spaces_are_quoted_where_they_are_to_be_typed(empty: Shell) -> None:
    assert "\n  cd 'a shop'\n" in empty("init", "a shop").out
    assert [path.name for path in empty.folder.iterdir()] == ["a shop"]
