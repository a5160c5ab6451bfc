"""Who may go on with a run: one process at a time, whatever becomes of it, and not without end."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

import pytest
from checker import check_nothing_is_left_to_do, recorded
from scene import Scene, Started

from flowkit.store import owners
from flowkit.store.run_status import RunStatus

FLOW = """
    import os, signal, threading
    from pathlib import Path
    from campaign_flows import noted
    from flowkit import flow, task

    @task
    def first():
        with noted():
            return 1

    @task
    def second(found):
        with noted():
            while not Path("go").exists():
                threading.Event().wait(0.005)
            return found + 1

    @task
    def deadly(found):
        with noted():
            if not Path("harmless").exists():
                threading.Event().wait(float(os.environ.get("LATER", "0")))
                os.kill(os.getpid(), signal.SIGKILL)
            return found + 2

    @flow
    def two():
        second(first())

    @flow
    def loop():
        deadly(first())
"""


@pytest.fixture
def owned(scene: Scene) -> Scene:
    """A project with a run that waits, and one that kills its process."""
    scene.take_flows()
    scene.write(FLOW)
    return scene


def waiting(scene: Scene, *arguments: str) -> Started:
    """A command whose second task has started."""
    starts = [each for each in scene.told() if each == ("start", each.run, "second", each.attempt, each.pid)]
    started = scene.start(*arguments)
    assert started.wait_until(lambda: len(seconds_of(scene)) > len(starts)), started.said().err
    return started


def seconds_of(scene: Scene) -> list[int]:
    """The processes in which the second task has started."""
    return [each.pid for each in scene.told() if (each.what, each.task) == ("start", "second")]


def crashed(scene: Scene) -> None:
    """Let a run die while its second task waits."""
    started = waiting(scene, "run", "flows/flow.py:two")
    started.signal(signal.SIGKILL)
    started.said()


def test_a_run_that_lives_is_not_taken_over(owned: Scene) -> None:
    started = waiting(owned, "run", "flows/flow.py:two")
    said = owned.flowkit("resume", code=2)
    assert "is still going on in process" in said.error
    assert str(started.command.pid) in said.error
    (owned.folder / "go").touch()
    assert started.said().code == 0
    assert len(seconds_of(owned)) == 1


def test_a_run_that_was_stopped_for_a_while_is_not_taken_for_dead(owned: Scene) -> None:
    started = waiting(owned, "run", "flows/flow.py:two")
    started.signal(signal.SIGSTOP)
    assert "is still going on" in owned.flowkit("resume", code=2).error
    assert recorded(owned).status is RunStatus.RUNNING
    (owned.folder / "go").touch()
    started.signal(signal.SIGCONT)
    assert started.said().code == 0
    assert recorded(owned).status is RunStatus.SUCCESS
    assert len(seconds_of(owned)) == 1


def test_of_many_who_resume_at_once_one_does(owned: Scene) -> None:
    crashed(owned)
    all_of_them = [owned.start("resume") for _ in range(6)]
    losers = [started for started in all_of_them if started.wait_until(lambda: len(seconds_of(owned)) > 1)]
    (owned.folder / "go").touch()
    said = [started.said() for started in all_of_them]
    good = [each for each in said if each.code == 0]
    refused = [each for each in said if each.code == 2]
    assert len(good) + len(refused) == len(losers) == 6
    assert all("is still going on" in each.error for each in refused)
    assert [each.err for each in good if "done: nothing is left" not in each.err][1:] == []
    assert len(seconds_of(owned)) == 2, "it was run by the first, and by one of the others"
    assert recorded(owned).values == {"first": 1, "second": 2}


def test_another_process_with_the_number_of_the_dead_one_is_not_taken_for_it(owned: Scene) -> None:
    """Who owns a run is a lock in the kernel, not a number in a file."""
    crashed(owned)
    with closing(sqlite3.connect(owned.history)) as connection:
        connection.execute("UPDATE sessions SET pid=?, born=?", (os.getpid(), owners.born(os.getpid())))
        connection.commit()
    (owned.folder / "go").touch()
    assert "crashed" in owned.flowkit("resume").err
    assert recorded(owned).status is RunStatus.SUCCESS


def test_a_task_that_kills_its_process_again_and_again_is_not_run_without_end(owned: Scene) -> None:
    # Long enough for its start to be written: of what was not, nobody can know that it was lost.
    owned.environ["LATER"] = "0.3"
    owned.flowkit("run", "flows/flow.py:loop", code=-signal.SIGKILL)
    for _ in range(2):
        owned.flowkit("resume", code=-signal.SIGKILL)
    starts = len(owned.told())
    said = owned.flowkit("resume", code=1)
    assert "`deadly` was running each of the last 3 times" in said.error
    assert "flowkit resume 1 --force deadly" in said.err
    assert len(owned.told()) == starts, "it was run all the same"
    (owned.folder / "harmless").touch()
    owned.flowkit("resume", code=1)
    owned.flowkit("resume", "--force", "deadly")
    assert recorded(owned).values == {"first": 1, "deadly": 3}
    check_nothing_is_left_to_do(owned)


def test_a_task_that_kills_its_process_at_once_is_not_run_without_end_either(owned: Scene) -> None:
    """Its start need not have been written yet."""
    owned.flowkit("run", "flows/flow.py:loop", code=-signal.SIGKILL)
    for _ in range(6):
        said = owned.flowkit("resume", code=None)
        if said.code != -signal.SIGKILL:
            break
    assert said.code == 1, "nobody stops it"
