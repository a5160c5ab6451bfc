"""Group 4 of classic's rules, how a flow runs, as whole flows."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from classic_steps import steps as usual_steps


def steps() -> SimpleNamespace:
    """The usual ones, and seen() -> what the context says of `k`."""
    import prefect
    from prefect import task

    @task
    def seen():
        return prefect.context.get("k")

    return SimpleNamespace(**vars(usual_steps()), seen=seen)


def test_parameters_are_given_by_name_or_as_one_dict() -> None:
    """4.1: keywords that are names of parameters are parameters; both ways may be used."""
    from prefect import Flow, Parameter

    with Flow("f") as flow:
        total = Parameter("a") + Parameter("b", default=10)
    assert flow.run(a=1).result[total].result == 11
    assert flow.run(parameters={"a": 1, "b": 2}).result[total].result == 3
    assert flow.run(parameters={"a": 1}, b=3).result[total].result == 4


def test_what_is_wrong_with_parameters_is_said_before_anything_runs() -> None:
    """4.1: one that is missing or unknown is a ValueError, and so is `return_tasks`."""
    from prefect import Flow, Parameter

    ran: list[str] = []

    def note(flow, old, new):
        ran.append(flow.name)
        return new

    with Flow("f", state_handlers=[note]) as flow:
        Parameter("a") + 1
    with pytest.raises(ValueError, match="a"):
        flow.run()
    with pytest.raises(ValueError, match="z"):
        flow.run(parameters={"a": 1, "z": 2})
    with pytest.raises(ValueError):
        flow.run(a=1, return_tasks=[])
    with pytest.raises(TypeError):
        flow.run(a=1, no_such_option=1)
    assert ran == []


def test_a_run_is_a_state_with_the_state_of_every_task() -> None:
    """4.2: `state.result[task].result` is the value; the state of every task is there."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        two = s.double(one)
        three = s.double(s.fail())
    state = flow.run()
    assert set(state.result) == flow.tasks
    assert (state.result[one].result, state.result[two].result) == (1, 2)
    assert type(state).__name__ == "Failed"
    assert type(state.result[three]).__name__ == "TriggerFailed"


def test_an_executor_is_the_calls_or_the_flows() -> None:
    """4.3: the argument, else the flow's, else a LocalExecutor."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor, LocalExecutor

    @task
    def in_main_thread():
        return threading.current_thread() is threading.main_thread()

    with Flow("f") as plain:
        told = in_main_thread()
    threads = plain.copy()
    threads.executor = LocalDaskExecutor(scheduler="threads")
    assert plain.run().result[told].result is True
    assert threads.run().result[told].result is False
    assert threads.run(executor=LocalExecutor()).result[told].result is True


def test_context_can_be_given_to_a_run_and_to_one_task() -> None:
    """4.4: `context` for all, `task_contexts` for one; nothing of it stays."""
    import prefect
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        all_, own = s.seen(), s.seen()
    state = flow.run(context={"k": 1}, task_contexts={own: {"k": 2}})
    assert (state.result[all_].result, state.result[own].result) == (1, 2)
    assert flow.run().result[all_].result is None
    assert prefect.context.get("k") is None


def test_a_run_that_is_finished_already_returns_at_once() -> None:
    """4.5: the initial state of the flow may be given."""
    from prefect import Flow
    from prefect.engine.state import Pending, Success

    s = steps()
    with Flow("f") as flow:
        one = s.one()
    assert flow.run(state=Success("before")).message == "before"
    assert flow.run(state=Pending()).result[one].result == 1


def test_tasks_with_a_finished_state_are_not_run_again() -> None:
    """4.6: `task_states` are taken up; the dict that is given stays as it is."""
    from prefect import Flow
    from prefect.engine.state import Failed, Success

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        two = s.double(one)
    given = {one: Success(result=50)}
    state = flow.run(task_states=given)
    assert (state.result[one].result, state.result[two].result) == (50, 100)
    assert set(given) == {one}
    assert flow.run(task_states={one: Failed()}).result[two].is_failed()


def test_a_run_has_an_id_and_a_name() -> None:
    """4.7: given, or made; both are in the context."""
    import prefect
    from prefect import Flow, task

    @task
    def who():
        return prefect.context.flow_run_id, prefect.context.get("flow_run_name")

    with Flow("f") as flow:
        told = who()
    run = flow.run(flow_run_id="id", flow_run_name="name")
    assert run.result[told].result == ("id", "name")
    first, second = (flow.run().result[told].result[0] for _ in range(2))
    assert first != second
    assert len(first) == 36


def test_a_run_goes_on_until_what_is_scheduled_has_ended() -> None:
    """4.8: `flow.run()` waits for retries, of mapped children too."""
    from prefect import Flow, task

    tries: list[int] = []

    @task(max_retries=2, retry_delay=timedelta(milliseconds=20))
    def second_time(x):
        tries.append(x)
        if tries.count(x) < 2:
            raise ValueError("not yet")
        return x

    with Flow("f") as flow:
        one, each = second_time(0), second_time.map([1, 2])
    state = flow.run()
    assert (state.result[one].result, state.result[each].result) == (0, [1, 2])
    assert sorted(tries) == [0, 0, 1, 1, 2, 2]


def test_a_flow_without_tasks_succeeds() -> None:
    """4.10: Success, and an empty dict."""
    from prefect import Flow

    state = Flow("f").run()
    assert type(state).__name__ == "Success"
    assert state.result == {}


def test_a_flow_runner_goes_once_over_the_flow() -> None:
    """4.11: only `return_tasks` are in the result; a flow with a task that waits stays Running."""
    from prefect import Flow, task
    from prefect.engine.flow_runner import FlowRunner

    @task(max_retries=1, retry_delay=timedelta(minutes=5))
    def later():
        raise ValueError("not yet")

    s = steps()
    with Flow("f") as flow:
        one = s.one()
    state = FlowRunner(flow=flow).run(return_tasks=[one])
    assert state.is_successful()
    assert state.result[one].result == 1
    assert FlowRunner(flow=flow).run().result == {}
    with Flow("g") as waits:
        retried = later()
    state = FlowRunner(flow=waits).run(return_tasks=[retried])
    assert state.is_running()
    assert state.result[retried].is_retrying()


def test_a_parameter_that_a_flow_runner_is_not_given_fails() -> None:
    """4.12: the task of the required parameter is Failed, and says so."""
    from prefect import Flow, Parameter
    from prefect.engine.flow_runner import FlowRunner

    with Flow("f") as flow:
        p = Parameter("p")
        total = p + 1
    state = FlowRunner(flow=flow).run(return_tasks=[p, total])
    assert state.is_failed()
    assert "required but not provided" in state.result[p].message
    assert state.result[total].is_failed()
    given = FlowRunner(flow=flow).run(return_tasks=[total], parameters={"p": 1})
    assert given.result[total].result == 2


def test_a_task_runner_runs_one_task() -> None:
    """4.13: from the states of the edges to it, in a context."""
    from prefect.core import Edge
    from prefect.engine.state import Failed, Success
    from prefect.engine.task_runner import TaskRunner

    s = steps()
    edge = Edge(s.one, s.double, key="x")
    assert TaskRunner(s.double).run(upstream_states={edge: Success(result=4)}).result == 8
    failed = TaskRunner(s.double).run(upstream_states={edge: Failed()})
    assert type(failed).__name__ == "TriggerFailed"
    assert TaskRunner(s.seen).run(context={"k": 5}).result == 5


def test_an_exception_can_be_let_through() -> None:
    """4.15: within `raise_on_exception` a task's exception leaves the run; a signal does not."""
    from prefect import Flow, task
    from prefect.engine.signals import FAIL
    from prefect.utilities.debug import raise_on_exception

    @task
    def signal():
        raise FAIL("told")

    s = steps()
    with Flow("f") as flow:
        s.fail()
    with Flow("g") as told:
        signal()
    with pytest.raises(ValueError, match="no"), raise_on_exception():
        flow.run()
    with raise_on_exception():
        assert told.run().is_failed()
    assert flow.run().is_failed()


def test_a_task_that_leaves_the_program_leaves_it() -> None:
    """4.16: SystemExit and KeyboardInterrupt leave `flow.run()`."""
    from prefect import Flow, task

    @task
    def leave(error):
        raise error

    for error in (SystemExit(3), KeyboardInterrupt()):
        with Flow("f") as flow:
            leave(error)
        with pytest.raises(type(error)):
            flow.run()


def test_a_flow_can_run_in_a_task() -> None:
    """4.17: with a state of its own."""
    from prefect import Flow, task

    s = steps()
    with Flow("child") as child:
        inner = s.double(s.one())

    @task
    def call():
        state = child.run()
        return state.is_successful(), state.result[inner].result

    with Flow("parent") as parent:
        outer = s.double(call())
    assert parent.run().result[outer].result == (True, 2, True, 2)


def test_results_are_passed_on_as_they_are() -> None:
    """4.18: every task within a process is given the very object, not a copy."""
    from prefect import Flow, task

    @task
    def make():
        return [1]

    @task
    def grow(items):
        items.append(2)
        return items

    with Flow("f") as flow:
        made = make()
        grown = grow(made)
    state = flow.run()
    assert state.result[made].result is state.result[grown].result
    assert state.result[made].result == [1, 2]


def test_a_flow_runner_of_ones_own_may_say_how_a_run_begins() -> None:
    """4.11: `initialize_run` is given all of it, and what it returns is what the run has."""
    import prefect
    from prefect import Flow, Parameter, task
    from prefect.engine.flow_runner import FlowRunner

    class Adds(FlowRunner):
        def initialize_run(self, state, task_states, context, task_contexts, parameters):
            begun = super().initialize_run(state, task_states, context, task_contexts, parameters)
            assert begun.state.is_pending()
            begun.context["more"] = sorted(begun.context["parameters"].items())
            return begun

    @task
    def told(x):
        return x, prefect.context.more

    with Flow("f") as flow:
        known = told(Parameter("p", default=1))
        Parameter("q", default=2)()
    once = Adds(flow).run(return_tasks=[known], parameters={"p": 3})
    assert once.result[known].result == (3, [("p", 3), ("q", 2)])
    assert flow.run(p=4, runner_cls=Adds).result[known].result == (4, [("p", 4), ("q", 2)])


def test_a_step_of_a_runner_that_is_not_called_is_warned_of() -> None:
    """4.14: corrected: flowkit has one engine; a method of a runner that it would never call is named."""
    from prefect.engine import FlowRunner, TaskRunner

    with pytest.warns(UserWarning, match="`determine_final_state`, which flowkit's engine does not call"):

        class Decides(FlowRunner):
            def determine_final_state(self, *args, **options): ...

    with pytest.warns(UserWarning, match="check_task_trigger"):

        class Checks(TaskRunner):
            def check_task_trigger(self, *args, **options): ...
