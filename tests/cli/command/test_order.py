"""`flowkit run` and `flowkit resume` begin with what took longest in earlier runs."""

from __future__ import annotations

from command_shell import Shell

from flowkit.plan.outline import key_of, restored
from flowkit.store import database
from flowkit.store.history import History

FLOW = """
    import os
    from flowkit import flow, task

    @task
    def first():
        return 1

    @task
    def last(value):
        if "BROKEN" in os.environ:
            raise ValueError("broken")

    @task
    def other():
        pass

    @task
    def lone():
        pass

    @flow
    def order():
        last(first())
        other()
        lone()
"""


def said_to_take(shell: Shell, key: str, seconds: float) -> None:
    path = shell.folder / ".flowkit" / database.FILE
    with History(path.parent) as history:
        node = history.outline(history.find("latest"))["keys"].index(key)
    connection = database.open_to_write(path)
    connection.execute("UPDATE attempts SET ended=started+? WHERE node=? AND attempt>0", (seconds, node))
    connection.close()


def first_of(shell: Shell) -> str:
    """The task of the latest run that goes before all others."""
    with History(shell.folder / ".flowkit") as history:
        return key_of(restored(history.outline(history.find("latest"))), 0)


def test_a_run_begins_with_what_took_longest(shell: Shell) -> None:
    shell.write("flows/order.py", FLOW)
    shell("run", "order", "--workers", "2")
    assert first_of(shell) == "first"
    said_to_take(shell, "lone", 60.0)
    shell("run", "order", "--workers", "1")
    assert first_of(shell) == "first"
    said_to_take(shell, "lone", 60.0)
    shell("run", "order", "--workers", "2")
    assert first_of(shell) == "lone"


def test_a_run_that_goes_on_is_ordered_anew_and_runs_what_is_left(shell: Shell) -> None:
    shell.write("flows/order.py", FLOW)
    shell("run", "order", "--workers", "2", env={"BROKEN": "1"}, code=1)
    said_to_take(shell, "lone", 60.0)
    said = shell("resume", "--workers", "2")
    assert first_of(shell) == "lone"
    assert "3 tasks done" in said.err
    assert "is done: nothing is left to run" in shell("resume").err
