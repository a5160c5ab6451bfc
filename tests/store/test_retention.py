"""Retention: what goes, what stays, and that files go only when nothing needs them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from made_history import MadeHistory, line

from flowkit.store import files, owners, retention
from flowkit.store.retention import DAY
from flowkit.store.run_status import RunStatus

FOREVER = 1e6


@dataclass(frozen=True)
class Bounds:
    runs: int = 1000
    max_bytes: int = 1 << 40
    days: float = FOREVER


@dataclass(frozen=True)
class CacheBounds:
    max_bytes: int = 1 << 40
    days: float | None = None


ALL = CacheBounds()


def holding(made: MadeHistory) -> list[int]:
    """The runs that have results or logs."""
    query = "SELECT run FROM results WHERE batch>=0 UNION SELECT run FROM logs ORDER BY 1"
    return [number for (number,) in made.rows(query)]


def in_files(made: MadeHistory) -> list[str]:
    return sorted(files.names(made.results))


def age(made: MadeHistory, seconds: float) -> None:
    """Let all files be so much older."""
    for name in in_files(made):
        path = files.path_of(made.results, name)
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_only_the_latest_runs_of_each_flow_keep_results_and_logs(made: MadeHistory) -> None:
    runs = [made.run(flow=flow, lines=[line("hi")]) for flow in ("a", "a", "b", "a", "b")]
    freed = retention.apply(made.connection, made.folder, Bounds(runs=2), ALL)
    assert freed.emptied == 1
    assert freed.bytes > 0
    assert holding(made) == runs[1:]
    assert len(made.rows("SELECT * FROM attempts WHERE run=?", runs[0])) == 3
    assert made.rows("SELECT batch FROM results WHERE run=?", runs[0]) == [(-1,)]


def test_at_the_end_of_a_run_only_its_flow_is_counted(made: MadeHistory) -> None:
    first, _, third, _ = (made.run(flow=flow) for flow in ("a", "a", "b", "b"))
    retention.apply(made.connection, made.folder, Bounds(runs=1), ALL, "b")
    assert first in holding(made)
    assert third not in holding(made)


def test_the_oldest_runs_lose_results_until_the_rest_is_small_enough_and_never_the_latest(
    made: MadeHistory,
) -> None:
    runs = [made.run(large=bytes([number]) * 100_000) for number in range(4)]
    rows = retention._rows_bytes(made.connection)
    freed = retention.apply(made.connection, made.folder, Bounds(max_bytes=rows + 250_000), ALL)
    assert (freed.emptied, freed.files) == (2, 2)
    assert holding(made) == runs[2:]
    retention.apply(made.connection, made.folder, Bounds(max_bytes=1), ALL)
    assert holding(made) == runs[3:]
    assert len(in_files(made)) == 1


def test_old_runs_are_forgotten_whole(made: MadeHistory) -> None:
    old, young = made.run(large=b"x" * 70_000, lines=[line("hi")]), made.run()
    made.connection.execute("UPDATE runs SET started=? WHERE number=?", (time.time() - 3 * DAY, old))
    made.connection.execute("UPDATE runs SET started=? WHERE number=?", (time.time(), young))
    freed = retention.clean(made.connection, made.folder, Bounds(days=2, runs=1), ALL)
    assert (freed.forgotten, freed.files) == (1, 1)
    for table in ("attempts", "sessions", "results", "logs"):
        assert made.rows(f"SELECT DISTINCT run FROM {table}") in ([(young,)], [])
    assert made.rows("SELECT number FROM runs") == [(young,)]
    assert made.run() > young


def test_what_nothing_is_due_for_is_left_alone(made: MadeHistory) -> None:
    made.run(large=b"x" * 70_000)
    assert not retention.due(made.connection, Bounds(), ALL)
    assert retention.apply(made.connection, made.folder, Bounds(), ALL) == retention.Freed()


def test_a_run_that_goes_on_or_is_taken_up_again_loses_nothing(made: MadeHistory) -> None:
    going_on, taken, _ = made.run(None), made.run(), made.run()
    owners.claim(made.folder, taken)
    freed = retention.clean(made.connection, made.folder, Bounds(runs=0, days=0), ALL)
    assert freed.forgotten == 1
    assert holding(made) == [going_on, taken]
    owners.release(made.folder, taken)


def test_a_file_stays_while_another_run_or_the_cache_needs_it(made: MadeHistory) -> None:
    made.run(large=b"x" * 70_000), made.run(large=b"x" * 70_000)
    [name] = in_files(made)
    retention.apply(made.connection, made.folder, Bounds(runs=1), ALL)
    assert in_files(made) == [name]
    made.connection.execute("INSERT INTO files VALUES (?, 'cache ab', 70000)", (name,))
    retention.apply(made.connection, made.folder, Bounds(runs=0), ALL)
    assert in_files(made) == [name]
    assert made.rows("SELECT owner FROM files") == [("cache ab",)]


def test_a_file_that_a_run_which_goes_on_may_have_written_again_stays_until_it_is_an_orphan(
    made: MadeHistory,
) -> None:
    made.run(large=b"x" * 70_000)
    other = made.run(None, rows=())
    made.file(b"x" * 70_000)  # written by that run, whose row is not there yet
    retention.apply(made.connection, made.folder, Bounds(runs=0), ALL)
    assert len(in_files(made)) == 1
    made.connection.execute("UPDATE runs SET status=?, ended=1 WHERE number=?", (RunStatus.FAILED, other))
    assert retention.clean(made.connection, made.folder, Bounds(), ALL).files == 0
    age(made, 7200)
    assert retention.clean(made.connection, made.folder, Bounds(), ALL).files == 1
    assert in_files(made) == []


def entry(made: MadeHistory, key: bytes, used: float, large: bytes | None = None, size: int = 1000) -> None:
    made.connection.execute(
        "INSERT INTO cache VALUES (?, 'etl', 'clean', 1, 1, ?, ?, 1, ?, x'', '[]', x'00', '[]')",
        (key, used, used, size),
    )
    if large is not None:
        made.connection.execute(
            "INSERT INTO files VALUES (?, ?, ?)", (made.file(large), f"cache {key.hex()}", len(large))
        )


def test_cache_entries_go_by_last_use_until_the_rest_is_small_enough(made: MadeHistory) -> None:
    for number in range(4):
        entry(made, bytes([number]), used=100.0 - number, large=bytes([number]) * 70_000)
    freed = retention.apply(made.connection, made.folder, Bounds(), CacheBounds(max_bytes=2000))
    assert (freed.entries, freed.files) == (2, 2)
    assert made.rows("SELECT key FROM cache ORDER BY key") == [(b"\0",), (b"\1",)]
    assert len(in_files(made)) == 2


def test_cache_entries_that_were_not_used_for_long_go(made: MadeHistory) -> None:
    entry(made, b"old", time.time() - 3 * DAY), entry(made, b"young", time.time())
    assert retention.apply(made.connection, made.folder, Bounds(), CacheBounds(days=2)).entries == 1
    assert made.rows("SELECT key FROM cache") == [(b"young",)]


def test_clean_gives_the_room_back_and_forgets_outlines(made: MadeHistory) -> None:
    for _ in range(20):
        made.run(lines=[line("x" * 5000) for _ in range(20)])
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = made.path.stat().st_size
    retention.clean(made.connection, made.folder, Bounds(days=0, runs=0), ALL)
    assert made.path.stat().st_size < before / 10
    assert made.rows("SELECT * FROM outlines") == []


def test_a_process_killed_between_rows_and_files_leaves_files_without_rows(
    made: MadeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run(large=b"x" * 70_000)

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files, "remove", killed)
        retention.apply(made.connection, made.folder, Bounds(runs=0), ALL)
    assert made.rows("SELECT * FROM files") == []
    assert len(in_files(made)) == 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=some.lists(some.tuples(some.sampled_from("abc"), some.integers(0, 3)), max_size=8),
    kept=some.integers(0, 4),
    room=some.integers(0, 400_000),
)
def test_every_row_of_a_file_has_its_file_and_a_second_time_nothing_is_due(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, int]], kept: int, room: int
) -> None:
    made = MadeHistory(tmp_path_factory.mktemp("state"))
    for flow, content in runs:
        made.run(flow=flow, large=bytes([content]) * 70_000 if content else None)
    bounds = Bounds(runs=kept, max_bytes=retention._rows_bytes(made.connection) + room)
    retention.apply(made.connection, made.folder, bounds, ALL)
    assert {name for (name,) in made.rows("SELECT digest FROM files")} == set(in_files(made))
    for flow in "abc":
        mine = [run for (run,) in made.rows("SELECT number FROM runs WHERE flow=? ORDER BY 1", flow)]
        assert {run for run in holding(made) if run in mine} <= set(mine[max(0, len(mine) - kept) :])
    assert not retention.due(made.connection, bounds, ALL)
    made.close()


def test_the_folder_of_results_may_be_missing(made: MadeHistory) -> None:
    made.run()
    made.results.rmdir()
    assert retention.clean(made.connection, Path(made.folder), Bounds(), ALL).files == 0
