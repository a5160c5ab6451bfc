"""Classic's tasks for runs of other flows, as its scripts use them: 20.1 to 20.4."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flowkit.tasks.prefect import (
    CancelFlowRun,
    RenameFlowRun,
    StartFlowRun,
    create_flow_run,
    get_task_run_result,
    wait_for_flow_run,
)

from flowkit import Flow, Parameter, context, task
from flowkit.compat.views import FlowRunView, TaskRunView
from flowkit.errors import FlowkitError
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.flow.warning import say_once
from flowkit.project.registration import REGISTERED

EXECUTORS = pytest.mark.parametrize(
    "executor", [LocalExecutor(), ThreadExecutor(3)], ids=["inline", "threads"]
)


@task
def create_some_data(length: int) -> list[int]:
    return list(range(length))


@task
def fail() -> None:
    raise ValueError("no")


@pytest.fixture(autouse=True)
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two flows that this process has registered; nothing has been said."""
    monkeypatch.chdir(tmp_path)
    say_once.cache_clear()
    before = dict(REGISTERED)
    with Flow("child") as child:
        data = create_some_data(Parameter("data_size", default=5))
        create_some_data.map(data)
    with Flow("bad") as bad:
        fail()
    REGISTERED.update(child=(child, {}), bad=(bad, {}))
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


def states_of(flow: Flow, executor: Any = None) -> dict[str, Any]:
    """How the tasks of a flow end, by name."""
    state = flow.run(executor=executor or LocalExecutor())
    return {each.name: ended for each, ended in state.result.items()} | {"": state}


def test_each_name_is_where_classic_had_it() -> None:
    import prefect.tasks.prefect as home
    import prefect.tasks.prefect.flow_run as flow_run
    from prefect.tasks.prefect.flow_run_cancel import CancelFlowRun as Cancel
    from prefect.tasks.prefect.flow_run_rename import RenameFlowRun as Rename

    assert home.create_flow_run is flow_run.create_flow_run is create_flow_run
    assert (home.StartFlowRun, Cancel, Rename) == (StartFlowRun, CancelFlowRun, RenameFlowRun)


def test_the_tasks_have_the_names_and_edges_of_classic() -> None:
    with Flow("parent") as flow:
        run = create_flow_run(flow_name="child", parameters={"data_size": 10})
        result = get_task_run_result(run, "create_some_data-1")
    assert {each.name for each in flow.tasks} == {"create_flow_run", "get_task_run_result"}
    assert [(edge.upstream_task, edge.key) for edge in flow.edges_to(result)] == [(run, "flow_run_id")]
    assert flow.constants[run] == {"flow_name": "child", "parameters": {"data_size": 10}}


@EXECUTORS
def test_the_example_of_the_documentation(executor: Any) -> None:
    with Flow("parent") as flow:
        run = create_flow_run(flow_name="child", parameters={"data_size": 3})
        seen = wait_for_flow_run(run)
        whole = get_task_run_result(run, "create_some_data-1", upstream_tasks=[seen])
        mapped = get_task_run_result(run, "create_some_data-2")
        one = get_task_run_result(run, "create_some_data-2", map_index=2, poll_time=1)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[whole].result == [0, 1, 2]
    assert state.result[mapped].result == [[], [0], [0, 1]]
    assert state.result[one].result == [0, 1]
    view = state.result[seen].result
    assert isinstance(view, FlowRunView)
    assert view.flow_run_id == state.result[run].result
    assert view.state.is_successful()
    assert view.parameters == {"data_size": 3}


def test_a_view_shows_the_tasks() -> None:
    run_id = create_flow_run.run(flow_id="child")
    view = FlowRunView.from_flow_run_id(run_id)
    task_run = view.get_task_run(task_slug="create_some_data-2")
    assert [each.task_slug for each in view.get_all_task_runs()] == [
        "create_some_data-1",
        "create_some_data-2",
    ]
    assert isinstance(task_run, TaskRunView)
    assert task_run.state.is_mapped()
    assert [each.get_result() for each in task_run.iter_mapped()] == [list(range(n)) for n in range(5)]
    assert task_run.get_result() == [list(range(n)) for n in range(5)]
    child = view.get_task_run(task_slug="create_some_data-2", map_index=1)
    assert view.get_task_run(task_run_id=child.task_run_id).get_result() == [0]
    assert view.get_latest().state == view.state
    with pytest.raises(ValueError, match="must be provided"):
        view.get_task_run()


def test_outside_of_a_flow_the_functions_work_too() -> None:
    run_id = create_flow_run.run(flow_name="child", parameters={"data_size": 2}, project_name="examples")
    assert wait_for_flow_run.run(run_id).state.is_successful()
    assert get_task_run_result.run(run_id, "create_some_data-1") == [0, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"flow_id": "a", "flow_name": "b"}, "Received both `flow_id` and `flow_name`"),
        ({}, "Both `flow_id` and `flow_name` are null"),
        ({"flow_name": "chld"}, "no flow is called `chld`"),
        ({"flow_name": "child", "parameters": {"size": 1}}, "`size`"),
    ],
)
def test_what_cannot_be_started_is_a_value_error(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        create_flow_run.run(**given)


def test_a_result_of_an_empty_slug_or_of_the_own_run_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Required argument `task_slug` is empty"):
        get_task_run_result.run("id", "")
    with Flow("parent") as flow:
        task(lambda: get_task_run_result.run(context.flow_run_id, "a-1"), name="own")()
    ended = states_of(flow)["own"]
    assert isinstance(ended.result, ValueError)
    assert "same as the currently running flow" in str(ended.result)


@EXECUTORS
def test_the_final_state_becomes_that_of_the_task_where_it_is_asked_for(executor: Any) -> None:
    with Flow("parent") as flow:
        good, bad = (create_flow_run(flow_name=name) for name in ("child", "bad"))
        wait_for_flow_run(good, raise_final_state=True, task_args={"name": "good"})
        wait_for_flow_run(bad, raise_final_state=True, task_args={"name": "bad"})
        wait_for_flow_run(bad, task_args={"name": "seen"})
    ended = states_of(flow, executor)
    assert ended["good"].is_successful()
    assert isinstance(ended["good"].result, FlowRunView)
    assert ended["bad"].is_failed()
    assert "finished in state <Failed" in ended["bad"].message
    assert ended["seen"].is_successful()
    assert ended["seen"].result.state.is_failed()


@EXECUTORS
def test_start_flow_run_waits_where_it_is_asked_to(executor: Any) -> None:
    with Flow("parent") as flow:
        begun = StartFlowRun(flow_name="child", project_name="examples")()
        StartFlowRun("child", wait=True, name="good", poll_interval=timedelta(seconds=3))(
            upstream_tasks=[begun]
        )
        StartFlowRun("bad", wait=True, name="bad")()
        StartFlowRun(wait=True, name="late")(flow_name="child", parameters={"data_size": 1})
        StartFlowRun(name="none")()
    ended = states_of(flow, executor)
    assert ended["Flow child"].is_successful()
    assert wait_for_flow_run.run(ended["Flow child"].result).state.is_successful()
    assert ended["good"].is_successful()
    assert ended["late"].is_successful()
    assert ended["bad"].is_failed()
    assert str(ended["none"].result) == "Must provide a flow name."


def test_start_flow_run_can_be_mapped() -> None:
    with Flow("parent") as flow:
        ids = StartFlowRun("child").map(parameters=[{"data_size": 1}, {"data_size": 2}])
    state = flow.run(executor=LocalExecutor())
    found = [get_task_run_result.run(each, "create_some_data-1") for each in state.result[ids].result]
    assert found == [[0], [0, 1]]


def test_a_task_among_the_parameters_of_the_constructor_is_refused() -> None:
    with Flow("parent"):
        data = create_some_data(2)
        with pytest.raises(TypeError, match="StartFlowRun"):
            StartFlowRun("child", parameters={"data_size": data})


def test_the_context_of_the_new_run() -> None:
    found = []
    with Flow("child") as flow:
        task(lambda: found.append(context.get("colour")), name="look")()
    REGISTERED["child"] = flow, {}
    with Flow("parent") as parent:
        create_flow_run(flow_name="child", context={"colour": "red"})
        StartFlowRun("child", new_flow_context={"colour": "blue"})()
    parent.run(executor=LocalExecutor())
    assert sorted(found) == ["blue", "red"]


def test_what_a_server_would_have_done_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    with Flow("parent") as flow:
        for _ in range(2):
            create_flow_run(flow_name="child", scheduled_start_time=later, labels=["a"], run_config=object())
    with caplog.at_level(logging.WARNING, "flowkit"):
        assert flow.run(executor=LocalExecutor()).is_successful()
    assert [message for message in caplog.messages if "starts a child run now" in message] == [
        "`scheduled_start_time` asks for a later start; flowkit starts a child run now."
    ]
    assert RenameFlowRun(flow_run_name="mine").run(flow_run_id="id") is False
    with pytest.raises(ValueError, match="available in the context"):
        RenameFlowRun(flow_run_name="mine").run()


def test_a_child_is_cancelled() -> None:
    release = threading.Event()
    with Flow("child") as child:
        task(lambda: release.wait(20), name="hold")()
    REGISTERED["child"] = child, {}
    with Flow("parent") as flow:
        run = create_flow_run(flow_name="child")
        asked = CancelFlowRun()(flow_run_id=run)
        seen = wait_for_flow_run(run, upstream_tasks=[asked])
    state = flow.run(executor=LocalExecutor())
    release.set()
    assert state.result[asked].result is True
    assert state.result[seen].result.state.is_cancelled()
    with pytest.raises(ValueError, match="without flow run ID"):
        CancelFlowRun().run()


def test_waiting_too_long_is_an_error() -> None:
    release = threading.Event()
    with Flow("child") as child:
        task(lambda: release.wait(20), name="hold")()
    REGISTERED["child"] = child, {}
    with Flow("parent") as flow:
        run = create_flow_run(flow_name="child")
        late = wait_for_flow_run(run, max_duration=timedelta(seconds=0.05))
        task(release.set, name="release", trigger=lambda states: True)(upstream_tasks=[late])
    state = flow.run(executor=LocalExecutor())
    assert isinstance(state.result[late].result, RuntimeError)


def test_the_older_name_warns() -> None:
    from prefect.tasks.prefect.flow_run import FlowRunTask

    with pytest.warns(UserWarning, match="renamed to `StartFlowRun`"):
        assert FlowRunTask("child", wait=True).name == "Flow child"


def test_a_view_of_a_run_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FlowkitError, match="there is no run `nothing`"):
        FlowRunView.from_flow_run_id("nothing")
