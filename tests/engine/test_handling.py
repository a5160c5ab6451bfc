"""State handlers: told of every change in order, with the last word on each. Prefect classic, group 17.

What is expected here was observed there, message by message, unless docs/semantics.md corrects it.
"""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import Flow, context, task
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.signals import ENDRUN, FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from flowkit.state import Failed, Mapped, Retrying, Running, Skipped, State, Success, TriggerFailed


@pytest.fixture(params=[LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.param
    return found


class Told:
    """A state handler that keeps the changes it is told of."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self.states: list[State] = []

    def __call__(self, tracked: Any, old: State, new: State) -> None:
        self.changes.append((type(old).__name__, type(new).__name__))
        self.states.append(new)

    @property
    def way(self) -> str:
        """`Pending Running Success`: the states that were seen, in order."""
        found = [self.changes[0][0]] if self.changes else []
        for old, new in self.changes:
            if found[-1] != old:
                found.append(f"| {old}")
            found.append(new)
        return " ".join(found)


def run_one(run: Any, executor: Executor, *handlers: Any, **options: Any) -> tuple[State, State]:
    """The states of one task with these handlers, and of one that takes its value."""
    with Flow("f") as flow:
        first = task(run, name="first", state_handlers=list(handlers), **options)()
        last = task(lambda x: x, name="last")(first)
    result = flow.run(executor=executor, history=False).result
    return result[first], result[last]


def fails() -> None:
    raise ValueError("no")


def test_a_task_is_told_of_its_start_and_its_end(executor: Executor) -> None:
    told = Told()
    run_one(lambda: 1, executor, told)
    assert told.way == "Pending Running Success"
    assert [state.message for state in told.states] == ["Starting task run.", "Task run succeeded."]
    assert told.states[-1].result == 1


def test_each_failed_attempt_is_told_and_what_follows_from_it(executor: Executor) -> None:
    told = Told()

    def flaky() -> int:
        if context.task_run_count < 3:
            raise ValueError("no")
        return 3

    state, last = run_one(flaky, executor, told, max_retries=2, retry_delay=0)
    attempt = "Running Failed Retrying"
    assert told.way == f"Pending {attempt} {attempt} Running Success"
    assert told.states[2].message == "Retrying Task (after attempt 1 of 3)"
    assert (state.result, last.result) == (3, 3)


def test_what_is_decided_without_an_attempt_is_told_too(executor: Executor) -> None:
    refused, skipped = Told(), Told()
    with Flow("f") as flow:
        bad = task(fails)()
        task(lambda x: x, state_handlers=[refused])(bad)

        @task
        def skip() -> None:
            raise SKIP("no need")

        task(lambda x: x, state_handlers=[skipped])(skip())
    flow.run(executor=executor, history=False)
    assert refused.way == "Pending TriggerFailed" and skipped.way == "Pending Skipped"
    assert isinstance(refused.states[0].result, TRIGGERFAIL)


def test_a_mapped_task_is_told_when_it_expands_and_each_child_of_its_own(executor: Executor) -> None:
    seen: list[tuple[Any, str]] = []

    def handler(tracked: Any, old: State, new: State) -> None:
        seen.append((context.get("map_index"), type(new).__name__))

    with Flow("f") as flow:
        made = task(lambda x: x, state_handlers=[handler]).map([1, 2])
    state = flow.run(executor=executor, history=False).result[made]
    assert isinstance(state, Mapped) and state.result == [1, 2]
    assert seen[0] == (None, "Mapped")
    assert [name for index, name in seen if index == 1] == ["Running", "Success"]
    assert len(seen) == 5


def test_a_loop_is_told_iteration_by_iteration(executor: Executor) -> None:
    told = Told()

    def loop() -> Any:
        count = context.get("task_loop_count", 1)
        if count < 3:
            raise LOOP(result=count)
        return context.task_loop_result

    assert run_one(loop, executor, told)[1].result == 2
    assert told.way == "Pending Running Looped | Pending Running Looped | Pending Running Success"
    assert told.states[1].message == "Task is looping (1)"


def test_a_state_that_a_handler_returns_feeds_what_comes_after(executor: Executor) -> None:
    told = Told()

    def mends(tracked: Any, old: State, new: State) -> State | None:
        return Success("fixed", result=99) if new.is_failed() else None

    state, last = run_one(fails, executor, mends, told)
    assert (state.message, state.result, last.result) == ("fixed", 99, 99)
    assert told.way == "Pending Running Success"


@pytest.mark.parametrize("when", ["is_running", "is_successful"])
def test_an_error_of_a_handler_fails_the_task_and_is_not_tried_again(executor: Executor, when: str) -> None:
    ran: list[int] = []
    told = Told()

    def breaks(tracked: Any, old: State, new: State) -> None:
        if getattr(new, when)():
            raise ZeroDivisionError("boom")

    state, last = run_one(lambda: ran.append(1), executor, breaks, told, max_retries=1, retry_delay=0)
    assert type(state) is Failed and isinstance(state.result, ZeroDivisionError)
    assert state.message == "Unexpected error while calling state handlers: ZeroDivisionError('boom')"
    assert type(last) is TriggerFailed
    assert len(ran) == (when == "is_successful")
    assert told.way == ("" if when == "is_running" else "Pending Running")


def test_what_is_no_state_is_an_error_of_the_handler(executor: Executor) -> None:
    state, _ = run_one(lambda: 1, executor, lambda tracked, old, new: 5 if new.is_finished() else None)
    assert type(state) is Failed and isinstance(state.result, TypeError)


@pytest.mark.parametrize(
    ("signal", "kind"), [(SKIP, Skipped), (FAIL, Failed), (TRIGGERFAIL, TriggerFailed), (SUCCESS, Success)]
)
def test_a_signal_before_the_run_is_how_the_task_ends(
    executor: Executor, signal: Any, kind: type[State]
) -> None:
    ran: list[int] = []

    def says(tracked: Any, old: State, new: State) -> None:
        if new.is_running():
            raise signal("from a handler", result=7)

    state, _ = run_one(lambda: ran.append(1), executor, says, max_retries=1, retry_delay=0)
    assert type(state) is kind and (state.message, state.result) == ("from a handler", 7)
    assert ran == []


def test_a_failure_that_a_handler_makes_of_a_success_is_tried_again(executor: Executor) -> None:
    told = Told()

    def judges(tracked: Any, old: State, new: State) -> State | None:
        return Failed("not good enough", result=new.result) if new.is_successful() else None

    state, _ = run_one(lambda: 1, executor, judges, told, max_retries=1, retry_delay=0)
    assert told.way == "Pending Running Failed Retrying Running Failed"
    assert (state.message, state.result) == ("not good enough", 1)


@pytest.mark.parametrize("state", [Retrying("once more"), RETRY("once more")], ids=["returned", "raised"])
def test_a_handler_may_ask_for_another_attempt(executor: Executor, state: Any) -> None:
    ran: list[int] = []

    def asks(tracked: Any, old: State, new: State) -> State | None:
        if new.is_successful() and len(ran) < 2:
            if isinstance(state, State):
                return state
            raise state
        return None

    assert run_one(lambda: ran.append(1), executor, asks)[0].is_successful()
    assert len(ran) == 2


def test_endrun_ends_with_the_very_state(executor: Executor) -> None:
    class Mine(Success):
        pass

    mine = Mine("enough", result=55)

    def ends(tracked: Any, old: State, new: State) -> None:
        if new.is_running():
            raise ENDRUN(mine)

    state, last = run_one(fails, executor, ends)
    assert state is mine and last.result == 55

    def run() -> None:
        raise ENDRUN(Failed("enough", result=3))

    told = Told()
    state, _ = run_one(run, executor, told, max_retries=1, retry_delay=0)
    assert told.way == "Pending Running Failed" and state.result == 3


def test_a_state_that_is_changed_in_place_feeds_what_comes_after(executor: Executor) -> None:
    def doubles(tracked: Any, old: State, new: State) -> None:
        if new.is_successful():
            new.result = new.result * 2

    state, last = run_one(lambda: 21, executor, doubles)
    assert (state.result, last.result) == (42, 42)


def test_a_mapped_task_cannot_be_a_single_one_instead(executor: Executor) -> None:
    def replaces(tracked: Any, old: State, new: State) -> State | None:
        return Success("one", result=7) if new.is_mapped() else None

    with Flow("f") as flow:
        made = task(lambda x: x, state_handlers=[replaces]).map([1, 2])
        task(lambda x: x).map(made)
    assert type(flow.run(executor=executor, history=False).result[made]) is Failed


def test_an_unfinished_state_is_no_end(executor: Executor) -> None:
    state, _ = run_one(
        lambda: 1, executor, lambda tracked, old, new: Running() if new.is_finished() else None
    )
    assert type(state) is Failed and "not finished" in str(state.message)


def test_on_failure_is_called_on_every_failure_and_no_other_time(executor: Executor) -> None:
    called: list[tuple[str, str]] = []

    def note(tracked: Any, state: State) -> None:
        called.append((tracked.name, type(state).__name__))

    with Flow("f", on_failure=note) as flow:
        bad = task(fails, name="bad", on_failure=note, max_retries=1, retry_delay=0)()
        task(lambda x: x, name="after", on_failure=note)(bad)
        task(lambda: 1, name="good", on_failure=note)()
    flow.run(executor=executor, history=False)
    assert called == [("bad", "Failed"), ("bad", "Failed"), ("after", "TriggerFailed"), ("f", "Failed")]


def test_a_task_that_times_out_is_told(executor: Executor) -> None:
    import threading

    told = Told()
    never = threading.Event()
    state, _ = run_one(lambda: never.wait(5), executor, told, timeout=0.1)
    never.set()
    assert told.way == "Pending Running TimedOut" and state.is_failed()


def test_a_pause_is_told_and_that_it_goes_on(executor: Executor) -> None:
    from datetime import UTC, datetime

    told = Told()

    def run() -> int:
        if not context.get("resume"):
            raise PAUSE("wait", start_time=datetime.now(UTC))
        return 1

    run_one(run, executor, told)
    assert told.way == "Pending Running Paused Running Success"


# -- flows --------------------------------------------------------------------------------------


def flow_of(run: Any, *handlers: Any, **options: Any) -> Flow:
    with Flow("f", state_handlers=list(handlers), **options) as flow:
        task(run, name="only")()
    return flow


def test_a_flow_is_told_of_its_start_and_its_end() -> None:
    told = Told()
    flow = flow_of(lambda: 1, told)
    state = flow.run(history=False)
    assert told.way == "Scheduled Running Success"
    assert told.states[1] == state and set(told.states[1].result) == flow.tasks


def test_a_handler_of_a_flow_has_the_last_word_and_the_states_of_the_tasks_stay() -> None:
    def mends(tracked: Any, old: State, new: State) -> State | None:
        return Success("fixed") if new.is_failed() else None

    flow = flow_of(fails, mends)
    state = flow.run(history=False)
    assert type(state) is Success and [each.is_failed() for each in state.result.values()] == [True]


@pytest.mark.parametrize("how", ["raise", "signal", "return"])
def test_a_flow_that_a_handler_does_not_let_start_runs_no_task(how: str) -> None:
    ran: list[int] = []

    def refuses(tracked: Any, old: State, new: State) -> State | None:
        if not new.is_running():
            return None
        if how == "raise":
            raise ValueError("boo")
        if how == "signal":
            raise FAIL("boo")
        return Failed("boo")

    state = flow_of(lambda: ran.append(1), refuses).run(history=False)
    assert type(state) is Failed and "boo" in str(state.message) and ran == []


def test_an_error_of_a_handler_at_the_end_fails_the_run() -> None:
    def breaks(tracked: Any, old: State, new: State) -> None:
        if new.is_finished():
            raise ValueError("boo")

    state = flow_of(lambda: 1, breaks).run(history=False)
    assert state.message == "Unexpected error while calling state handlers: ValueError('boo')"


def test_the_terminal_state_handler_sees_the_reference_states_and_judges() -> None:
    seen: list[Any] = []

    def judge(flow: Flow, state: State, references: set[State]) -> State:
        seen.append((flow.name, type(state), {each.result for each in references}))
        return Failed("judged")

    with Flow("f", terminal_state_handler=judge) as flow:
        made = task(lambda x: x).map([1, 2])
    state = flow.run(history=False)
    assert seen == [("f", Success, {1, 2})]
    assert type(state) is Failed and state.result[made].result == [1, 2]


def test_a_terminal_state_handler_that_raises_fails_the_run() -> None:
    def judge(flow: Flow, state: State, references: set[State]) -> None:
        raise ValueError("t")

    state = flow_of(lambda: 1, terminal_state_handler=judge).run(history=False)
    assert type(state) is Failed and state.message == "Unexpected error: ValueError('t')"
