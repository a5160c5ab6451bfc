"""`flowkit`, `graph`, `config`, help and version: what a person asks before running anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from command_shell import Shell

from flowkit import __version__
from flowkit.cli import command_tree

MADE = """
    from typing import Literal
    from flowkit import flow, task

    @task
    def load(number):
        return number

    @task
    def join(parts):
        return parts

    @flow(build=["width", "mode"])
    def made(width: int, mode: Literal["fast", "slow"] = "fast"):
        return join([load(number) for number in range(width)])
"""
DRAWN = """\
╭──────╮    ╭────────╮
│ load │    │ load-2 │
╰───┬──╯    ╰────┬───╯
    ╰─────┬──────╯
          ▼
      ╭──────╮
      │ join │
      ╰──────╯
"""


def test_help_is_whole_in_a_narrow_terminal(shell: Shell) -> None:
    for command in command_tree.tree():
        said = shell(*command.split(), "--help", env={"COLUMNS": "40"})
        assert max(map(len, said.out.splitlines())) <= 40
    assert "\n  --fail-fast\n      Start nothing" in shell("run", "--help", env={"COLUMNS": "40"}).out


def test_help_and_version_are_data(shell: Shell) -> None:
    script = [str(Path(sys.executable).parent / "flowkit")]
    assert shell("--version", prefix=script).out == f"flowkit {__version__}\n"
    assert "flowkit run" in shell("run", "--help").out
    said = shell("--help")
    assert said.err == ""
    for command in (
        *("run", "resume", "register", "graph", "list", "show", "unregister", "config"),
        *("runs", "logs", "cancel", "clean", "backup", "doctor"),
    ):
        assert f"│ {command} " in said.out


def test_what_is_asked_wrongly_exits_2_with_nothing_on_stdout(shell: Shell) -> None:
    for arguments, says in (
        (["grap"], "hint: did you mean `graph`?"),
        (["run"], "`flowkit run` needs the name of a flow"),
        (["list", "--nope"], "`flowkit list` has no option `--nope`"),
        (["graph", "x", "--format", "gif"], "'mermaid'"),
    ):
        said = shell(*arguments, code=2)
        assert says in said.err
        assert said.out == ""


def test_a_graph_is_drawn_from_build_parameters(shell: Shell) -> None:
    shell.write("flows/made.py", MADE)
    said = shell("graph", "made", "-p", "width=2")
    assert said.out == DRAWN
    assert said.err == ""
    missing = shell("graph", "made", code=2)
    assert missing.sentence == "the flow `made` cannot run: `width` is required, and was not given"
    assert "`width` cannot be `x`" in shell("graph", "made", "-p", "width=x", code=2).sentence
    assert (
        "`depth` is not a parameter"
        in shell("graph", "made", "-p", "depth=1", "-p", "width=1", code=2).sentence
    )


def test_a_graph_has_four_formats_and_two_directions_and_goes_to_a_file(shell: Shell) -> None:
    shell.write("flows/made.py", MADE)
    arguments = ["graph", "made", "-p", "width=2"]
    document = json.loads(shell(*arguments, "--format", "json").out)
    assert [node["key"] for node in document["nodes"]] == ["load", "load-2", "join"]
    assert shell(*arguments, "-f", "mermaid", "--direction", "right").out.startswith("flowchart LR\n")
    said = shell(*arguments, "-f", "dot", "-o", "made.dot")
    assert (said.out, said.err) == ("", "wrote made.dot\n")
    assert (shell.folder / "made.dot").read_text().startswith('digraph "made" {')
    nowhere = shell(*arguments, "-o", "no/such/folder.txt", code=2)
    assert nowhere.sentence == "`no/such/folder.txt` cannot be written: No such file or directory"


def test_a_graph_is_drawn_in_ascii_and_in_lanes_where_it_must_be(shell: Shell) -> None:
    shell.write("flows/made.py", MADE)
    assert shell("graph", "made", "-p", "width=2", env={"PYTHONIOENCODING": "ascii"}).out.isascii()
    wide = shell("graph", "made", "-p", "width=300", env={"COLUMNS": "40"}).out
    assert "load-300" in wide
    assert max(map(len, wide.splitlines())) <= 40


def origins(shell: Shell, **env: str) -> dict[str, tuple[object, str]]:
    rows = json.loads(shell("config", "--json", env=env).out)
    return {key: (row["value"], row["origin"]) for key, row in rows.items() if key != "schema"}


def test_settings_name_where_each_came_from(shell: Shell) -> None:
    assert origins(shell)["executor"] == ("threads", "default")
    shell.write("pyproject.toml", '[tool.flowkit]\nexecutor = "inline"\n')
    assert origins(shell)["executor"] == ("inline", f"{shell.folder}/pyproject.toml:2")
    shell.write("flowkit.toml", 'workers = 3\n[logging]\nlevel = "ERROR"\n')
    found = origins(shell, FLOWKIT_WORKERS="5")
    assert found["workers"] == (5, "FLOWKIT_WORKERS")
    assert found["logging.level"] == ("ERROR", f"{shell.folder}/flowkit.toml:3")
    assert shell("config").out.splitlines()[0].split() == ["SETTING", "VALUE", "FROM"]


def test_all_wrong_settings_are_said_at_once(shell: Shell) -> None:
    shell.write("flows/made.py", MADE)
    shell.write("flowkit.toml", 'executor = "rocket"\nnope = 1\n[logging]\nlevel = "LOUD"\n')
    for arguments in (["config"], ["run", "made"]):
        said = shell(*arguments, code=2)
        for what in ("flowkit.toml:1`: `executor`", "there is no setting `nope`", "`logging.level`"):
            assert what in said.err
    assert shell("--version").out == f"flowkit {__version__}\n"


def test_the_help_names_no_type_of_a_switch_which_takes_no_value(shell: Shell) -> None:
    shell.write(
        "flows/one.py",
        "from flowkit import flow\n\n@flow\ndef one(number: int = 3, fast: bool = True): ...\n",
    )
    for command in (
        (),
        ("run",),
        ("run", "one"),
        ("runs",),
        ("runs", "show"),
        ("cache", "clear"),
        ("doctor",),
    ):
        text = shell(*command, "--help").out
        assert "<bool>" not in text and "--help" in text
    text = shell("run", "one", "--help").out
    assert "--quiet" in text and "--number" in text
    assert not [line for line in text.splitlines() if "--quiet" in line and "<" in line]
    assert [line for line in text.splitlines() if "--number" in line and "INT" in line]
