"""Retries across crashes: attempts are counted on, the wait goes on where it was, nothing is given twice."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

import pytest
from checker import check_nothing_is_left_to_do, recorded
from command_server import PATIENCE
from scene import Said, Scene

from flowkit.plan.status import CANCELLED, FAILED, RETRYING, SUCCESS
from flowkit.store.run_status import RunStatus

FLOW = """
    import os, signal, threading
    from datetime import timedelta
    from pathlib import Path
    from campaign_flows import noted
    from flowkit import backoff, context, flow, task

    @task(max_retries=3, retry_delay=timedelta(seconds=float(os.environ.get("DELAY", "0"))))
    def flaky():
        with noted():
            if context.task_run_count < int(os.environ.get("GOOD", "1")):
                raise ConnectionError("not yet")
            return context.task_run_count

    @task
    def deadly():
        with noted():
            if not Path("harmless").exists():
                Path("harmless").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return 1

    @task(max_retries=1, retry_delay=backoff(1000, jitter=0.9))
    def uneven():
        with noted():
            if context.task_run_count == 1:
                raise ConnectionError("not yet")
            return context.task_run_count

    @task(max_retries=1, retry_delay=lambda attempt: 0 if attempt == 1 else 1000)
    def hopeless():
        with noted():
            raise ConnectionError("never")

    @task
    def half():
        with noted():
            while not Path("go").exists():
                threading.Event().wait(0.01)

    @flow
    def odd():
        flaky()

    @flow
    def gap():
        deadly()

    @flow
    def jitter():
        uneven()

    @flow
    def ending():
        hopeless()

    @flow
    def changed():
        half()
"""


@pytest.fixture
def retrying(scene: Scene) -> Scene:
    """A project with a task that fails at first."""
    scene.take_flows()
    scene.write(FLOW)
    return scene


def killed_in_wait(scene: Scene, flow: str = "odd", **environ: str) -> Said:
    """Let a run die while it waits for the second attempt."""
    started = scene.start("run", f"flows/flow.py:{flow}", "--json", **environ)
    assert started.wait_until(lambda: "task_retrying" in started.out.read_text()), started.said().err
    started.signal(signal.SIGKILL)
    return started.said()


def test_a_wait_that_a_crash_cut_goes_on_and_the_attempts_are_counted_on(retrying: Scene) -> None:
    """A thousand seconds, of which all but a half have passed: who waited all of them again would hang."""
    killed_in_wait(retrying, DELAY="1000", GOOD="2")
    with closing(sqlite3.connect(retrying.history)) as connection:
        connection.execute("UPDATE attempts SET started=started-999.5, ended=ended-999.5")
        connection.commit()
    retrying.flowkit("resume", DELAY="1000", GOOD="2")
    found = recorded(retrying)
    assert found.values == {"flaky": 2}
    first, second = found.attempts
    assert (first.status, second.status) == (RETRYING, SUCCESS)
    assert first.ended is not None
    assert second.started - first.ended >= 1000, "the wait is kept"
    check_nothing_is_left_to_do(retrying)


def test_a_wait_that_was_drawn_by_chance_is_not_drawn_again(retrying: Scene) -> None:
    said = killed_in_wait(retrying, "jitter")
    [wait] = [event["retry_in"] for event in map(json.loads, said.out.splitlines()) if "retry_in" in event]
    with closing(sqlite3.connect(retrying.history)) as connection:
        passed = wait - 0.5
        connection.execute("UPDATE attempts SET started=started-?, ended=ended-?", (passed, passed))
        connection.commit()
    retrying.flowkit("resume")
    first, second = recorded(retrying).attempts
    assert first.ended is not None
    assert wait <= second.started - first.ended < wait + PATIENCE
    check_nothing_is_left_to_do(retrying)


def test_after_the_last_attempt_nobody_waits(retrying: Scene) -> None:
    """The wait that would follow is a thousand seconds."""
    retrying.flowkit("run", "flows/flow.py:ending", code=1)
    assert [each.status for each in recorded(retrying).attempts] == [RETRYING, FAILED]


def test_a_crash_gives_no_more_retries_than_there_are(retrying: Scene) -> None:
    killed_in_wait(retrying, DELAY="0.2", GOOD="99")
    retrying.flowkit("resume", DELAY="0.2", GOOD="99", code=1)
    found = recorded(retrying)
    assert found.status is RunStatus.FAILED
    assert [each.status for each in found.attempts] == [RETRYING, RETRYING, RETRYING, FAILED]
    assert [each.attempt for each in retrying.told() if each.what == "start"] == [1, 2, 3, 4]


def test_an_attempt_that_a_crash_cut_is_no_failure_of_its_task(retrying: Scene) -> None:
    """It has no retries, and needs none."""
    retrying.flowkit("run", "flows/flow.py:gap", code=-signal.SIGKILL, PACE="0.2")
    retrying.flowkit("resume")
    found = recorded(retrying)
    assert found.values == {"deadly": 1}
    assert [each.status for each in found.attempts] == [CANCELLED, SUCCESS]
    assert found.attempts[0].detail["lost"] is True


def test_what_was_done_and_not_recorded_is_done_again(retrying: Scene) -> None:
    """At least once: between the end of a task and its record is a moment."""
    started = retrying.start("run", "flows/flow.py:odd", "--executor", "inline", before=("hold_commits",))
    assert started.wait_until(lambda: any(each.what == "end" for each in retrying.told()))
    started.signal(signal.SIGKILL)
    started.said()
    assert recorded(retrying).successes == {}
    retrying.flowkit("resume")
    assert [each.what for each in retrying.told()] == ["start", "end", "start", "end"]
    assert len(recorded(retrying).values) == 1


def test_a_flow_that_is_changed_while_it_runs_ends_as_it_began(retrying: Scene) -> None:
    started = retrying.start("run", "flows/flow.py:changed")
    retrying.wait_for_task(started)
    (retrying.folder / "flows" / "flow.py").unlink()
    (retrying.folder / "go").touch()
    assert started.said().code == 0
    found = recorded(retrying)
    assert found.run is not None
    assert (found.run.flow, found.run.ref) == ("changed", "flows/flow.py:changed")
    said = retrying.flowkit("resume", code=None)
    assert said.code in (2, 3)
    assert "was made from `flows/flow.py:changed`" in said.err


def test_a_flow_that_is_registered_anew_or_not_any_more_while_it_runs_ends_as_it_began(
    retrying: Scene,
) -> None:
    retrying.flowkit("register", "flows/flow.py")
    started = retrying.start("run", "changed")
    retrying.wait_for_task(started)
    text = (retrying.folder / "flows" / "flow.py").read_text()
    changed = text.replace("def half():", "def half(other=1):").replace("half()", "half(2)")
    retrying.write(changed)
    assert "v1 → v2  flows/flow.py:changed" in retrying.flowkit("register", "flows/flow.py").out
    retrying.flowkit("unregister", "changed")
    (retrying.folder / "go").touch()
    assert started.said().code == 0
    found = recorded(retrying)
    assert found.run is not None
    assert (found.run.flow, found.run.ref) == ("changed", "flows/flow.py:changed")
    assert found.values == {"half": None}


EDITED = """
    import os, signal
    from pathlib import Path
    from campaign_flows import noted
    from flowkit import flow, task

    @task
    def numbers():
        with noted():
            return [10, 20, 30]

    @task
    def double(number):
        with noted():
            return 2 * number

    @task
    def lonely():
        with noted():
            return 7

    @task
    def last(found, alone):
        with noted():
            if not Path("harmless").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            return [*found, alone]

    @flow
    def odd():
        last(double.map(numbers()), lonely())
"""
CHILDREN = ["double[0]", "double[1]", "double[2]"]
EDITS = {
    "the same": ("", "", [20, 40, 60, 7], []),
    "wider": ("[10, 20, 30]", "[5, 10, 20, 30]", [10, 20, 40, 60, 7], ["numbers", *CHILDREN, "double[3]"]),
    "narrower": ("[10, 20, 30]", "[20, 30]", [40, 60, 7], ["numbers", *CHILDREN[:2]]),
    "renamed": ("lonely", "alone", [20, 40, 60, 7], []),
    "changed": ("2 * number", "3 * number", [30, 60, 90, 7], CHILDREN),
    "removed": (", lonely())", ", 8)", [20, 40, 60, 8], []),
    "added": ("lonely())", "double(lonely()))", [20, 40, 60, 14], ["double-2"]),
}


@pytest.mark.parametrize(("old", "new", "result", "again"), EDITS.values(), ids=EDITS)
def test_a_flow_that_was_edited_after_a_crash_gets_no_result_that_is_anothers(
    retrying: Scene, old: str, new: str, result: list[int], again: list[str]
) -> None:
    retrying.write(EDITED)
    retrying.flowkit("run", "flows/flow.py:odd", code=-signal.SIGKILL, PACE="0.2")
    done = recorded(retrying).successes.keys()
    assert done == {"numbers", *CHILDREN, "lonely"}
    told = len(retrying.told())
    retrying.write(EDITED.replace(old, new) if old else EDITED)
    (retrying.folder / "harmless").touch()
    retrying.flowkit("resume")
    found = recorded(retrying)
    assert found.values["last"] == result
    ran = [each.task for each in retrying.told()[told:] if each.what == "start"]
    assert sorted(ran) == sorted(["last", *again])
    check_nothing_is_left_to_do(retrying)
