"""Odd places to run in: it works, or a sentence says what is in the way; nothing hangs, nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from checker import check_litter, check_nothing_is_left_to_do, recorded
from command_server import REAL, Server
from scene import FLOWS, Scene

from flowkit.store.run_status import RunStatus

RUN = ("run", f"flows/{FLOWS.name}:ten_side_by_side")


@pytest.fixture
def usual(scene: Scene) -> Scene:
    """A project with the flows of the campaign."""
    scene.take_flows()
    return scene


def check_whole(scene: Scene, before: Sequence[Any] = ()) -> None:
    """A run there is recorded, with all results."""
    scene.flowkit(*RUN, before=before)
    found = recorded(scene)
    assert found.status is RunStatus.SUCCESS
    assert len(found.values) == 10


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_is_of_no_use_keeps_nobody_from_running(usual: Scene, home: str) -> None:
    """Without a place for the key only plain values are kept, which is said, and made again where needed."""
    usual.environ["XDG_CONFIG_HOME"] = ""
    usual.environ["HOME"] = home
    said = usual.flowkit(*RUN)
    assert recorded(usual, values=False).status is RunStatus.SUCCESS
    assert "is not kept: there is no key to sign it with" in said.err
    usual.flowkit("resume")


def test_without_a_home_the_folder_for_settings_is_enough(usual: Scene) -> None:
    del usual.environ["HOME"]
    check_whole(usual)


@pytest.mark.parametrize(
    "name",
    [
        "with spaces and 'quotes\"",
        "Übung-データ-🦦",
        os.fsdecode(b"not-utf8-\xff\xfe"),
        "new\nline",
        "a" * 200,
        "%s?mode=ro#x",
    ],
    ids=["spaces", "unicode", "bytes", "newline", "long", "uri"],
)
def test_a_project_may_be_called_anything(server: Server, tmp_path: Path, name: str) -> None:
    scene = Scene(server, tmp_path / name)
    scene.take_flows()
    check_whole(scene)
    check_nothing_is_left_to_do(scene)
    check_litter(scene)


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_closed_streams_take_nothing_from_the_history(usual: Scene, closed: tuple[int, ...]) -> None:
    """A number that is free goes to the next file: what is meant for the terminal must not get into it."""
    redirected = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    line = f"{' '.join(REAL)} {' '.join(RUN)} {redirected}"
    usual.flowkit("-c", line, prefix=("bash",))
    found = recorded(usual)
    assert found.status is RunStatus.SUCCESS
    check_nothing_is_left_to_do(usual)


def test_a_few_descriptors_are_enough(usual: Scene) -> None:
    check_whole(usual, before=("few_descriptors", 64))


@pytest.mark.parametrize("options", [["-OO"], ["-I"]])
def test_an_interpreter_with_options_gives_the_same(usual: Scene, options: list[str]) -> None:
    usual.flowkit(*RUN, prefix=(sys.executable, *options, "-m", "flowkit"))
    assert recorded(usual).status is RunStatus.SUCCESS
    said = usual.flowkit("resume")
    assert "nothing is left to run" in said.err, "what another interpreter made counts as changed"


def test_another_hash_seed_changes_nothing(usual: Scene) -> None:
    for seed in ("1", "2"):
        usual.flowkit(*(RUN if seed == "1" else ("resume",)), prefix=REAL, PYTHONHASHSEED=seed)
    assert len([each for each in usual.told() if each.what == "end"]) == 10


DAY = 86_400.0


@pytest.mark.parametrize("step", [3600.0, -3600.0, DAY, -DAY, 20 * 365 * DAY, -60 * 365 * DAY])
def test_no_duration_is_negative_when_the_clock_jumps(usual: Scene, step: float) -> None:
    """At each look, by an hour or by decades; what is years old by the clock of that time is forgotten."""
    usual.flowkit(*RUN)
    usual.flowkit(*RUN, before=("jumping_clock", step))
    usual.flowkit(*RUN)
    with closing(sqlite3.connect(usual.history)) as connection:
        for table in ("runs", "sessions", "attempts"):
            [[worst]] = connection.execute(f"SELECT MIN(ended - started) FROM {table}").fetchall()
            assert worst >= 0, table
        numbers = [row[0] for row in connection.execute("SELECT number FROM runs ORDER BY number")]
    if abs(step) <= DAY:
        assert numbers == [1, 2, 3]
    found = recorded(usual)
    assert found.run is not None
    assert found.run.number == 3, "the latest is the last that began, whatever the clock said"


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_no_umask_opens_or_closes_what_is_kept(usual: Scene, mask: int) -> None:
    if mask == 0o777 and os.getuid() != 0:
        pytest.skip("only root could read its own files then")
    check_whole(usual, before=("umask", mask))
    check_litter(usual)


def test_many_processes_lose_no_row_and_see_no_error(usual: Scene, writers: int) -> None:
    """Each writes a hundred commits, into the history that all of them make at once."""
    program = Path(__file__).with_name("journal_writer.py")
    usual.state.mkdir(mode=0o700)
    command = [sys.executable, str(program), str(usual.state), str(writers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(usual.history)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (writers,)
        rows = connection.execute(
            "SELECT run, COUNT(*), COUNT(DISTINCT batch) FROM attempts GROUP BY run"
        ).fetchall()
        assert [row[1:] for row in rows] == [(100, 100)] * writers


@pytest.mark.parametrize("most", range(6))
@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_where_no_more_threads_can_be_started_it_is_said_and_nothing_is_lost(
    usual: Scene, executor: str, most: int
) -> None:
    said = usual.flowkit(*RUN, "--executor", executor, before=("few_threads", most), code=None)
    if said.code:
        assert "can't start new thread" in said.err
        assert recorded(usual).going_on == []
        usual.flowkit(*(RUN if recorded(usual).run is None else ("resume",)))
    check_nothing_is_left_to_do(usual)
    check_litter(usual)
    assert len(recorded(usual).values) == 10
