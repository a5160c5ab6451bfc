"""Child runs: beside the run whose task starts them, ended before it, remembered with it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, Parameter, case, context, task
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.errors import FlowkitError, UsageError
from flowkit.plan.state import Cancelled, Failed, Success
from flowkit.project.registration import REGISTERED
from flowkit.runs import children, seen
from flowkit.signals import PAUSE
from flowkit.store.history import History
from flowkit.store.records import RunRecord
from flowkit.store.run_status import RunStatus

PATIENCE = 20.0  # seconds that a test waits for what must come


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A project that is the working directory, whose runs are remembered, and where nothing is registered."""
    monkeypatch.chdir(place.project.root)
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    monkeypatch.setenv("FLOWKIT_LOGGING__LEVEL", "ERROR")
    before = dict(REGISTERED)
    REGISTERED.clear()
    yield place
    REGISTERED.clear()
    REGISTERED.update(before)


def known(flow: Flow) -> Flow:
    """A flow that this process has registered."""
    REGISTERED[flow.name] = flow, {}
    return flow


def written(place: Place, name: str, text: str) -> Path:
    """A file of flows."""
    path = place.project.root / "flows" / name
    path.write_text(text, encoding="utf-8")
    return path


def records(place: Place) -> dict[str, RunRecord]:
    """The runs of the project by the names of their flows, the latest of each."""
    with History(place.folder) as history:
        return {run.flow: run for run in reversed(history.runs())}


def parent_of(*names: str, task_: Callable[..., Any] | None = None, **options: Any) -> Flow:
    """A flow whose tasks start runs of others."""

    @task
    def begin(name: str) -> str:
        return children.start(name, **options).id

    with Flow("parent") as flow:
        begin.map(list(names))
    return flow


@task
def add(x: int) -> int:
    return x + 1


def plain(name: str = "child") -> Flow:
    with Flow(name) as flow:
        add(Parameter("x", default=1))
    return known(flow)


def holding(release: threading.Event, name: str = "child") -> Flow:
    """A flow that runs until it is let go on."""

    @task
    def hold() -> str:
        release.wait(PATIENCE)
        return "held"

    with Flow(name) as flow:
        hold()
    return known(flow)


@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
def test_a_child_run_is_remembered_with_its_parent(here: Place, executor: Any) -> None:
    plain()
    assert parent_of("child").run(executor=executor).is_successful()
    found = records(here)
    assert found["child"].parent == found["parent"].number
    assert found["parent"].parent is None
    assert found["child"].status is RunStatus.SUCCESS
    with History(here.folder) as history:
        assert history.started_by(found["parent"]) == [found["child"]]


def test_the_id_is_the_one_of_the_history_and_the_child_can_be_looked_at_later(here: Place) -> None:
    plain()
    flow = parent_of("child")
    state = flow.run()
    [run_id] = state.result[next(t for t in flow.tasks if t.name == "begin")].result
    assert run_id == records(here)["child"].uid
    del state
    run = seen.wait(run_id, 1.0)
    assert isinstance(run.state, Success)
    assert (run.flow, run.number) == ("child", records(here)["child"].number)
    assert run.source.task("add-1", -1).read() == 2
    assert [each.slug for each in run.source.tasks()] == ["add-1"]


def test_the_parent_goes_on_beside_its_child_and_ends_after_it(here: Place) -> None:
    release, order = threading.Event(), []
    holding(release)

    @task
    def begin() -> str:
        return children.start("child").id

    @task
    def next_one(run_id: str) -> None:
        order.append(type(seen.look(run_id).state).__name__)
        release.set()

    with Flow("parent") as flow:
        next_one(begin())
    assert flow.run(executor=LocalExecutor()).is_successful()
    assert order == ["Running"], "nobody waited for the child"
    found = records(here)
    assert found["child"].status is RunStatus.SUCCESS
    assert (found["child"].ended or 0) <= (found["parent"].ended or 0)


def test_a_failed_child_does_not_fail_the_parent(here: Place) -> None:
    @task
    def fail() -> None:
        raise ValueError("no")

    with Flow("child") as flow:
        fail()
    known(flow)
    assert parent_of("child").run().is_successful()
    assert records(here)["child"].status is RunStatus.FAILED


def test_children_have_children(here: Place) -> None:
    plain("third")
    with Flow("second") as second:
        task(lambda: children.start("third").id, name="begin")()
    known(second)
    assert parent_of("second").run().is_successful()
    found = records(here)
    assert [found[name].parent for name in ("parent", "second", "third")] == [
        None,
        found["parent"].number,
        found["second"].number,
    ]


def test_many_children_at_once_are_all_there(here: Place) -> None:
    names = [f"child-{number}" for number in range(8)]
    for name in names:
        plain(name)
    assert parent_of(*names).run(executor=ThreadExecutor(4)).is_successful()
    found = records(here)
    assert {found[name].parent for name in names} == {found["parent"].number}


# -- which flow -------------------------------------------------------------------------------


def test_a_flow_of_the_project_is_loaded_from_its_file(here: Place) -> None:
    written(
        here,
        "load.py",
        "from flowkit import Flow, task\nwith Flow('load') as flow:\n    task(lambda: 7, name='seven')()\n",
    )
    assert parent_of("load").run().is_successful()
    run = records(here)["load"]
    assert run.ref == "flows/load.py:flow"
    assert seen.look(run.uid).source.task("seven", -1).read() == 7


def test_a_file_is_not_executed_twice_while_runs_go_on(here: Place) -> None:
    path = written(
        here,
        "load.py",
        "from pathlib import Path\nfrom flowkit import Flow, task\n"
        "with Path('executed').open('a') as file:\n    file.write('x')\n"
        "with Flow('load') as flow:\n    task(lambda: 7, name='seven')()\n",
    )
    assert parent_of("load", "load", "load").run(executor=ThreadExecutor(3)).is_successful()
    assert Path("executed").read_text() == "x"
    path.write_text(path.read_text() + "# changed\n")
    assert parent_of("load").run().is_successful()
    assert Path("executed").read_text() == "xx", "what has changed is loaded as it is now"


def test_an_unknown_name_is_said_with_the_nearest_and_fails_only_its_task(here: Place) -> None:
    plain("child")
    written(here, "load.py", "from flowkit import Flow\nwith Flow('weekly_report') as flow:\n    pass\n")
    with pytest.raises(UsageError, match="no flow is called `wekly_report`") as caught:
        children.start("wekly_report")
    assert caught.value.hints[0] == "did you mean `weekly_report`?"
    assert "flowkit register" in caught.value.hints[-1]
    assert parent_of("wekly_report").run().is_failed()
    assert list(records(here)) == ["parent"]


def test_without_a_project_the_registered_ones_are_suggested(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    plain("child")
    with pytest.raises(UsageError) as caught:
        children.start("chld")
    assert caught.value.hints[0] == "did you mean `child`?"


def test_wrong_parameters_are_said_before_anything_is_written(here: Place) -> None:
    plain()
    with pytest.raises(UsageError, match="`y`"):
        children.start("child", {"y": 1})
    assert not (here.folder / "history.db").exists()


def test_register_makes_a_flow_known_to_its_process(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(here, "_script.py", "")
    with Flow("mine") as flow:
        add(1)
    namespace = {"__file__": str(path), "__name__": "__main__", "flow": flow}
    exec("flow.register()", namespace)
    assert REGISTERED["mine"][0] is flow


# -- how it is called -------------------------------------------------------------------------


def test_parameters_and_context_reach_the_tasks_of_the_child(here: Place) -> None:
    found = []

    @task
    def look(x: object) -> None:
        found.append((x, context.colour, context.get("taste")))

    with Flow("child") as flow:
        look(Parameter("x"))
    known(flow)
    value = object()
    with Flow("parent") as parent:
        task(lambda: children.start("child", {"x": value}, context={"colour": "red"}), name="begin")()
    parent.run(context={"taste": "sweet"})
    assert found == [(value, "red", None)]
    assert seen.look(records(here)["child"].uid).context == {"colour": "red"}


def test_a_key_means_the_same_run_within_a_run_and_flow(here: Place) -> None:
    plain("a")
    plain("b")
    ids = []

    @task
    def begin() -> None:
        ids.extend(children.start(name, idempotency_key="once").id for name in ("a", "a", "b"))
        ids.append(children.start("a").id)

    with Flow("parent") as flow:
        begin()
    flow.run()
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    flow.run()
    assert ids[4] not in ids[:4], "another run has children of its own"


def test_a_key_is_known_to_the_run_that_goes_on(here: Place) -> None:
    plain("child")
    ids: list[str] = []
    broken = [True]

    @task
    def begin() -> None:
        ids.append(children.start("child", idempotency_key="once").id)
        if broken:
            raise ValueError("after it was started")

    with Flow("parent") as flow:
        begin()
    here.run(flow)
    broken.clear()
    here.resume(flow, records(here)["parent"].number)
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_outside_of_a_run_it_has_ended_when_start_returns(here: Place) -> None:
    plain()
    started = children.start("child", {"x": 4})
    run = seen.look(started.id)
    assert isinstance(run.state, Success)
    assert run.source.task("add", -1).read() == 5
    assert records(here)["child"].parent is None


def test_without_history_children_are_known_to_their_process(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_HISTORY", "false")
    plain()
    with Flow("parent") as flow:
        begin = task(lambda: children.start("child").id, name="begin")()
        got = task(lambda run: seen.wait(run, 1.0).source.task("add-1", -1).read(), name="get")(begin)
    state = flow.run(executor=ThreadExecutor(2))
    assert state.result[got].result == 2
    assert seen.look(state.result[begin].result).number is None
    assert isinstance(seen.look(children.start("child").id).state, Success)


# -- stopped ----------------------------------------------------------------------------------


def test_a_signal_ends_the_children_and_their_end_is_written(here: Place) -> None:
    release = threading.Event()
    holding(release, "stuck")

    @task
    def begin() -> None:
        children.start("stuck")

    with Flow("parent") as flow:
        begin()
    stop = threading.Timer(0.4, signal.raise_signal, [signal.SIGINT])
    stop.start()
    at = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor=ThreadExecutor(1))
    took = time.monotonic() - at
    release.set()
    assert took < 5, "not as long as the task would"
    found = records(here)
    assert found["stuck"].status is RunStatus.INTERRUPTED
    assert found["parent"].status is RunStatus.INTERRUPTED


def test_an_inline_child_that_does_not_let_go_is_ended_from_outside(here: Place) -> None:
    release = threading.Event()
    holding(release, "stuck").executor = LocalExecutor()
    stop = threading.Timer(0.4, signal.raise_signal, [signal.SIGINT])
    stop.start()
    with pytest.raises(KeyboardInterrupt):
        parent_of("stuck").run(executor=LocalExecutor())
    found = records(here)
    assert found["stuck"].status is RunStatus.INTERRUPTED
    assert found["parent"].status is RunStatus.INTERRUPTED
    release.set()


def test_a_child_whose_parent_is_out_of_time_ends_too(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_RUN__TIMEOUT", "0.5")
    release = threading.Event()
    holding(release, "stuck")
    state = parent_of("stuck").run(executor=ThreadExecutor(1))
    release.set()
    assert state.is_failed()
    found = records(here)
    assert found["parent"].status is RunStatus.TIMED_OUT
    assert found["stuck"].status is RunStatus.INTERRUPTED
    assert found["stuck"].reason == "stopped, as the run around it was, or had no time left"


def test_one_child_is_cancelled_and_the_parent_goes_on(here: Place) -> None:
    release = threading.Event()
    holding(release)
    said = []

    @task
    def begin() -> None:
        run_id = children.start("child").id
        said.append(seen.cancel(run_id))
        said.append(type(seen.wait(run_id, 1.0).state))
        said.append(seen.cancel(run_id))

    with Flow("parent") as flow:
        begin()
    state = flow.run(executor=LocalExecutor())
    release.set()
    assert state.is_successful()
    assert said == [True, Cancelled, False]
    assert records(here)["child"].status is RunStatus.CANCELLED


def test_a_child_that_is_paused_is_waited_for_no_longer(here: Place) -> None:
    @task
    def pause() -> None:
        raise PAUSE("look at it first")

    with Flow("child") as child:
        pause()
    known(child)
    found = []
    with Flow("parent") as flow:
        task(lambda: found.append(seen.wait(children.start("child").id, 1.0)), name="begin")()
    assert flow.run().is_successful()
    assert (type(found[0].state).__name__, found[0].over) == ("Paused", True)
    assert records(here)["child"].status is RunStatus.PAUSED
    assert seen.wait(found[0].id, 1.0).over


def test_a_run_that_is_over_starts_no_other(here: Place) -> None:
    plain()
    left = threading.Event()
    errors = []

    @task(timeout=0.1)
    def begin() -> None:
        left.wait(PATIENCE)
        try:
            children.start("child")
        except FlowkitError as error:
            errors.append(error.message)
        errors.append("done")

    with Flow("parent") as flow:
        begin()
    flow.run(executor=ThreadExecutor(1))
    left.set()
    deadline = time.monotonic() + PATIENCE
    while "done" not in errors and time.monotonic() < deadline:
        time.sleep(0.01)
    assert errors[0].startswith("the run of `parent` is over")
    assert records(here)["child"].status is RunStatus.FAILED


# -- looked at --------------------------------------------------------------------------------


def test_waiting_for_the_run_around_is_refused(here: Place) -> None:
    with Flow("child") as child:
        task(lambda up: seen.wait(up, 1.0), name="wait")(Parameter("up"))
    known(child)

    @task
    def begin() -> None:
        own = context.flow_run_id
        with pytest.raises(ValueError, match="same as the currently running flow"):
            seen.wait(own, 1.0)
        run = seen.wait(children.start("child", {"up": own}).id, 1.0)
        assert isinstance(run.state, Failed)

    with Flow("parent") as flow:
        begin()
    assert flow.run(executor=LocalExecutor()).is_successful()


def test_waiting_has_an_end(here: Place) -> None:
    release = threading.Event()
    holding(release)

    @task
    def begin() -> None:
        started = children.start("child")
        with pytest.raises(RuntimeError, match=r"has not ended after 0\.05 seconds"):
            seen.wait(started.id, 1.0, 0.05)
        release.set()

    with Flow("parent") as flow:
        begin()
    assert flow.run(executor=LocalExecutor()).is_successful()


@pytest.mark.parametrize("later", [False, True], ids=["of this process", "of the history"])
def test_results_of_tasks(here: Place, later: bool) -> None:
    @task
    def numbers() -> list[int]:
        return [1, 2, 3]

    @task
    def fail() -> None:
        raise ValueError("no")

    with Flow("child") as flow:
        some = numbers()
        add(some)
        many = add.map(some)
        add(1)
        fail(upstream_tasks=[many])
        with case(task(lambda: False, name="never")(), True):
            task(lambda: 1, name="skipped")()
    known(flow)

    def check(run_id: str) -> None:
        run = seen.wait(run_id, 1.0)
        assert isinstance(run.state, Failed)
        source = run.source
        assert source.task("numbers-1", -1).read() == [1, 2, 3]
        assert source.task("numbers", -1).read() == [1, 2, 3]
        mapped = source.task("add-2", -1)
        assert (mapped.read(), mapped.width, mapped.name) == ([2, 3, 4], 3, "add")
        assert source.task("add-2", 1).read() == 3
        assert source.task("add-3", -1).read() == 2
        assert source.task("skipped", -1).read() is None
        with pytest.raises(ValueError, match=r"`fail-1` has no result: it ended as <Failed"):
            source.task("fail-1", -1).read()
        with pytest.raises(ValueError, match="`add-1` has no result"):
            source.task("add-1", -1).read()
        with pytest.raises(UsageError, match="there is no child 3 of `add-2`, which has 3 children"):
            source.task("add-2", 3)
        with pytest.raises(UsageError, match="there is no child 0 of `numbers-1`, which is not mapped"):
            source.task("numbers-1", 0)
        with pytest.raises(UsageError, match="no task with the slug `nmbers-1`") as caught:
            source.task("nmbers-1", -1)
        assert caught.value.hints == ("did you mean `numbers-1` or `never-1`?",)
        assert {"numbers-1", "add-1", "add-2", "add-3"} <= {each.slug for each in source.tasks()}

    if later:
        children.start("child")
        check(records(here)["child"].uid)
    else:
        with Flow("parent") as parent:
            task(lambda: check(children.start("child").id), name="begin")()
        state = parent.run()
        assert state.is_successful(), state.result


def test_a_run_of_another_process_is_found_by_number_and_name(here: Place) -> None:
    plain()
    children.start("child")
    record = records(here)["child"]
    assert seen.look(str(record.number)).id == seen.look(record.name).id == record.uid
    with pytest.raises(UsageError, match="there is no run `9999`"):
        seen.look("9999")


def test_a_crashed_child_counts_as_failed_and_says_how_to_go_on(here: Place) -> None:
    flow = plain()
    here.run(flow, dies_after=0)
    record = records(here)["child"]
    assert record.status is RunStatus.RUNNING, "it could not write its end"
    run = seen.wait(str(record.number), 0.01)
    assert isinstance(run.state, Failed)
    assert f"`flowkit resume {record.number}`" in (run.state.message or "")
