"""What follows from short calls goes to their process together with them: it costs no message of its own,
and nobody can tell otherwise."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, context, task
from flowkit.engine.executors import ProcessExecutor
from flowkit.engine.processes.feeder import Feeder
from flowkit.plan.status import RUNNING
from flowkit.signals import SKIP

LENGTH = 60


@task
def after(value: int) -> int:
    return value + 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls each message had."""
    found: list[int] = []
    hand_over = Feeder._hand_over

    def counted(self: Feeder, errands: Any) -> Any:
        found.append(len(errands))
        return hand_over(self, errands)

    monkeypatch.setattr(Feeder, "_hand_over", counted)
    return found


def test_a_chain_of_short_tasks_is_sent_in_few_messages(carry_out: Any, sent: list[int]) -> None:
    with Flow("chain") as flow:
        made: Any = 0
        for _ in range(LENGTH):
            made = after(made)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert states[made].result == LENGTH
    assert sum(sent) == LENGTH
    assert len(sent) <= LENGTH // 2, sent


def test_what_goes_ahead_is_given_whatever_else_it_takes(carry_out: Any, sent: list[int]) -> None:
    @task
    def add(left: int, right: int) -> int:
        return left + right

    with Flow("sums") as flow:
        fixed = after(1)
        made = after(fixed)
        for _ in range(LENGTH):
            made = add(add(made, fixed), right=1)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert states[made].result == 3 + LENGTH * 3
    assert max(sent) > 1


def test_what_two_could_do_is_given_the_right_values(carry_out: Any) -> None:
    """Whoever of them does it."""

    @task
    def add(left: int, right: int) -> int:
        return left + right

    with Flow("ladder") as flow:
        left, right = after(0), after(0)
        for _ in range(LENGTH):
            left, right = add(left, right), add(right, 1)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    a, b = 1, 1
    for _ in range(LENGTH):
        a, b = a + b, b + 1
    assert (states[left].result, states[right].result) == (a, b)


@task
def upset(value: int, at: int, how: str) -> Any:
    """Passes a number on; at this one it does something else."""
    if value == at and context.task_run_count == 1:
        if how == "fail":
            raise ValueError(value)
        if how == "skip":
            raise SKIP("not now")
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "list":
            return [value + 1]
    return (value[0] if isinstance(value, list) else value) + 1


def upsetting(how: str, retries: int = 0) -> tuple[Flow, list[Any]]:
    with Flow(how) as flow:
        trying = upset.copy()
        trying.max_retries, trying.retry_delay = retries, 0
        made: list[Any] = []
        for _ in range(LENGTH):
            made.append(trying(made[-1] if made else 0, LENGTH // 2, how))
    return flow, made


@pytest.mark.parametrize(("how", "word"), [("fail", "TriggerFailed"), ("skip", "Skipped")])
def test_nothing_is_called_that_follows_what_has_not_succeeded(how: str, word: str, carry_out: Any) -> None:
    flow, made = upsetting(how)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    at = LENGTH // 2
    assert [states[each].result for each in made[:at]] == list(range(1, at + 1))
    assert {type(states[each]).__name__ for each in made[at + 1 :]} == {word}


def test_what_does_not_go_as_it_is_goes_the_long_way(carry_out: Any) -> None:
    flow, made = upsetting("list")
    outcome = carry_out(flow, ProcessExecutor(2))
    assert outcome.state.is_successful()
    assert outcome.state.result[made[LENGTH // 2]].result == [LENGTH // 2 + 1]


class Attempts:
    """Counts the attempts that were begun."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, engine: Any) -> None: ...

    def see(self, rows: Any, lines: Any) -> None:
        self.begun += sum(row[3] == RUNNING for row in rows)

    def end(self, outcome: Any) -> None: ...


def test_a_death_costs_the_attempt_that_died_and_no_other(carry_out: Any) -> None:
    flow, made = upsetting("die", retries=1)
    attempts = Attempts()
    outcome = carry_out(flow, ProcessExecutor(2), observers=[attempts])
    assert outcome.state.is_successful()
    assert outcome.state.result[made[-1]].result == LENGTH
    assert attempts.begun == LENGTH + 1


@task
def count(value: int, folder: str) -> int:
    """Notes that it was called."""
    with (Path(folder) / str(value)).open("a") as file:
        file.write("x")
    return value + 1


def test_each_is_called_once(carry_out: Any, tmp_path: Path) -> None:
    with Flow("tree") as flow:
        row: list[Any] = [count(0, str(tmp_path))]
        for _ in range(6):
            row = [after(each) for each in row for _ in range(2)]
        ends = [count(after(each), str(tmp_path)) for each in row]
    assert carry_out(flow, ProcessExecutor(2)).state.is_successful()
    assert (tmp_path / "0").read_text() == "x"
    assert len((tmp_path / "8").read_text()) == len(ends) == 64


@task
def sometimes_long(value: int, at: int, begun: str, go_on: str) -> int:
    if value == at:
        with open(begun, "w"):  # noqa: PTH123 a pipe
            pass
        with open(go_on):  # noqa: PTH123
            pass
    return value + 1


def test_what_is_behind_a_long_one_waits_for_it_and_others_go_on(carry_out: Any, tmp_path: Path) -> None:
    """The long one is let go by a task that can only run elsewhere."""
    begun, go_on = str(tmp_path / "begun"), str(tmp_path / "go on")
    os.mkfifo(begun)
    os.mkfifo(go_on)

    @task
    def let_go() -> None:
        with open(begun):  # noqa: PTH123
            pass
        with open(go_on, "w"):  # noqa: PTH123
            pass

    with Flow("long") as flow:
        made: Any = 0
        for _ in range(LENGTH):
            made = sometimes_long(made, 20, begun, go_on)
        let_go()
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert states[made].result == LENGTH
