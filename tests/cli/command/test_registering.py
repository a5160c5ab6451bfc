"""`register`, `list`, `show`, `unregister`: the registry from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_shell import Shell

ETL = '''
    from flowkit import flow, task

    @task
    def extract(day: str) -> list[int]:
        return [1, 2]

    @flow
    def etl(day: str = "today", limit: int = 3, workers: int = 1):
        """Sum up a day. In detail."""
        return extract(day)
'''
WARNING = (
    "warning: the parameter `workers` of `etl` has no option of its own; give it by `-p workers=VALUE`\n"
)


def test_a_flow_is_new_then_unchanged_then_changed_then_gone(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    shell.write("flows/other.py", ETL.replace("def etl", "def other").replace("workers", "n"))

    stale = shell("register", "--check", code=1)
    assert stale.out == "new  etl    v1  flows/etl.py:etl\nnew  other  v1  flows/other.py:other\n"
    assert stale.err.startswith(f"{WARNING}the registry is out of date\nhint: `flowkit register`")
    assert not (shell.folder / ".flowkit").exists(), "--check wrote something"

    assert shell("register").err == WARNING
    known = shell("register", "--check")
    assert known.out == "unchanged  etl    v1  flows/etl.py:etl\nunchanged  other  v1  flows/other.py:other\n"
    assert known.err == ""

    shell.write("flows/etl.py", ETL.replace("limit: int = 3", "limit: int = 4"))
    (shell.folder / "flows/other.py").unlink()
    assert shell("register").out == (
        "changed  etl    v1 → v2  flows/etl.py:etl\ngone     other  v1       flows/other.py:other\n"
    )
    assert "flows/other.py" in shell("list").out, "what is gone stays until it is pruned"
    gone = shell("run", "other", code=2)
    assert gone.sentence == "the flow `other` was registered from `flows/other.py`, which no longer exists"
    shell("register", "--check", "--prune", code=1)
    assert "removed    other" in shell("register", "--prune").out
    assert "other" not in shell("list").out


def test_register_takes_files_and_folders_and_speaks_json(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    shell.write("jobs/nightly.py", ETL.replace("def etl", "def nightly"))
    document = json.loads(shell("register", "jobs/nightly.py", "--json").out)
    assert [entry["name"] for entry in document["new"]] == ["nightly"]
    assert document["new"][0]["parameters"][1] == {
        "name": "limit",
        "type": "int",
        "default": "3",
        "secret": False,
    }
    assert document["errors"] == []
    assert shell("register", "jobs", "flows").out == (
        "new        etl      v1  flows/etl.py:etl\nunchanged  nightly  v1  jobs/nightly.py:nightly\n"
    )
    nowhere = shell("register", "nowhere", code=2)
    assert nowhere.sentence.startswith("there is no file or folder `")
    assert nowhere.out == ""


def test_list_and_show_say_what_is_known_without_loading_anything(shell: Shell) -> None:
    empty = shell("list")
    assert (empty.out, empty.hints) == (
        "",
        ["`flowkit register` reads the flow files and writes the registry"],
    )
    path = shell.write("flows/etl.py", ETL)
    shell("register")
    path.write_text("raise SystemExit('loaded')")

    assert shell("list").out == (
        "NAME  VERSION  TASKS  DEFINED IN        DESCRIPTION\n"
        "etl   v1       1      flows/etl.py:etl  Sum up a day\n"
    )
    assert [entry["name"] for entry in json.loads(shell("list", "--json").out)] == ["etl"]
    shown = shell("show", "etl")
    assert re.search(r"^registered +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", shown.out, re.MULTILINE)
    assert shown.err == ""
    assert shown.out.splitlines()[:3] == [
        "name         etl",
        "description  Sum up a day. In detail.",
        "defined in   flows/etl.py:etl",
    ]
    assert shown.out.splitlines()[-4:] == [
        "parameters",
        "  day      str  = 'today'",
        "  limit    int  = 3",
        "  workers  int  = 1",
    ]
    assert json.loads(shell("show", "etl", "--json").out)["fingerprint"].startswith("sha256:")


def test_unregister_takes_a_flow_out_and_leaves_its_file(shell: Shell) -> None:
    path = shell.write("flows/etl.py", ETL)
    shell("register")
    assert shell("unregister", "etl").err == "unregistered etl; flows/etl.py:etl is as it was\n"
    assert path.exists()
    for command in ("unregister", "show"):
        unknown = shell(command, "etl", code=2)
        assert unknown.sentence == "no flow called `etl` is registered"
        assert unknown.out == ""


def test_a_file_that_fails_is_reported_and_the_others_are_registered(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    shell.write("flows/hangs.py", "while True: pass\n")
    shell.write("flows/asks.py", "name = input('who? ')\n")
    shell.write("flows/leaves.py", "import os\nos._exit(0)\n")
    shell.write("flows/exits.py", "import sys\nsys.exit()\n")
    shell.write("flows/broken.py", "def f(:\n")
    shell.write("flows/lacks.py", "import pandaz\n")
    said = shell("register", code=3, env={"FLOWKIT_REGISTER__TIMEOUT": "1"})
    assert said.out == "new  etl  v1  flows/etl.py:etl\n"
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == [
        "error: `flows/asks.py:1` reads from the keyboard while it is loaded",
        "error: `flows/broken.py:1:7` is not valid Python: invalid syntax",
        "error: `flows/exits.py:2` calls `sys.exit()` while it is loaded",
        "error: `flows/hangs.py:1` was still running after 1 second of loading",
        "error: `flows/lacks.py:1` imports `pandaz`, which is not installed",
        "error: `flows/leaves.py` ended its process with exit code 0 while it was loaded",
    ]
    document = json.loads(shell("register", "flows/lacks.py", "--json", code=3).out)
    assert document["errors"][0]["message"] == "`flows/lacks.py:1` imports `pandaz`, which is not installed"


def test_two_flows_of_one_name_are_refused_and_neither_is_registered(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    shell.write("flows/twin.py", ETL)
    twins = shell("register", code=3)
    assert twins.sentence == "two flows are called `etl`: `flows/etl.py:etl` and `flows/twin.py:etl`"
    assert shell("list").out == ""


NAMES = """
    from flowkit import Flow, task

    @task
    def a(): pass

    with Flow("right\\u202eleft") as f1: a()
    with Flow("../x") as f2: a()
    with Flow("[bold]b[/bold]") as f3: a()
    with Flow("'; DROP TABLE") as f4: a()
    with Flow("penguin 🐧") as f5: a()
"""


def test_names_that_could_deceive_are_shown_escaped_and_found_verbatim(shell: Shell) -> None:
    shell.write("flows/names.py", NAMES)
    shell("register")
    listed = shell("list").out
    for shown in ("'; DROP TABLE ", "../x ", "[bold]b[/bold] ", "penguin 🐧 ", "right\\u202eleft "):
        assert shown in listed
    assert "\u202e" not in listed
    assert shell("show", "right\u202eleft").out.startswith("name        right\\u202eleft\n")
    assert "✓ 1 ok" in shell("run", "../x", "-q").err
    for name in ("\x1b[31mred\n", "x" * 5000):
        unknown = shell("show", name, code=2)
        assert unknown.sentence.startswith("no flow called `")
        assert "\x1b" not in unknown.err
        assert len(unknown.err) < 300


def test_names_that_no_flow_may_have_end_in_one_line_each(shell: Shell) -> None:
    for place, name in enumerate(["", "red\\x1b[0m", "a\\nb", "nul\\x00", "x" * 5000]):
        shell.write(f"flows/odd{place}.py", f'from flowkit import Flow\nwith Flow("{name}") as f: pass\n')
    refused = shell("register", code=3)
    errors = [line for line in refused.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 5
    for place, error in enumerate(errors):
        assert f"`flows/odd{place}.py:2`" in error
        assert len(error) < 400
    assert "\x1b" not in refused.err


GOOD = 'schema = 1\n\n[flows.etl]\nref = "flows/etl.py:etl"\n'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"schema = 1\n[flows.etl]\nref", "is not valid TOML"),
        (b"schema = 99\n", "was written by a newer flowkit: schema 99"),
        (b"<<<<<<< HEAD\nschema = 1\n", "holds an unfinished merge"),
        (b'schema = 1\n[flows.etl]\nref = "flows/etl.py:etl"\nversion = "x"\n', "`version`"),
    ],
    ids=["truncated", "newer", "merge", "types"],
)
def test_a_damaged_registry_is_named_and_left_as_it_is(shell: Shell, content: bytes, says: str) -> None:
    shell.write("flows/etl.py", ETL)
    state = shell.folder / ".flowkit"
    state.mkdir(mode=0o700)
    (state / "registry.toml").write_bytes(content)
    damaged = shell("register", code=2)
    assert f"{state}/registry.toml" in damaged.sentence
    assert says in damaged.sentence
    assert damaged.hints
    assert damaged.out == ""
    assert (state / "registry.toml").read_bytes() == content


def test_a_file_runs_also_where_the_registry_is_damaged(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    state = shell.folder / ".flowkit"
    state.mkdir(mode=0o700)
    (state / "registry.toml").write_text("schema = ")
    shell("show", "etl", code=2)
    shell("unregister", "etl", code=2)
    shell("run", "flows/etl.py", "-q")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root may write to")
def test_a_registry_that_cannot_be_written_is_said(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    nowhere = {"FLOWKIT_HOME": "/proc/nowhere"}
    refused = shell("register", code=2, env=nowhere)
    assert refused.sentence.startswith("the state folder `/proc/nowhere` cannot be made")
    assert refused.hints == ["set `FLOWKIT_HOME` to a folder of your own"]
    assert shell("run", "etl", "-q", code=2, env=nowhere).sentence == refused.sentence
    shell("run", "etl", "-q", env={**nowhere, "FLOWKIT_HISTORY": "false"})


def test_a_state_folder_that_others_may_write_is_refused(shell: Shell) -> None:
    shell.write("flows/etl.py", ETL)
    shell("register")
    (shell.folder / ".flowkit").chmod(0o777)
    refused = shell("list", code=2)
    assert refused.sentence == f"the state folder `{shell.folder}/.flowkit` may be written by others"
    assert refused.hints[0].startswith("run `chmod 700")
