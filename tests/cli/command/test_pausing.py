"""Runs that wait for somebody: they exit 0, say how to go on, and do; loops go on where they were."""

from __future__ import annotations

from command_shell import Shell

PAUSING = """
    from flowkit import Flow, context, task
    from flowkit.utilities.tasks import pause_task

    @task
    def one():
        return 1

    @task
    def look(x):
        pause_task("look at it first")
        print("attempt", context.task_run_count, context.resume)
        return x + 1

    @task(trigger="manual_only")
    def publish(x):
        print("published", x)

    with Flow("pausing") as flow:
        publish(look(one()))
"""

LOOPING = """
    from pathlib import Path
    from flowkit import Flow, context, task
    from flowkit.signals import LOOP

    class Big:
        def __init__(self, n):
            self.n = n

    @task
    def loop():
        count = context.get("task_loop_count", 1)
        before = context.get("task_loop_result", Big(0))
        if count == 4 and not Path("mended").exists():
            raise ValueError("not yet")
        if count < 6:
            raise LOOP(result=Big(before.n + count))
        return before.n

    @task
    def show(x):
        print("sum", x)

    with Flow("looping") as flow:
        show(loop())
"""


def test_a_paused_run_exits_0_and_resume_passes_one_pause_after_the_other(shell: Shell) -> None:
    shell.write("flows/pausing.py", PAUSING)
    said = shell("run", "pausing", code=0)
    assert "PAUSE" in said.err and "look at it first" in said.err and "flowkit resume 1" in said.err
    assert "1 ok · 1 paused" in said.err
    assert "paused" in shell("runs", code=0).out
    assert "‖ paused" in shell("runs", "show", "1", code=0).out
    said = shell("resume", code=0)
    assert "attempt 1 True" in said.err and "1 paused" in said.err
    said = shell("resume", code=0)
    assert "published 2" in said.err
    assert "✓ ok" in shell("runs", "show", "1", code=0).out


def test_a_loop_goes_on_with_the_iteration_that_failed(shell: Shell) -> None:
    shell.write("flows/looping.py", LOOPING)
    said = shell("run", "looping", code=1)
    assert said.err.count("START    loop") == 1
    shell.write("mended", "")
    assert "sum 15" in shell("resume", code=0).err


def test_the_event_of_a_pause_is_told_and_iterations_are_not(shell: Shell) -> None:
    shell.write("flows/pausing.py", PAUSING)
    shell.write("flows/looping.py", LOOPING)
    assert '"event": "task_paused"' in shell("run", "pausing", "--json", code=0).out
    told = shell("run", "looping", "--json", code=1).out
    assert told.count('"event": "task_started"') == 1


def test_a_task_that_is_paused_when_it_is_replayed_is_said_to_be(shell: Shell) -> None:
    shell.write("flows/pausing.py", PAUSING)
    shell("run", "pausing")
    assert "paused: look" in shell("replay", "1", "look").err
