"""Large results as files: whole or not there, for nobody else, and never believed when they were altered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowkit.store import files

KEY = b"k" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.prepare(tmp_path)


def written(folder: Path, *parts: bytes) -> str:
    writing = files.Writing(folder, KEY)
    for part in parts:
        writing.write(part)
    return writing.finish()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(max_size=100), max_size=5))
def test_what_was_written_is_read_and_is_named_by_its_content(folder: Path, parts: list[bytes]) -> None:
    name = written(folder, *parts)
    assert files.content(folder, name, KEY) == b"".join(parts)
    assert files.is_whole(folder, name, KEY)
    assert written(folder, b"".join(parts)) == name


@pytest.mark.parametrize("damage", [b"", b"contenT", b"content and more"])
def test_what_was_altered_is_not_believed(folder: Path, damage: bytes) -> None:
    name = written(folder, b"content")
    files.path_of(folder, name).write_bytes(damage)
    assert files.content(folder, name, KEY) is None
    assert not files.is_whole(folder, name, KEY)


def test_what_others_have_signed_is_not_believed(folder: Path) -> None:
    assert files.content(folder, written(folder, b"content"), b"o" * 32) is None


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    name = written(folder, b"content")
    place = files.path_of(folder, name)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert files.content(folder, name, KEY) is None


def test_files_and_folders_are_for_nobody_else(folder: Path) -> None:
    place = files.path_of(folder, written(folder, b"content"))
    modes = [path.stat().st_mode & 0o777 for path in (place, place.parent, folder)]
    assert modes == [0o600, 0o700, 0o700]


def test_what_is_dropped_leaves_nothing(folder: Path) -> None:
    writing = files.Writing(folder, KEY)
    writing.write(b"content")
    writing.drop()
    assert list(folder.rglob("*")) == []


def test_what_was_removed_is_gone_and_counted_once(folder: Path) -> None:
    name = written(folder, b"content")
    assert list(files.names(folder)) == [name]
    assert (files.remove(folder, name), files.remove(folder, name)) == (7, 0)
    assert list(files.names(folder)) == []


def test_what_dead_writers_left_is_swept_and_what_living_ones_write_is_not(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = folder / f".{dead.pid}-0123.tmp"
    left.touch()
    mine = files.Writing(folder, KEY)
    mine.write(b"content")
    files.sweep(folder)
    assert not left.exists()
    assert files.content(folder, mine.finish(), KEY) == b"content"


def test_what_stands_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / files.FOLDER).symlink_to(tmp_path / "there")
    with pytest.raises(OSError):
        files.prepare(tmp_path)
    (tmp_path / files.FOLDER).unlink()
    (tmp_path / files.FOLDER).touch()
    with pytest.raises(OSError):
        files.prepare(tmp_path)


def test_a_name_that_is_there_already_is_replaced_by_the_same(folder: Path) -> None:
    name = written(folder, b"content")
    os.truncate(files.path_of(folder, name), 0)
    assert written(folder, b"content") == name
    assert files.content(folder, name, KEY) == b"content"


def test_a_folder_of_a_process_that_is_gone_is_swept_away_with_what_is_in_it(folder: Path) -> None:
    gone = folder / ".999999999-aa.tmp"
    gone.mkdir()
    (gone / "half a copy").write_bytes(b"x")
    with files.workplace(folder) as used:
        files.sweep(folder)
        assert used.stat().st_mode & 0o777 == 0o700
        assert used.parent == folder
    assert list(folder.iterdir()) == []


def test_no_folder_gets_so_many_files_that_it_is_slow(folder: Path) -> None:
    """A hundred thousand files are 400 in each folder."""
    names = {written(folder, str(number).encode()) for number in range(2000)}
    assert len(names) == 2000
    assert set(files.names(folder)) == names
    folders = list(folder.iterdir())
    assert len(folders) == 256
    assert max(len(list(each.iterdir())) for each in folders) < 40
