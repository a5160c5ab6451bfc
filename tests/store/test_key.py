"""The key that results are signed with: one for a user, made once, of no use where others could know it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flowkit.store import key

MAKE = """
import os, sys
from pathlib import Path
from flowkit.store import key
sys.stdin.readline()
print(key.load(Path(sys.argv[1])).hex())
"""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_it_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "flowkit"
    made = key.load(folder)
    assert made is not None
    assert len(made) == key.SIZE
    assert key.load(folder) == made
    assert (folder / key.FILE).stat().st_mode & 0o777 == 0o600
    assert names(folder) == [key.FILE]


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    made = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path / "flowkit")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in made:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    assert len({process.communicate(timeout=30)[0] for process in made}) == 1
    assert names(tmp_path / "flowkit") == [key.FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_one_that_others_may_read_or_write_is_not_used(tmp_path: Path, mode: int) -> None:
    key.load(tmp_path)
    before = (tmp_path / key.FILE).read_bytes()
    (tmp_path / key.FILE).chmod(mode)
    assert key.load(tmp_path) is None
    assert (tmp_path / key.FILE).read_bytes() == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(bytes(key.SIZE))
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / key.FILE).symlink_to(tmp_path / "elsewhere")
    assert key.load(tmp_path) is None


@pytest.mark.parametrize("size", [0, 5, key.SIZE + 1])
def test_one_that_is_torn_is_made_anew(tmp_path: Path, size: int) -> None:
    (tmp_path / key.FILE).write_bytes(bytes(size))
    (tmp_path / key.FILE).chmod(0o600)
    made = key.load(tmp_path)
    assert made is not None
    assert made != bytes(key.SIZE)
    assert key.load(tmp_path) == made


def test_without_a_place_for_it_there_is_none(tmp_path: Path) -> None:
    assert key.load(None) is None
    (tmp_path / "file").touch()
    assert key.load(tmp_path / "file") is None
