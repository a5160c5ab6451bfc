"""`flowkit doctor`: finds what is not sound, and repairs what can be."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from command_history import MadeHistory
from command_shell import Shell


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
    assert f"history       {made.path}: 1 run" in said.out
    assert "results and logs of the latest 50 runs of a flow, 5 GiB in all; runs for 365 days" in said.out


def test_loose_permissions_are_a_problem_and_repaired(shell: Shell, made: MadeHistory) -> None:
    made.path.chmod(0o644)
    said = shell("doctor", code=1)
    assert "others may use history.db" in said.out
    assert "hint: `flowkit doctor --fix` repairs 1 thing" in said.err
    assert states(shell, "--fix")["permissions"] == "ok"
    made.folder.chmod(0o777)
    assert states(shell, code=1)["state folder"] == "problem"
    assert states(shell, "--fix")["state folder"] == "ok"


def test_a_damaged_history_is_set_aside_and_what_can_be_read_saved(shell: Shell, made: MadeHistory) -> None:
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(page,)] = made.rows("SELECT rootpage FROM sqlite_master WHERE name='logs'")
    [(size,)] = made.rows("PRAGMA page_size")
    made.close()
    whole = bytearray(made.path.read_bytes())
    whole[(page - 1) * size : page * size] = b"\xff" * size
    made.path.write_bytes(whole)
    assert states(shell, code=1)["history"] == "problem"
    assert made.path.read_bytes() == whole
    said = shell("doctor", "--fix")
    assert "history: saved 1 run; the damaged one is kept as " in said.err
    assert json.loads(shell("runs", "--json").out)[0]["run"] == 1
    assert states(shell)["set aside"] == "note"


def test_what_a_command_has_set_aside_is_saved_afterwards(shell: Shell, made: MadeHistory) -> None:
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    made.path.rename(made.folder / "history.db.corrupt-20260101-000000")
    assert states(shell, code=1)["set aside"] == "problem"
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
    assert [found[name] for name in ("registry", "settings", "key")] == ["problem"] * 3
    assert found["history"] == "ok"


def test_a_folder_in_place_of_the_history_is_named(shell: Shell) -> None:
    (shell.folder / ".flowkit").mkdir(mode=0o700)
    (shell.folder / ".flowkit" / "history.db").mkdir(mode=0o700)
    said = shell("doctor", code=1)
    assert "is not a file" in said.out
    assert "is not a file" in shell("runs", code=2).sentence
