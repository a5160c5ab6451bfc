"""Limits at the terminal: what waits says for what, and who has it; a run that is killed holds nothing."""

from __future__ import annotations

import json
import signal

import pytest
from command_shell import Shell

FLOWS = """
    import threading
    from flowkit import Flow, Parameter, task

    @task(tags={"db"})
    def load(waits):
        print("loading", flush=True)
        if waits:
            threading.Event().wait(60)

    with Flow("loads") as flow:
        load(Parameter("waits", default=False))
"""

LANES = """
    import threading
    from flowkit import Flow, task

    together = threading.Barrier(3)

    @task(executor="threads")
    def meet(number):
        together.wait(20)

    with Flow("lanes") as flow:
        meet.map([1, 2, 3])
"""


@pytest.fixture
def loads(shell: Shell) -> Shell:
    shell.write("flows/loads.py", FLOWS)
    shell.write("flowkit.toml", '[limits]\ndb = { slots = 1, across = "machine" }\n')
    return shell


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_the_slot_of_a_run_that_is_stopped_or_killed_is_free_at_once(
    loads: Shell, by: signal.Signals
) -> None:
    with loads.start("run", "loads", "--waits") as first:
        assert first.stderr is not None
        heard = ""
        while "loading" not in heard:
            heard += first.stderr.readline()
        with loads.start("run", "loads", "--json") as second:
            assert second.stdout is not None
            events = [json.loads(second.stdout.readline()) for _ in range(2)]
            assert events[0]["event"] == "run_started"
            waiting = events[1]
            assert (waiting["event"], waiting["task"], waiting["stream"]) == ("task_output", "load", "log")
            assert waiting["text"] == "waiting for `db`, held by run 1"
            first.send_signal(by)
            events = [json.loads(line) for line in second.stdout]
            assert [event["event"] for event in events[:1]] == ["task_started"]
            assert second.wait(20) == 0
        first.communicate()


def test_what_was_waited_for_is_in_the_log_of_the_task(loads: Shell) -> None:
    with loads.start("run", "loads", "--waits") as first:
        assert first.stderr is not None
        heard = ""
        while "loading" not in heard:
            heard += first.stderr.readline()
        with loads.start("run", "loads") as second:
            assert second.stderr is not None
            while "waiting" not in (line := second.stderr.readline()):
                assert line, "it ended without a word"
            assert line.strip() == "load | INFO waiting for `db`, held by run 1"
            first.kill()
            second.communicate()
        first.communicate()
    assert "load | INFO waiting for `db`, held by run 1" in loads("logs", "2").out


def test_limits_are_shown_among_the_settings(loads: Shell) -> None:
    assert '{ slots = 1, across = "machine" }' in loads("config").out
    rows = json.loads(loads("config", "--json", env={"FLOWKIT_LIMITS__API": "3"}).out)
    assert rows["limits.db"]["value"] == {"slots": 1, "across": "machine"}
    assert rows["limits.api"] == {"value": 3, "origin": "FLOWKIT_LIMITS__API"}


def test_a_limit_across_the_machine_needs_a_folder_that_only_the_user_can_write(loads: Shell) -> None:
    home = loads.folder.parent / "home" / "config" / "flowkit"
    home.mkdir(parents=True)
    (home / "slots").write_text("in the way")
    said = loads("run", "loads", code=2)
    assert said.sentence.startswith("the limit `db` cannot hold across the machine: ")
    assert said.hints == ['take `across = "machine"` out of the settings, so that it holds within a run']


def test_a_task_that_wants_more_than_the_machine_has_is_told_and_runs(shell: Shell) -> None:
    shell.write(
        "flows/big.py",
        """
        from flowkit import Flow, task

        @task(memory="900 TiB")
        def huge(): ...

        with Flow("big") as flow:
            huge()
            huge()
        """,
    )
    said = shell("run", "big")
    [line] = [line for line in said.err.splitlines() if "runs alone" in line]
    assert line.startswith("WARNING `huge` asks for 921600.0 GiB of memory, and there are ")
    assert line.endswith(" GiB, as do 1 more: it runs alone.")


def test_the_number_of_workers_is_that_of_every_lane(shell: Shell) -> None:
    shell.write("flows/lanes.py", LANES)
    shell("run", "lanes", "--executor", "inline", "--workers", "3")
    assert "at once in each lane" in shell("run", "lanes", "--help").out
