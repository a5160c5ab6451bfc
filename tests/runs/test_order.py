"""A run begins with what earlier runs have shown to take longest; nothing else of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_place import Place

from flowkit import Flow, task
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.store import database


@task
def link(name: str, before: str = "") -> str:
    return before + name


@task
def lone(name: str) -> str:
    return name


@task
def refuse_once(before: str, folder: Path) -> str:
    if not (folder / "mended").exists():
        raise ValueError("not yet")
    return before


def links_and_lone(folder: Path | None = None) -> Flow:
    """Three links of a chain, twice, and a task alone, which by structure goes after all but the last."""
    with Flow("order") as flow:
        for chain in "ab":
            value = link(f"{chain}2", link(f"{chain}1"))
            if folder is not None and chain == "a":
                refuse_once(value, folder)
            else:
                link(f"{chain}3", value)
        lone("lone")
    return flow


def write_durations(place: Place, **seconds: float) -> None:
    """As if tasks had taken so long, in all runs; what is not named took a second."""
    connection = database.open_to_write(place.folder / database.FILE)
    connection.execute("UPDATE attempts SET ended=started+1 WHERE attempt>0")
    for (run,) in connection.execute("SELECT number FROM runs").fetchall():
        keys = place.keys(run)
        for key, each in seconds.items():
            query = "UPDATE attempts SET ended=started+? WHERE run=? AND node=? AND attempt>0"
            connection.execute(query, (each, run, keys.index(key)))
    connection.close()


def test_the_second_run_begins_with_what_took_longest(place: Place) -> None:
    first = place.run(links_and_lone(), executor=ThreadExecutor(2))
    assert first.ran.index("lone") >= 2
    write_durations(place, lone=60.0)
    second = place.run(links_and_lone(), executor=ThreadExecutor(2))
    assert second.ran[0] == "lone"
    assert second.values == first.values
    assert set(place.keys(first.number)) == set(place.keys(second.number))


def test_a_script_begins_with_what_took_longest(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.project.root)
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    for _ in range(2):
        assert links_and_lone().run(executor=ThreadExecutor(2)).is_successful()
        write_durations(place, lone=60.0)
    assert place.keys(1)[0] != "lone"
    assert place.keys(2)[0] == "lone"


def test_a_run_with_one_worker_keeps_its_order(place: Place) -> None:
    first = place.run(links_and_lone(), executor=LocalExecutor())
    write_durations(place, lone=60.0)
    assert place.run(links_and_lone(), executor=LocalExecutor()).ran == first.ran


def test_a_run_that_is_as_long_as_before_shares_its_outline(place: Place) -> None:
    place.run(links_and_lone(), executor=ThreadExecutor(2))
    write_durations(place, lone=60.0)
    for _ in range(2):
        place.run(links_and_lone(), executor=ThreadExecutor(2))
        write_durations(place, lone=60.0)
    assert place.rows("SELECT COUNT(*) FROM outlines") == [(2,)]


def test_a_run_goes_on_in_another_order_and_runs_only_what_is_left(place: Place, tmp_path: Path) -> None:
    flow = links_and_lone(tmp_path)
    failed = place.run(flow, executor=ThreadExecutor(2))
    assert failed.state("refuse_once") == "Failed"
    write_durations(place, lone=60.0)
    (tmp_path / "mended").touch()
    resumed = place.resume(flow, executor=ThreadExecutor(2))
    assert resumed.ran == ["refuse_once"]
    assert resumed.value("refuse_once") == "a1a2"
    assert resumed.value("lone") == "lone"
    assert resumed.found is not None
    assert resumed.found.plan.keys[0] == "lone"
    assert (resumed.found.matching.added, resumed.found.matching.removed) == ((), ())
    again = place.resume(flow, failed.number, executor=ThreadExecutor(2))
    assert again.found is not None
    assert again.found.is_done


def test_a_history_that_tells_nothing_leaves_the_order_to_structure(place: Place) -> None:
    place.run(links_and_lone(), executor=ThreadExecutor(2))
    write_durations(place, lone=60.0)
    connection = database.open_to_write(place.folder / database.FILE)
    connection.execute("UPDATE attempts SET node=node+1000")
    connection.close()
    second = place.run(links_and_lone(), executor=ThreadExecutor(2))
    assert second.outcome.state.is_successful()
    assert place.keys(second.number)[0] != "lone"


def test_children_that_took_longest_begin_first(place: Place) -> None:
    with Flow("children") as flow:
        lone.map(["a", "b", "c", "d", "e"])
    first = place.run(flow, executor=ThreadExecutor(2))
    assert first.ran == [f"lone[{child}]" for child in range(5)]
    connection = database.open_to_write(place.folder / database.FILE)
    connection.execute("UPDATE attempts SET ended=started+CASE child WHEN 4 THEN 9 WHEN 2 THEN 5 ELSE 1 END")
    connection.close()
    second = place.run(flow, executor=ThreadExecutor(2))
    assert second.ran[:2] == ["lone[4]", "lone[2]"]
    assert second.values == first.values
