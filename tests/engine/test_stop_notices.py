"""Who listens hears that a call is stopped, whenever that is; and what must not be interrupted is not."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from flowkit import Flow, task
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.stop_notices import StopNotices, told, undisturbed
from flowkit.plan.state import Cancelled, Failed

CALL, OTHER = (0, -1, 1), (1, -1, 1)


class Heard(list[str]):
    """A listener."""

    def ask(self) -> None:
        self.append("ask")

    def give_up(self) -> None:
        self.append("give up")


def test_each_hears_of_its_own_call_and_all_of_the_run() -> None:
    notices, one, other = StopNotices(), Heard(), Heard()
    with notices.heard_by(one, CALL), notices.heard_by(other, OTHER):
        notices.give_up(CALL)
        notices.ask()
    assert (one, other) == (["give up", "ask"], ["ask"])
    with notices.heard_by(one, (2, -1, 1)), notices.heard_by(other, (3, -1, 1)):
        notices.give_all_up()
    assert one[-1] == other[-1] == "give up"


def test_who_comes_late_hears_what_has_happened() -> None:
    notices, heard = StopNotices(), Heard()
    notices.ask()
    notices.give_up(CALL)
    with notices.heard_by(heard, CALL):
        assert heard == ["ask", "give up"]


def test_nobody_hears_after_the_block() -> None:
    notices, heard = StopNotices(), Heard()
    with notices.heard_by(heard, CALL):
        pass
    notices.ask()
    notices.give_all_up()
    notices.give_up(CALL)
    assert heard == []


def test_outside_of_a_run_there_is_nothing_to_hear() -> None:
    with told(Heard()) as nothing, undisturbed():
        assert nothing is None


def test_a_signal_waits_for_what_must_not_be_interrupted(carry_out: Any) -> None:
    steps = []

    @task
    def careful() -> None:
        with undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("inside")
        steps.append("after")

    with Flow("careful") as flow:
        made = careful()
    state = carry_out(flow, LocalExecutor()).state
    assert steps == ["inside"] and type(state.result[made]) is Cancelled


def test_a_time_limit_waits_for_it_too(carry_out: Any) -> None:
    steps = []

    @task(timeout=0.05)
    def careful() -> None:
        with undisturbed():
            threading.Event().wait(0.1)
            steps.append("inside")
        steps.append("after")

    with Flow("careful") as flow:
        made = careful()
    state = carry_out(flow, LocalExecutor()).state
    assert steps == ["inside"] and state.result[made].is_failed()


def test_an_interrupt_that_nobody_asked_for_is_a_failure_of_its_task(carry_out: Any) -> None:
    @task
    def raises() -> None:
        raise KeyboardInterrupt

    with Flow("raises") as flow:
        made = raises()
    assert type(carry_out(flow, ThreadExecutor(1)).state.result[made]) is Failed
