"""`flowkit clean` and `flowkit backup`: bounding and copying what is kept."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from command_history import MadeHistory, line
from command_shell import Shell

# What Python 3.12 on asks for, and 3.11 has from 3.11.4 on.
SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


@pytest.fixture
def made(shell: Shell) -> Iterator[MadeHistory]:
    """The history of the shell's project, with three runs."""
    history = MadeHistory(shell.folder / ".flowkit")
    for number in range(3):
        history.run(large=bytes([number]) * 70_000, lines=[line("hi")])
    yield history
    history.close()


def test_cleaning_keeps_what_was_asked_for_and_says_what_went(shell: Shell, made: MadeHistory) -> None:
    assert shell("clean", "--runs", "1", "--dry-run").err == "would remove results and logs of 2 runs: 1, 2\n"
    assert len(made.rows("SELECT * FROM logs")) == 3
    said = shell("clean", "--runs", "1")
    assert said.err == "removed results and logs of 2 runs\nfreed 137 KiB, 2 files among it\n"
    assert made.rows("SELECT run FROM logs") == [(3,)]
    assert shell("clean", "--runs", "1").err == "nothing was due\n"
    assert shell("clean", "--days", "0").err.startswith("forgot 3 runs\n")
    assert shell("runs").err.startswith("there are no runs yet")


def test_the_bounds_come_from_the_settings(shell: Shell, made: MadeHistory) -> None:
    assert shell("clean", "--dry-run").err == "nothing is due\n"
    shell.write("flowkit.toml", "[retention]\nruns = 2\n")
    assert "of 1 run: 1\n" in shell("clean", "--dry-run").err
    assert shell("clean", "--dry-run", "--runs", "5").err == "nothing is due\n"
    assert "of 2 runs: 1, 2\n" in shell("clean", "--dry-run", "--max-bytes", "100K").err
    assert shell("clean", "--max-bytes", "much", code=2).sentence == "`much` is no size"


def test_where_there_is_no_history_there_is_nothing_to_clean_or_copy(shell: Shell) -> None:
    assert shell("clean").err == "there is nothing to remove: there is no history yet\n"
    assert shell("backup", "x.db", code=2).sentence == "there is nothing to copy: there is no history yet"
    assert not (shell.folder / ".flowkit").exists()


def test_a_backup_is_a_state_folder_again(shell: Shell, made: MadeHistory) -> None:
    (made.folder / "registry.toml").write_text("schema = 1\n")
    assert shell("backup", "kept.tar.gz").err.startswith("wrote kept.tar.gz: 3 runs and 3 files of results, ")
    with tarfile.open(shell.folder / "kept.tar.gz") as tar:
        names = tar.getnames()
        tar.extractall(shell.folder / "again", **SAFELY)
    assert {"history.db", "registry.toml"} < set(names)
    (shell.folder / "again").chmod(0o700)
    assert len(shell("runs", env={"FLOWKIT_HOME": "again"}).out.splitlines()) == 4


def test_a_backup_to_a_place_that_does_not_serve_is_refused(shell: Shell, made: MadeHistory) -> None:
    assert shell("backup", "flows", code=2).sentence == "`flows` is a folder"
    assert shell("backup", "no/x.db", code=2).sentence == "there is no folder `no`"
