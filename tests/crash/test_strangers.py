"""What others could have put there: never followed, never unpickled, never used."""

from __future__ import annotations

import base64
import json
import os
import pickle
import sqlite3
import urllib.parse
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
                batch.add(node, child, attempt, Stored("k", evil, len(evil)))
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
    looking = ["runs", "runs show 1", "logs 1", "why 1 large", "diff 1 1", "cache ls", "doctor", "list"]
    for command in map(str.split, looking):
        usual.flowkit(*command, code=None)
        assert not marker.exists()


SECRET = 'hunter2 "quoted"\nsecond-line-of-it'
LEAKY = """
    import base64, json, logging, sys, threading, urllib.parse
    from pathlib import Path
    from pydantic import SecretStr
    from flowkit import flow, task

    @task
    def say(token):
        secret = token.get_secret_value()
        print("as it is", secret)
        print("json", json.dumps({"token": secret}))
        print("base64", base64.b64encode(secret.encode()).decode())
        print("url", urllib.parse.quote(secret))
        print("repr", repr(secret), file=sys.stderr)
        for part in secret.splitlines():
            print("line", part)
        logging.getLogger("leaky").warning("logged %s", secret)
        return {"given back": secret, "large": "x" * 100_000}

    @task
    def stuck(found):
        while not Path("go").exists():
            Path("reached").touch()
            threading.Event().wait(0.01)

    @task
    def fail(token, found):
        raise ValueError("outer " + token.get_secret_value()) from OSError(token.get_secret_value())

    @flow
    def leaky(token: SecretStr):
        fail(token, stuck(say(token)))
"""


def test_a_secret_is_nowhere_to_be_read(usual: Scene) -> None:
    """Not in what is kept, not on the terminal, and not where other users see what runs."""
    usual.write(LEAKY)
    usual.flowkit("register", "flows/flow.py")
    started = usual.start("run", "leaky", "--json", FLOWKIT_SECRET_TOKEN=SECRET)
    assert started.wait_until((usual.folder / "reached").exists), started.said().err
    process = Path(f"/proc/{started.command.pid}")
    seen = [(process / name).read_bytes() for name in ("cmdline", "comm")]
    (usual.folder / "go").touch()
    said = started.said()
    assert said.code == 1, said.err
    later = [usual.flowkit(*command) for command in (["runs", "show", "1"], ["logs", "1"], ["show", "leaky"])]
    assert later[1].out.count("•••") >= 8, later[1].out
    kept = [path.read_bytes() for path in usual.state.rglob("*") if path.is_file()]
    shown = [text.encode() for each in (said, *later) for text in (each.out, each.err)]
    written = [line.encode() for line in SECRET.splitlines()]
    written += [base64.b64encode(line)[:-4] for line in (SECRET.encode(), *written)]
    written += [urllib.parse.quote(written[0]).encode(), json.dumps(SECRET)[1:-1].encode()]
    for place in (*seen, *kept, *shown):
        for text in written:
            assert text not in place, f"{text!r} is in {place[:200]!r}"
