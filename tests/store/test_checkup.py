"""The check of what is kept, and what is saved of a history that is damaged."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from made_history import DONE, MANY, MadeHistory, line

from flowkit.errors import HistoryError
from flowkit.store import checkup, database
from flowkit.store.history import History
from flowkit.store.run_status import RunStatus


def test_what_is_sound_or_missing_has_no_damage(made: MadeHistory, tmp_path: Path) -> None:
    made.run()
    assert checkup.damage(made.path) == []
    assert checkup.damage(tmp_path / "nothing") == []


def shut(made: MadeHistory) -> bytes:
    """The bytes of a history that nobody writes to."""
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return made.path.read_bytes()


def test_looking_at_damage_changes_nothing(made: MadeHistory) -> None:
    made.run()
    torn = shut(made)[:6000]
    for content in (b"no history at all", torn):
        made.path.write_bytes(content)
        assert checkup.damage(made.path)
        assert made.path.read_bytes() == content
    assert database.SET_ASIDE == []


def test_what_can_be_read_of_a_damaged_history_is_saved_in_a_new_one(made: MadeHistory) -> None:
    runs = [made.run(lines=[line("x" * 500) for _ in range(40)]) for _ in range(5)]
    made.run(RunStatus.FAILED, MANY, large=b"x" * 70_000)
    [(page,)] = made.rows("SELECT rootpage FROM sqlite_master WHERE name='logs'")
    [(size,)] = made.rows("PRAGMA page_size")
    whole = bytearray(shut(made))
    whole[(page - 1) * size : page * size] = bytes(size)
    made.path.write_bytes(whole)
    assert checkup.damage(made.path)
    saved = checkup.mend(made.folder)
    assert saved.runs == 6
    assert saved.kept.read_bytes() == whole
    assert checkup.damage(made.path) == []
    with History(made.folder) as history:
        assert [run.number for run in history.runs()][::-1] == [*runs, 6]
        assert [each.key for each in history.attempts(history.find("1"))] == ["load", "clean", "report"]
        assert history.outline(history.find("1"))["keys"]
    assert checkup.unsaved(made.folder, saved.kept) == 0
    assert checkup.save(made.folder, saved.kept).runs == 0


def test_a_run_whose_number_and_name_were_given_again_is_saved_under_others(made: MadeHistory) -> None:
    made.run()
    made.connection.execute("UPDATE runs SET name='old-otter'")
    shut(made)
    kept = database.set_aside(made.path)
    again = MadeHistory(made.folder)
    again.run()
    again.connection.execute("UPDATE runs SET name='old-otter'")
    again.close()
    assert checkup.unsaved(made.folder, kept) == 1
    assert checkup.save(made.folder, kept).runs == 1
    with History(made.folder) as history:
        first, second = history.runs()[::-1]
        assert (first.number, first.name) == (1, "old-otter")
        assert (second.number, second.name) == (2, f"old-otter-{second.uid[:8]}")
        assert len(history.attempts(second)) == len(DONE)


def test_a_history_that_a_run_writes_to_is_not_set_aside(made: MadeHistory) -> None:
    made.run(None)
    with pytest.raises(HistoryError, match="run 1 goes on"):
        checkup.mend(made.folder)
    assert made.path.exists()


def test_whatever_is_damaged_the_new_history_is_sound(made: MadeHistory) -> None:
    for _ in range(3):
        made.run(RunStatus.FAILED, MANY, lines=[line("x" * 300) for _ in range(20)])
    whole = shut(made)
    chance = random.Random(1)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(30):
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        for old in made.folder.glob(f"{database.FILE}*"):
            old.unlink()
        made.path.write_bytes(damaged)
        assert checkup.mend(made.folder).runs <= 3
        assert checkup.damage(made.path) == []


def test_litter_is_what_killed_processes_left_and_nothing_that_is_needed(made: MadeHistory) -> None:
    made.run(large=b"x" * 70_000)
    assert checkup.litter(made.connection, made.folder).count == 0
    (made.results / ".999999999-aa.tmp").write_bytes(b"torn")
    assert checkup.litter(made.connection, made.folder) == checkup.Litter(1, 4)


def test_files_that_others_may_read_are_found(made: MadeHistory) -> None:
    made.run()
    assert checkup.loose(made.folder) == []
    made.path.chmod(0o644)
    made.results.chmod(0o755)
    assert set(checkup.loose(made.folder)) == {made.path, made.results}


def test_a_network_is_told_from_a_disk_by_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/a /home nfs4 rw 0 0\n/dev/sdb /home/me/my\\040disk ext4 rw 0 0\n"
    )
    assert checkup.network_of(Path("/home/me/project"), mounts) == "nfs4"
    assert checkup.network_of(Path("/home/me/my disk/project"), mounts) == ""
    assert checkup.network_of(Path("/homes"), mounts) == ""
    assert checkup.network_of(Path("/home"), tmp_path / "no such file") == ""


def test_a_history_without_its_tables_is_damaged(made: MadeHistory) -> None:
    made.close()
    connection = sqlite3.connect(made.path)
    connection.execute("DROP TABLE attempts")
    connection.close()
    assert checkup.damage(made.path) == ["the table `attempts` is missing"]
