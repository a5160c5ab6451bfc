"""What others could have put there: never followed, never unpickled, never used."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from checker import recorded
from scene import FLOWS, Scene

from flowkit.store.batch import Batch, Stored
from flowkit.store.history import History

RUN = ("run", f"flows/{FLOWS.name}:ten_in_a_row")
MINE = b"what must not be touched"


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def usual(scene: Scene) -> Scene:
    """A project with the flows of the campaign."""
    scene.take_flows()
    return scene


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file elsewhere."""
    path = tmp_path / "mine"
    path.write_bytes(MINE)
    return path


@pytest.mark.parametrize("name", ["history.db", "owners.lock", "results"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_the_state_folder_leads_nowhere(usual: Scene, target: Path, name: str, link: Any) -> None:
    usual.state.mkdir(mode=0o700)
    link(target, usual.state / name)
    mode = target.stat().st_mode
    said = usual.flowkit(*RUN, code=None)
    assert target.read_bytes() == MINE
    assert target.stat().st_mode == mode
    if said.code:
        assert str(usual.state) in said.error
        (usual.state / name).unlink()
        usual.flowkit(*RUN)
    assert target.read_bytes() == MINE


@pytest.mark.parametrize("name", ["history.db", "owners.lock", "results"])
def test_a_link_to_nowhere_makes_nothing_there(usual: Scene, tmp_path: Path, name: str) -> None:
    usual.state.mkdir(mode=0o700)
    (usual.state / name).symlink_to(tmp_path / "elsewhere")
    usual.flowkit(*RUN, code=2)
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_in_place_of_the_key_is_not_followed(usual: Scene, target: Path) -> None:
    usual.key.parent.mkdir(parents=True)
    usual.key.symlink_to(target)
    said = usual.flowkit(*RUN)
    assert target.read_bytes() == MINE
    assert "is not kept: there is no key" in said.err


def test_a_key_that_others_may_read_signs_nothing(usual: Scene) -> None:
    usual.flowkit(*RUN)
    usual.key.chmod(0o644)
    assert "is not kept: there is no key" in usual.flowkit(*RUN).err


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
def test_a_state_folder_that_others_may_write_to_is_refused(usual: Scene, mode: int) -> None:
    usual.flowkit(*RUN)
    usual.state.chmod(mode)
    for command in (RUN, ("resume",)):
        assert "may be written by others" in usual.flowkit(*command, code=2).error


@pytest.mark.parametrize("key", [b"", b"of another user, as long as ours"])
def test_a_planted_pickle_is_never_loaded(usual: Scene, tmp_path: Path, key: bytes) -> None:
    """In the rows and in the files, signed by anyone but the user: made again instead."""
    usual.flowkit(*RUN)
    reference = recorded(usual).values
    marker = tmp_path / "it was unpickled"
    evil = pickle.dumps(Planted(marker))
    with History(usual.state) as history:
        [run] = history.runs()
        marks = [(each.node, -1, each.attempt, each.batch) for each in history.attempts(run)]
    with closing(sqlite3.connect(usual.history)) as connection:
        connection.execute("DELETE FROM results WHERE batch>=0")
        for number in {batch for *_, batch in marks}:
            batch = Batch()
            for node, child, attempt, _ in (mark for mark in marks if mark[3] == number):
                batch.add((node, child, attempt), Stored("k", evil, len(evil)))
            data = batch.packed(f"{run.uid}/{number}", key)
            connection.execute("INSERT INTO results VALUES (?, ?, ?)", (run.number, number, data))
        connection.commit()
    for path in (usual.state / "results").rglob("*"):
        if path.is_file():
            path.write_bytes(evil)
    for command in (["resume"], ["resume", "--force", "large"], list(RUN)):
        usual.flowkit(*command)
        assert not marker.exists()
    assert recorded(usual).values == reference


def test_the_history_of_someone_else_is_shown_and_not_loaded(usual: Scene, tmp_path: Path) -> None:
    usual.flowkit(*RUN)
    marker = tmp_path / "it was unpickled"
    evil = pickle.dumps(Planted(marker))
    with closing(sqlite3.connect(usual.history)) as connection:
        for table, column in (("results", "data"), ("outlines", "document"), ("codes", "parts")):
            connection.execute(f"UPDATE {table} SET {column}=?", (evil,))
        connection.commit()
    for command in (["runs"], ["runs", "show", "1"], ["logs", "1"], ["doctor"], ["list"]):
        usual.flowkit(*command, code=None)
        assert not marker.exists()
