"""`flowkit doctor`: finds what is not sound, and repairs what can be."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from command_history import MadeHistory
from command_shell import Shell
from command_terminal import typed

import flowkit
from flowkit.cli import checks_around
from flowkit.cli.check import State
from flowkit.cli.checks_around import DISTRIBUTION, FOR_DEVELOPERS, GIVES


@pytest.fixture
def made(shell: Shell) -> Iterator[MadeHistory]:
    """The history of the shell's project, with a run."""
    history = MadeHistory(shell.folder / ".flowkit")
    history.run()
    yield history
    history.close()


def states(shell: Shell, *options: str, code: int = 0) -> dict[str, str]:
    return {
        check["check"]: check["state"]
        for check in json.loads(shell("doctor", "--json", *options, code=code).out)
    }


def test_a_new_project_is_sound_and_nothing_is_made_in_it(shell: Shell) -> None:
    assert set(states(shell).values()) <= {"ok", "note"}
    assert not (shell.folder / ".flowkit").exists()


def test_what_is_sound_says_where_everything_is(shell: Shell, made: MadeHistory) -> None:
    said = shell("doctor")
    assert said.err == ""
    assert re.search(rf"\[ok\] +history +{re.escape(str(made.path))}: 1 run", said.out)
    assert "results and logs of the latest 50 runs of a flow, 5 GiB in all; runs for 365 days" in said.out


def test_loose_permissions_are_a_problem_and_repaired(shell: Shell, made: MadeHistory) -> None:
    made.path.chmod(0o644)
    said = shell("doctor", code=1)
    assert "others may use history.db" in said.out
    assert "hint: `flowkit doctor --fix` repairs 1 thing" in said.err
    assert states(shell, "--fix")["permissions"] == "ok"
    made.folder.chmod(0o777)
    assert states(shell, code=1)["state folder"] == "error"
    assert states(shell, "--fix")["state folder"] == "ok"


def test_a_damaged_history_is_set_aside_and_what_can_be_read_saved(shell: Shell, made: MadeHistory) -> None:
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(page,)] = made.rows("SELECT rootpage FROM sqlite_master WHERE name='logs'")
    [(size,)] = made.rows("PRAGMA page_size")
    made.close()
    whole = bytearray(made.path.read_bytes())
    whole[(page - 1) * size : page * size] = b"\xff" * size
    made.path.write_bytes(whole)
    assert states(shell, code=1)["history"] == "error"
    assert made.path.read_bytes() == whole
    said = shell("doctor", "--fix")
    assert "history: saved 1 run; the damaged one is kept as " in said.err
    assert json.loads(shell("runs", "--json").out)[0]["run"] == 1
    assert states(shell)["set aside"] == "note"


def test_what_a_command_has_set_aside_is_saved_afterwards(shell: Shell, made: MadeHistory) -> None:
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    made.path.rename(made.folder / "history.db.corrupt-20260101-000000")
    assert states(shell, code=1)["set aside"] == "error"
    assert "saved 1 run of " in shell("doctor", "--fix").err
    assert len(json.loads(shell("runs", "--json").out)) == 1


def test_crashed_runs_and_litter_are_said_and_repaired(shell: Shell, made: MadeHistory) -> None:
    made.crashed()
    torn = made.results / ".999999999-aa.tmp"
    torn.write_bytes(b"torn")
    torn.chmod(0o600)
    found = states(shell)
    assert (found["crashed runs"], found["litter"]) == ("warning", "warning")
    said = shell("doctor", "--fix")
    assert "crashed runs: recorded 1 run as crashed" in said.err
    assert not torn.exists()
    assert states(shell)["litter"] == "ok"


def test_a_registry_settings_and_a_key_that_are_no_good_are_named(shell: Shell, made: MadeHistory) -> None:
    (made.folder / "registry.toml").write_text("<<<<<<< HEAD\n")
    shell.write("flowkit.toml", "nope = 1\n")
    key = shell.folder.parent / "home" / "config" / "flowkit" / "key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"k" * 32)
    key.chmod(0o644)
    found = states(shell, code=1)
    assert [found[name] for name in ("registry", "settings", "key")] == ["error"] * 3
    assert found["history"] == "ok"


def test_a_folder_in_place_of_the_history_is_named(shell: Shell) -> None:
    (shell.folder / ".flowkit").mkdir(mode=0o700)
    (shell.folder / ".flowkit" / "history.db").mkdir(mode=0o700)
    said = shell("doctor", code=1)
    assert "is not a file" in said.out
    assert "is not a file" in shell("runs", code=2).sentence


def found(shell: Shell, name: str, *, code: int = 0, **environ: str) -> list[dict[str, str]]:
    """The checks of this name."""
    said = shell("doctor", "--json", code=code, env=environ or None)
    return [check for check in json.loads(said.out) if check["check"] == name]


def test_each_sign_is_a_word(shell: Shell) -> None:
    shell.write("flows/bad.py", "import nothing_here\n")
    lines = shell("doctor", code=1).out.splitlines()
    signs = {line.split()[0] for line in lines}
    assert {"[ok]", "[note]", "[error]"} <= signs <= {"[ok]", "[note]", "[warning]", "[error]"}


def test_flow_files_are_loaded_in_children_and_what_is_wrong_is_said_with_its_line(shell: Shell) -> None:
    shell.write("flowkit.toml", "register.timeout = 1\n")
    shell.write("flows/fine.py", "from flowkit import flow\n\n@flow\ndef fine(): ...\n")
    shell.write("flows/syntax.py", "x = 1\ndef f(:\n")
    shell.write("flows/imports.py", "\nimport nothing_here\n")
    shell.write("flows/hangs.py", "import threading\nthreading.Event().wait()\n")
    shell.write("flows/kills.py", "import os\nos.kill(os.getpid(), 9)\n")
    said = shell("doctor", code=1)
    for each in (
        "`flows/syntax.py:2:7` is not valid Python",
        "`flows/imports.py:2` imports `nothing_here`, which is not installed",
        "`flows/hangs.py:2` was still running after 1 second of loading",
        "died of SIGKILL while it was loaded",
        "1 flow can be loaded; the registry is out of date (new: `fine`): `flowkit register`",
    ):
        assert each in said.out
    assert "found 4 errors" in said.err
    assert not (shell.folder / ".flowkit").exists()
    without = shell("doctor", "--no-flows").out
    assert "syntax.py" not in without and "[error]" not in without


def test_a_registered_file_that_is_gone_is_named(shell: Shell) -> None:
    path = shell.write("flows/fine.py", "from flowkit import flow\n\n@flow\ndef fine(): ...\n")
    shell("register")
    assert found(shell, "flows")[0]["text"] == "1 flow can be loaded"
    path.unlink()
    [check] = found(shell, "registry")
    assert check["state"] == "warning"
    assert check["text"].endswith("the files of `fine` (flows/fine.py) are not there")


def test_python_flowkit_and_its_extras(shell: Shell) -> None:
    assert sys.executable in found(shell, "python")[0]["text"]
    assert str(Path(flowkit.__file__).parent) in found(shell, "flowkit")[0]["text"]
    assert found(shell, "extra watch")[0]["state"] == "ok"
    extras = set(metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or ())
    assert extras - FOR_DEVELOPERS <= GIVES.keys(), "checks_around.py says what an extra gives"


def test_an_extra_that_is_not_there_has_its_line(shell: Shell, tmp_path: Path) -> None:
    about = tmp_path / "site" / "flowkit_runner-9.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text(
        "Metadata-Version: 2.1\nName: flowkit-runner\nVersion: 9\nProvides-Extra: ray\n"
        "Requires-Dist: no-such-package>=2; extra == 'ray'\n"
    )
    [check] = found(shell, "extra ray", PYTHONPATH=str(about.parents[1]))
    assert check["state"] == "note"
    line = 'pip install "flowkit-runner[ray]"'
    assert check["text"] == f"not installed; it gives tasks on a Ray cluster: `{line}`"


def test_another_flowkit_that_the_path_finds_first_is_named(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "flowkit"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    [check] = found(shell, "flowkit", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert check["state"] == "warning"
    assert f"the path finds `{other}` first" in check["hints"][0]


def test_the_terminal_and_completion(shell: Shell) -> None:
    [check] = found(shell, "terminal", PYTHONIOENCODING="ascii")
    assert (check["state"], check["hints"]) == (
        "warning",
        ["set `LANG` to one that ends in UTF-8, as C.UTF-8"],
    )
    [before] = found(shell, "completion", SHELL="/bin/zsh")
    assert before["text"] == "not installed for zsh: `flowkit completion zsh --install`"
    (shell.folder.parent / "home").mkdir()
    shell("completion", "zsh", "--install")
    [after] = found(shell, "completion", SHELL="/bin/zsh")
    assert after["text"] == "installed for zsh"


def test_in_a_terminal_no_line_is_longer_than_it_is_wide(shell: Shell) -> None:
    lines = typed(shell, "doctor", columns=70).text.splitlines()
    assert any("70 columns" in line for line in lines)
    assert [line for line in lines if len(line) > 70 and "/" not in line] == []


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """The folder of a file system that has no room, where there is one."""
    [check] = checks_around.space(Path("/proc/self"))
    assert check.state is State.ERROR
    [check] = checks_around.space(tmp_path / "not" / "yet")
    assert "free for" in check.text
