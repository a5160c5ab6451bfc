"""What is on disk and damaged is never used: named, set aside or made again; and the next command works."""

from __future__ import annotations

import random
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from checker import check_litter, check_nothing_is_left_to_do, recorded
from command_server import Server
from scene import Said, Scene, Started

from flowkit.errors import HistoryError
from flowkit.store.run_status import RunStatus

FLOW = """
    import threading
    from pathlib import Path
    from campaign_flows import large, noted, step, table, talking
    from flowkit import flow, task

    @task
    def last(number, some, more, printed):
        with noted():
            while Path("wait").exists():
                Path("waiting").touch()
                threading.Event().wait(0.01)
            assert Path("harmless").exists()
            return number + some[3] + more["number"] + printed

    @flow
    def odd():
        last(step(4), large(7), table(8), talking(9))
"""
pytestmark = pytest.mark.timeout(900)
RUN = ("run", "flows/flow.py:odd")
PAGE = 4096
NUMBER = rb"\b12\b"  # the result of a task, as it is stored


@pytest.fixture(scope="module")
def failed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A project whose run failed in its last task; the results before it are kept in each way there is."""
    scene = Scene(server, tmp_path_factory.mktemp("failed"))
    scene.take_flows()
    scene.write(FLOW)
    scene.flowkit(*RUN, code=1)
    scene.flowkit("register", "flows/flow.py")
    (scene.folder / "harmless").touch()
    return scene


@pytest.fixture(scope="module")
def reference(failed: Scene) -> Mapping[str, Any]:
    """The results of a run that nothing happens to."""
    scene = copied(failed, failed.root / "reference")
    scene.flowkit("resume")
    return recorded(scene).values


def copied(scene: Scene, root: Path) -> Scene:
    """The same again."""
    found = Scene(scene.server, root)
    shutil.copytree(scene.root / "config", root / "config")
    shutil.copytree(scene.folder, found.folder, dirs_exist_ok=True)
    return found


def check_survived(scene: Scene, reference: Mapping[str, Any], *before: Said) -> None:
    """Commands say what they find, without a traceback; then a run is as if nothing had been.

    Args:
        before: what a command has said since the damage.
    """
    said = [*before, *(scene.flowkit("resume", code=None) for _ in range(2))]
    assert {each.code for each in said} <= {0, 1, 2}
    with suppress(sqlite3.DatabaseError, HistoryError):  # not found out yet
        for key, value in recorded(scene, whole=False).values.items():
            assert value == reference.get(key, value), f"a wrong result of `{key}` is used"
    said.append(scene.flowkit(*RUN, code=None))
    if said[-1].code:
        assert "damaged" in said[-1].error
        said.append(scene.flowkit(*RUN))
    assert recorded(scene, whole=False).values == reference
    assert "odd" in scene.flowkit("list").out, "the registry has suffered"
    for kept in scene.state.glob("*.corrupt-*"):
        if kept.suffix not in ("-wal", "-shm"):
            assert any(kept.name[: kept.name.index("corrupt-") + 8] in each.err for each in said), "not said"


# -- the history between runs -----------------------------------------------------------------


def flipped(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path: Path, chance: random.Random) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(chance.randrange(size // 512) * 512)


def zeroed(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(chance.randrange(path.stat().st_size // PAGE) * PAGE)
        file.write(bytes(PAGE))


def emptied(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def replaced_by_text(path: Path, chance: random.Random) -> None:
    path.write_text("<<<<<<< HEAD\nthis is no database\n" * 200)


def shuffled(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
    chance.shuffle(pages)
    path.write_bytes(b"".join(pages))


@pytest.mark.parametrize("damage", [flipped, cut, zeroed, emptied, replaced_by_text, shuffled])
def test_a_damaged_history_is_never_believed(
    failed: Scene,
    reference: Mapping[str, Any],
    tmp_path: Path,
    damage: Callable[[Path, random.Random], None],
    crashes: int,
) -> None:
    times = 1 if damage in (emptied, replaced_by_text) else max(2, crashes // 10)
    for time in range(times):
        seed = random.randrange(1_000_000)
        print("seed", seed)
        scene = copied(failed, tmp_path / str(time))
        damage(scene.history, random.Random(seed))
        check_survived(scene, reference)


def test_a_folder_in_place_of_the_history_is_named(failed: Scene, tmp_path: Path) -> None:
    scene = copied(failed, tmp_path / "it")
    scene.history.unlink()
    scene.history.mkdir()
    for command in (("resume",), RUN):
        said = scene.flowkit(*command, code=2)
        assert str(scene.history) in said.error


def test_a_stored_number_that_was_altered_is_made_again(
    failed: Scene, reference: Mapping[str, Any], tmp_path: Path
) -> None:
    """The change that SQLite cannot see, as the row is whole."""
    scene = copied(failed, tmp_path / "it")
    with closing(sqlite3.connect(scene.history)) as connection:
        rows = connection.execute("SELECT run, batch, data FROM results WHERE batch>=0").fetchall()
        for run, batch, data in rows:
            altered = re.sub(NUMBER, b"13", data)
            connection.execute("UPDATE results SET data=? WHERE run=? AND batch=?", (altered, run, batch))
        connection.commit()
    assert any(re.search(NUMBER, data) for *_, data in rows), "the number is not where it was thought to be"
    scene.flowkit("resume")
    assert recorded(scene).values == reference


CONTRADICTIONS = [
    "DELETE FROM results",
    "DELETE FROM attempts WHERE node=0",
    "DELETE FROM sessions",
    "DELETE FROM outlines",
    "UPDATE outlines SET document=x'00'",
    "UPDATE attempts SET status=99",
    "UPDATE attempts SET detail='{'",
    "UPDATE runs SET asked='[]', parameters='', counts='x'",
    "UPDATE runs SET status=0, ended=NULL",
    "UPDATE results SET data=x''",
    "UPDATE attempts SET batch=77",
]


def test_rows_that_contradict_each_other_are_survived(
    failed: Scene, reference: Mapping[str, Any], tmp_path: Path, crashes: int
) -> None:
    for number, change in enumerate(random.sample(CONTRADICTIONS, min(crashes // 5, len(CONTRADICTIONS)))):
        scene = copied(failed, tmp_path / str(number))
        with closing(sqlite3.connect(scene.history)) as connection:
            connection.execute(change)
            connection.commit()
        check_survived(scene, reference)


# -- the files of results ---------------------------------------------------------------------


def result_file(scene: Scene) -> Path:
    [found] = [path for path in (scene.state / "results").rglob("*") if path.is_file()]
    return found


def gone(path: Path, chance: random.Random) -> None:
    path.unlink()


def cut_short(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flipped, gone, cut_short])
def test_a_result_whose_file_is_damaged_is_made_again(
    failed: Scene, reference: Mapping[str, Any], tmp_path: Path, damage: Callable[[Path, random.Random], None]
) -> None:
    scene = copied(failed, tmp_path / "it")
    damage(result_file(scene), random.Random(1))
    scene.flowkit("resume")
    assert recorded(scene).values == reference
    check_nothing_is_left_to_do(scene)
    again = [each.task for each in scene.told() if each.what == "start"]
    assert sorted(again) == ["large", "last"]
    check_litter(scene)


@pytest.mark.parametrize("damage", [flipped, gone, cut_short, emptied, replaced_by_text])
def test_an_entry_of_the_cache_whose_file_is_damaged_is_made_again(
    scene: Scene, damage: Callable[[Path, random.Random], None]
) -> None:
    scene.take_flows()
    scene.write(
        """
        from campaign_flows import noted
        from flowkit import flow, task

        @task(cache=True)
        def cached():
            with noted():
                return bytes(100_000)

        @task
        def size(data):
            return len(data)

        @flow
        def odd():
            size(cached())
        """
    )
    scene.flowkit(*RUN)
    scene.flowkit(*RUN)
    assert len(scene.told()) == 2, "it was not cached"
    damage(result_file(scene), random.Random(1))
    scene.flowkit(*RUN)
    assert len(scene.told()) == 4
    scene.flowkit(*RUN)
    assert len(scene.told()) == 4, "what was made again is not there"
    assert recorded(scene).values["size"] == 100_000


@pytest.mark.parametrize("size", [1, 100_000])
def test_an_entry_of_the_cache_whose_class_is_gone_is_made_again(scene: Scene, size: int) -> None:
    """The class lies where the code that is followed does not lead."""
    scene.take_flows()
    scene.write(
        """
        import importlib
        from campaign_flows import noted
        from flowkit import flow, task

        SHAPES = "shapes"

        @task(cache=True)
        def cached():
            with noted():
                return importlib.import_module(SHAPES).make()

        @task
        def name(shape):
            return type(shape).__name__

        @flow
        def odd():
            name(cached())
        """
    )
    shape = "class {0}:\n    def __init__(self): self.size = bytes({1})\nmake = {0}\n"
    for kind in ("Square", "Ellipse"):  # of another length, else Python takes its old bytecode
        scene.write(shape.format(kind, size), "flows/shapes.py")
        told = len(scene.told())
        for _ in range(2):
            scene.flowkit(*RUN)
            assert recorded(scene, values=False).status is RunStatus.SUCCESS
        assert [each.what for each in scene.told()[told:]] == ["start", "end"]


# -- while a run goes on, or after it was killed ----------------------------------------------


@pytest.fixture
def waiting(failed: Scene, tmp_path: Path) -> Iterator[tuple[Scene, Started]]:
    """A project with a run that goes on; with `wait` gone it ends."""
    scene = copied(failed, tmp_path / "it")
    (scene.folder / "wait").touch()
    started = scene.start(*RUN)
    assert started.wait_until((scene.folder / "waiting").exists), started.said().err
    yield scene, started
    started.signal(signal.SIGKILL)


def removed(path: Path, chance: random.Random) -> None:
    path.unlink()


def without_companions(path: Path, chance: random.Random) -> None:
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


@pytest.mark.parametrize("damage", [zeroed, emptied, removed, replaced_by_text, without_companions])
def test_a_history_that_is_damaged_under_a_run_leads_to_a_sentence_at_most(
    waiting: tuple[Scene, Started],
    reference: Mapping[str, Any],
    damage: Callable[[Path, random.Random], None],
) -> None:
    scene, started = waiting
    damage(scene.history, random.Random(5))
    (scene.folder / "wait").unlink()
    said = started.said()
    assert said.code in (0, 1, 2), said.err
    assert "Traceback" not in said.err
    check_survived(scene, reference, said)


@pytest.mark.parametrize("lost", [["-wal"], ["-wal", "-shm"]])
def test_a_log_that_was_lost_after_a_crash_loses_no_more_than_was_in_it(
    waiting: tuple[Scene, Started], reference: Mapping[str, Any], lost: list[str]
) -> None:
    scene, started = waiting
    started.signal(signal.SIGKILL)
    started.said()
    (scene.folder / "wait").unlink()
    for ending in lost:
        Path(f"{scene.history}{ending}").unlink()
    check_survived(scene, reference)


def test_a_history_restored_from_an_earlier_copy_goes_on_from_there(
    failed: Scene, reference: Mapping[str, Any], tmp_path: Path
) -> None:
    scene = copied(failed, tmp_path / "it")
    copy = tmp_path / "copy.db"
    shutil.copy(scene.history, copy)
    scene.flowkit("resume")
    scene.flowkit(*RUN)
    without_companions(scene.history, random.Random(1))
    shutil.copy(copy, scene.history)
    scene.flowkit("resume")
    found = recorded(scene)
    assert found.values == reference
    assert found.status is RunStatus.SUCCESS
    check_nothing_is_left_to_do(scene)
