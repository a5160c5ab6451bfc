"""The options of `flow.run()`, and the runners of classic: groups 4 and 12.6, 12.7."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import flowkit.engine
from flowkit import Edge, Flow, Parameter, context, task
from flowkit.engine.runner import ENDRUN
from flowkit.engine.task_runner import TaskRunner
from flowkit.errors import UsageError
from flowkit.runs import FlowRunner
from flowkit.signals import LOOP, PAUSE
from flowkit.state import (
    Failed,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TriggerFailed,
)
from flowkit.utilities.debug import raise_on_exception
from flowkit.utilities.tasks import pause_task


@task
def one() -> int:
    return 1


@task
def inc(x: int) -> int:
    return x + 1


@task(max_retries=1, retry_delay=0)
def flaky() -> int:
    if context.task_run_count < 2:
        raise ValueError("no")
    return 3


def only(made: Any) -> Flow:
    with Flow("only") as flow:
        made()
    return flow


def result_of(made: Any, **options: Any) -> State:
    """How a flow of one task ends."""
    flow = only(made)
    (state,) = flow.run(history=False, **options).result.values()
    assert isinstance(state, State)
    return state


# -- flow.run -----------------------------------------------------------------------------------


def test_the_context_of_a_run_has_what_is_given_for_all_and_for_some() -> None:
    with Flow("f") as flow:
        first, second = (task(lambda: (context.get("a"), context.get("b")))() for _ in range(2))
    state = flow.run(history=False, context={"a": 1}, task_contexts={first: {"b": 2}})
    assert (state.result[first].result, state.result[second].result) == ((1, 2), (1, None))


def test_a_run_is_called_as_it_is_told_to() -> None:
    @task
    def names() -> Any:
        return context.flow_run_id, context.flow_run_name

    assert result_of(names, flow_run_id="abc", flow_run_name="nm").result == ("abc", "nm")


def test_a_run_that_has_ended_is_returned_and_one_that_is_scheduled_is_waited_for() -> None:
    flow = only(one)
    state = flow.run(history=False, state=Failed("done"))
    assert state.message == "done"
    assert [each.message for each in state.result.values()] == ["Task not run."]
    began = time.monotonic()
    at = datetime.now(UTC) + timedelta(seconds=0.2)
    assert flow.run(history=False, state=Scheduled(start_time=at)).is_successful()
    assert time.monotonic() - began > 0.15


def test_an_argument_that_is_a_parameter_is_one_whatever_its_name() -> None:
    with Flow("f") as flow:
        made = inc(Parameter("context"))
    assert flow.run(history=False, context=4).result[made].result == 5


def test_what_is_neither_option_nor_parameter_is_a_type_error_and_unknown_parameters_are_not() -> None:
    flow = only(one)
    with pytest.raises(TypeError, match="`foo` is not a parameter"):
        flow.run(foo=3)
    with pytest.raises(UsageError) as raised:
        flow.run(parameters={"foo": 3})
    assert not isinstance(raised.value, TypeError)
    with pytest.raises(ValueError, match="return_tasks"):
        flow.run(return_tasks=[])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
def test_what_ends_programs_comes_out_of_a_run_that_is_inline(error: BaseException) -> None:
    @task(max_retries=2, retry_delay=0)
    def ends() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        only(ends).run(history=False)
    assert raised.value is error
    assert type(result_of(ends, executor="threads")) is Failed


def test_exceptions_come_out_where_that_is_asked_for_and_signals_do_not() -> None:
    @task
    def fails() -> None:
        raise ValueError("no")

    @task
    def ends() -> None:
        raise ENDRUN(Skipped("enough"))

    with raise_on_exception():
        with pytest.raises(ValueError, match="no"):
            only(fails).run(history=False)
        assert only(ends).run(history=False).is_successful()
    assert only(fails).run(history=False).is_failed()


def test_states_that_wait_go_on_with_their_attempts() -> None:
    with Flow("f") as flow:
        made = flaky()
    state = flow.run(history=False, task_states={made: Submitted(state=Retrying(run_count=1))})
    assert state.result[made].result == 3
    paused = only(task(lambda: context.get("resume")))
    (made,) = paused.tasks
    assert paused.run(history=False, task_states={made: Resume()}).result[made].result is True


def test_a_given_state_stays_the_very_state() -> None:
    class Mine(Success):
        pass

    with Flow("f") as flow:
        first = one()
        last = inc(first)
    mine = Mine("given", result=5)
    state = flow.run(history=False, task_states={first: mine})
    assert state.result[first] is mine and state.result[last].result == 6


# -- loops --------------------------------------------------------------------------------------


def test_a_loop_has_no_limit_and_is_quick() -> None:
    @task
    def loop() -> Any:
        count = context.get("task_loop_count", 1)
        if count < 2000:
            raise LOOP(result=count)
        return context.task_loop_result, context.task_run_count

    began = time.process_time()
    assert result_of(loop).result == (1999, 1)
    assert time.process_time() - began < 1.5


def test_a_loop_goes_on_where_an_attempt_of_it_failed() -> None:
    seen: list[Any] = []

    @task(max_retries=1, retry_delay=0)
    def loop() -> Any:
        here = (context.get("task_loop_count", 1), context.get("task_loop_result"), context.task_run_count)
        seen.append(here)
        if here[2] == 1 and here[0] > 1:
            raise ValueError("each iteration fails once")
        if here[0] < 3:
            raise LOOP(result=here[0] * 10)
        return here[1]

    assert result_of(loop).result == 20
    assert seen == [(1, None, 1), (2, 10, 1), (2, 10, 2), (3, 20, 1), (3, 20, 2)]


def test_children_loop_on_their_own_and_the_default_result_is_a_text() -> None:
    @task
    def loop(x: int) -> Any:
        if context.get("task_loop_count", 1) <= x:
            raise LOOP("again")
        return context.get("task_loop_count", 1), context.get("task_loop_result")

    with Flow("f") as flow:
        made = loop.map([0, 2])
    assert flow.run(history=False).result[made].result == [(1, None), (3, "LOOP('again')")]


# -- pauses -------------------------------------------------------------------------------------


@task
def pausing() -> Any:
    pause_task("look first")
    return context.task_run_count


def test_a_run_that_is_paused_and_nobody_is_asked_about_ends_paused() -> None:
    with Flow("f") as flow:
        first = pausing()
        last = inc(first)
    state = flow.run(history=False)
    assert type(state) is Paused and not state.is_finished()
    assert (state.result[first].message, type(state.result[last])) == ("look first", Pending)
    assert type(state.result[first]) is Paused


class Terminal:
    closed = False

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "kind"), [("y", Success), ("n", Paused)])
def test_at_a_terminal_it_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, answer: str, kind: type[State]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or answer)
    for executor in ("inline", "threads"):
        asked.clear()
        state = result_of(pausing, executor=executor)
        assert type(state) is kind and len(asked) == 1 and "`pausing` is paused" in asked[0]
    if kind is Success:
        assert state.result == 1


def test_a_pause_with_a_duration_goes_on_by_itself() -> None:
    @task
    def waits() -> int:
        pause_task(duration=timedelta(seconds=0.05))
        return 1

    assert result_of(waits).result == 1


def test_a_task_that_is_started_by_people_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with Flow("f") as flow:
        made = inc.copy(trigger="manual_only")(one())
    assert type(flow.run(history=False).result[made]) is Paused
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    assert flow.run(history=False).result[made].result == 2


# -- FlowRunner ---------------------------------------------------------------------------------


def test_a_runner_makes_one_pass_and_gives_the_states_that_are_asked_for() -> None:
    with Flow("f") as flow:
        first = flaky()
        last = inc(first)
    state = FlowRunner(flow).run(return_tasks=[first, last])
    assert type(state) is Running
    assert type(state.result[first]) is Retrying and state.result[first].run_count == 1
    assert type(state.result[last]) is Pending
    again = FlowRunner(flow).run(task_states=state.result, return_tasks=[last])
    assert again.is_successful() and again.result[last].result == 4
    assert FlowRunner(only(one)).run().result == {}


def test_a_parameter_that_a_runner_is_not_given_fails() -> None:
    with Flow("f") as flow:
        x = Parameter("x")
        made = inc(x)
    state = FlowRunner(flow).run(return_tasks=[x, made])
    assert state.is_failed() and state.result[x].message == 'Parameter "x" was required but not provided.'
    assert type(state.result[made]) is TriggerFailed
    assert FlowRunner(flow).run(parameters={"x": 3}, return_tasks=[made]).result[made].result == 4


def test_handlers_of_runners_come_after_and_are_told_of_the_runner() -> None:
    told: list[str] = []

    def handler(runner: Any, old: State, new: State) -> None:
        told.append(f"{type(runner).__name__} {type(old).__name__} {type(new).__name__}")

    FlowRunner(only(one), state_handlers=[handler]).run(task_runner_state_handlers=[handler])
    assert told == [
        "FlowRunner Pending Running",
        "TaskRunner Pending Running",
        "TaskRunner Running Success",
        "FlowRunner Running Success",
    ]


def test_a_runner_of_the_caller_s_own_is_run_until_nothing_is_left() -> None:
    passes: list[int] = []

    class Own(FlowRunner):
        def run(self, *args: Any, **options: Any) -> State:
            passes.append(1)
            return super().run(*args, **options)

    flow = only(flaky)
    (made,) = flow.tasks
    assert flow.run(history=False, runner_cls=Own).result[made].result == 3
    assert len(passes) == 2


# -- TaskRunner ---------------------------------------------------------------------------------


def ran(*states: State, mapped: bool = False, **options: Any) -> State:
    """How `inc` ends after these upstream states."""
    upstreams = {Edge(one.copy(), inc, key="x", mapped=mapped): state for state in states}
    return TaskRunner(inc).run(upstream_states=upstreams, **options)


def test_one_task_is_run_against_given_states() -> None:
    assert TaskRunner(one.copy()).run().result == 1
    assert ran(Success(result=4)).result == 5
    assert type(ran(Failed(result=4))) is TriggerFailed
    assert type(ran(Skipped())) is Skipped
    mapped = ran(Success(result=[4, 5]), mapped=True, is_mapped_parent=True)
    assert isinstance(mapped, Mapped) and [child.result for child in mapped.map_states] == [5, 6]


def test_a_state_that_is_not_to_be_run_comes_back() -> None:
    for state in (Success(result=5), Running(), Scheduled(start_time=datetime.now(UTC) + timedelta(hours=1))):
        assert ran(Success(result=4), state=state) is state
    assert type(ran(Pending())) is Pending
    inner = Success(result=5)
    assert TaskRunner(one.copy()).run(state=Submitted(state=inner)) is inner


def test_a_task_that_is_to_be_tried_again_says_so() -> None:
    state = TaskRunner(flaky.copy()).run()
    assert isinstance(state, Retrying) and state.run_count == 1
    assert TaskRunner(flaky.copy()).run(state=state).result == 3
    made = TaskRunner(task(lambda: context.get("foo"), name="t")).run(context={"foo": 9})
    assert made.result == 9
    paused = TaskRunner(task(lambda: context.task_id, name="t")).run(state=Paused())
    assert type(paused) is Paused


def test_a_pause_of_a_task_that_is_run_alone_is_its_state() -> None:
    @task
    def run() -> None:
        raise PAUSE("m")

    assert type(TaskRunner(run).run()) is Paused


def test_the_homes_of_classic_have_the_runners() -> None:
    assert flowkit.engine.FlowRunner is FlowRunner and flowkit.engine.TaskRunner is TaskRunner
    assert flowkit.engine.get_default_flow_runner_class() is FlowRunner
    assert flowkit.engine.get_default_task_runner_class() is TaskRunner
    assert flowkit.engine.get_default_executor_class().__name__ == "LocalExecutor"
    assert flowkit.engine.signals.ENDRUN is ENDRUN


def test_a_runner_of_a_task_awaits_a_coroutine() -> None:
    @task
    async def double(x: int) -> int:
        return 2 * x

    upstream = Edge(one, double, key="x")
    state = TaskRunner(double).run(upstream_states={upstream: Success(result=4)})
    assert state.result == 8
