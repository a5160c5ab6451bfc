"""A history whose first page is damaged, the one that says where all else lies: the others are whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from made_history import MANY, MadeHistory, line

from flowkit.errors import HistoryError
from flowkit.store import checkup, database, salvage
from flowkit.store.history import History
from flowkit.store.run_status import RunStatus

Damage = Callable[[bytearray], None]  # of a first page, which keeps its length


def zeroes(start: int, end: int | None) -> Damage:
    def damage(page: bytearray) -> None:
        page[start:end] = bytes(len(page[start:end]))

    return damage


def noise(page: bytearray) -> None:
    page[:] = random.Random(1).randbytes(len(page))


def another_format(page: bytearray) -> None:
    page[44:48] = b"\xff" * 4


def another_name_of_a_column(page: bytearray) -> None:
    page[page.index(b"uid        TEXT NOT NULL UNIQUE")] ^= 1


FIRST_PAGES: dict[str, Damage] = {
    "no header": zeroes(0, 100),
    "its beginning gone": zeroes(0, 4096),
    "the schema gone": zeroes(100, None),
    "its end gone": zeroes(-4096, None),
    "noise": noise,
    "no such format": another_format,
    "one bit of the schema": another_name_of_a_column,
}


def damaged(content: bytes, damage: Damage) -> bytes:
    """A history whose first page alone is damaged."""
    size = int.from_bytes(content[16:18], "big")
    page = bytearray(content[:size])
    damage(page)
    return bytes(page) + content[size:]


def several_runs(made: MadeHistory) -> None:
    """More than fits on the pages that the tables begin with."""
    for _ in range(20):
        made.run(lines=[line("x" * 500) for _ in range(40)])
    made.run(RunStatus.FAILED, MANY, large=b"x" * 70_000)


def shut(made: MadeHistory) -> bytes:
    """The bytes of a history that nobody writes to."""
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return made.path.read_bytes()


def everything(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of runs, and of what belongs to them."""
    connection = database.open_to_read(path)
    assert connection is not None
    tables = ("runs", "sessions", "attempts", "results", "logs", "outlines", "files")
    try:
        return {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables}
    finally:
        connection.close()


@pytest.mark.parametrize("cleaned", [False, True], ids=["as it grew", "after `clean`"])
@pytest.mark.parametrize("damage", FIRST_PAGES.values(), ids=FIRST_PAGES.keys())
def test_all_that_the_other_pages_have_is_saved(made: MadeHistory, damage: Damage, cleaned: bool) -> None:
    several_runs(made)
    if cleaned:
        made.connection.execute("VACUUM")
    before = everything(made.path)
    content = damaged(shut(made), damage)
    made.path.write_bytes(content)
    assert checkup.damage(made.path) or damage is another_name_of_a_column
    saved = checkup.mend(made.folder)
    assert saved.runs == 21
    assert everything(made.path) == before
    assert checkup.damage(made.path) == []
    assert saved.kept.read_bytes() == content
    assert checkup.unsaved(made.folder, saved.kept) == 0


def test_what_was_only_in_the_journal_is_saved_too(made: MadeHistory) -> None:
    several_runs(made)
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.connection.execute("UPDATE runs SET name='old-otter' WHERE number=1")
    content, journal = made.path.read_bytes(), Path(f"{made.path}-wal").read_bytes()
    made.close()
    made.path.write_bytes(damaged(content, noise))
    Path(f"{made.path}-wal").write_bytes(journal)
    assert checkup.mend(made.folder).runs == 21
    with History(made.folder) as history:
        assert history.find("1").name == "old-otter"


def test_a_run_that_goes_on_is_seen_behind_a_damaged_first_page(made: MadeHistory) -> None:
    made.run(None)
    made.path.write_bytes(damaged(shut(made), noise))
    with pytest.raises(HistoryError, match="run 1 goes on"):
        checkup.mend(made.folder)


def test_nothing_is_left_of_the_copy_that_is_read(made: MadeHistory) -> None:
    made.run()
    made.path.write_bytes(damaged(shut(made), noise))
    checkup.mend(made.folder)
    assert not [path for path in made.folder.rglob("*") if path.suffix == ".tmp"]


def test_a_history_that_is_sound_is_read_as_it_is(made: MadeHistory, tmp_path: Path) -> None:
    made.run()
    assert salvage.readable(made.path, tmp_path) == made.path


def test_what_is_no_history_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(random.Random(1).randbytes(200_000))
    assert salvage.readable(path, tmp_path) == path


def test_the_whole_schema_is_on_the_first_page(made: MadeHistory) -> None:
    """So that a fresh first page has all of it: 13 marks a page that leads to no other."""
    assert shut(made)[100] == 13
