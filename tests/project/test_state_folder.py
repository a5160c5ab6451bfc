"""The state folder is private from its first moment, or refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from flowkit.errors import RegistryError
from flowkit.project import state_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_folders_are_0700_and_files_0600_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        state = state_folder.prepare(tmp_path / "new" / ".flowkit")
    finally:
        os.umask(before)
    assert [mode(each) for each in (state.parent, state, state / ".gitignore")] == [0o700, 0o700, 0o600]


def test_it_ignores_itself_in_git(tmp_path: Path) -> None:
    state = state_folder.prepare(tmp_path / ".flowkit")
    assert (state / ".gitignore").read_text() == "*\n"
    (state / ".gitignore").write_text("mine\n")
    state_folder.prepare(state)
    assert (state / ".gitignore").read_text() == "mine\n"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert not state_folder.check(tmp_path / ".flowkit")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bits", [0o770, 0o702])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, bits: int) -> None:
    state = tmp_path / ".flowkit"
    state.mkdir()
    state.chmod(bits)
    with pytest.raises(RegistryError, match="may be written by others") as caught:
        state_folder.prepare(state)
    assert f"run `chmod 700 '{state}'`" in caught.value.hints


def test_a_link_is_followed_and_what_it_leads_to_is_checked(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link = tmp_path / ".flowkit"
    link.symlink_to(real)
    assert state_folder.check(link)
    real.chmod(0o777)
    with pytest.raises(RegistryError, match="may be written by others"):
        state_folder.check(link)
    real.rmdir()
    with pytest.raises(RegistryError, match="is a symbolic link to nowhere"):
        state_folder.prepare(link)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".flowkit").touch()
    with pytest.raises(RegistryError, match="is not a folder"):
        state_folder.prepare(tmp_path / ".flowkit")
    with pytest.raises(RegistryError, match="cannot be used: Not a directory"):
        state_folder.prepare(tmp_path / ".flowkit" / "deeper")


def test_a_place_where_nothing_can_be_made_is_named() -> None:
    with pytest.raises(RegistryError, match="`/proc/flowkit` cannot be made") as caught:
        state_folder.prepare(Path("/proc/flowkit"))
    assert caught.value.exit_code == 2
    assert any("FLOWKIT_HOME" in hint for hint in caught.value.hints)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_what_another_user_owns_is_refused(tmp_path: Path) -> None:
    state = tmp_path / ".flowkit"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    with pytest.raises(RegistryError, match="belongs to another user"):
        state_folder.check(state)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(RegistryError, match="a symbolic link that another user made"):
        state_folder.check(link)
