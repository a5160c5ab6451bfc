"""From a flow and what was asked for to a state: `flow.run`, and what stands around it."""

from __future__ import annotations

import asyncio
import enum
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pydantic
import pytest

import flowkit
from flowkit import Flow, FlowRunner, Parameter, flow, task
from flowkit.errors import UsageError
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.flow.keys import keys_of
from flowkit.flow.selection import refuse_needed, selected
from flowkit.flow.values import checked, parsed
from flowkit.project.settings import ADDRESSED
from flowkit.runs import executor_named
from flowkit.store.history import History
from flowkit.store.records import RunRecord
from flowkit.store.run_status import RunStatus


@task
def double(value: Any) -> Any:
    return value * 2


@task
def where() -> str:
    return threading.current_thread().name


@flow
def doubles(value: int, times: int = 2) -> None:
    double(double(value))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Away from this project, with no settings of anybody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.startswith("FLOWKIT_")]:
        monkeypatch.delenv(name)
    yield


# -- flow.run ---------------------------------------------------------------------------------


def test_a_run_gives_a_state_with_the_state_of_each_task() -> None:
    with Flow("chain") as made:
        first = double(1)
        second = double(first)
    state = made.run()
    assert state.is_successful()
    assert (state.result[first].result, state.result[second].result) == (2, 4)
    assert set(state.result) == made.tasks


def test_parameters_are_given_by_name_or_together_and_names_win() -> None:
    with Flow("parameters") as made:
        value, times = Parameter("value"), Parameter("times", default=3)
        end = double([value, times])
    assert made.run(value=1).result[end].result == [1, 3, 1, 3]
    assert made.run({"value": 1, "times": 2}).result[end].result == [1, 2, 1, 2]
    assert made.run(parameters={"value": 1}, value=5).result[end].result == [5, 3, 5, 3]


def test_a_parameter_that_is_not_required_is_none() -> None:
    with Flow("optional") as made:
        end = task(lambda value: value)(Parameter("value", required=False))
    state = made.run()
    assert state.is_successful()
    assert state.result[end].result is None


def test_everything_wrong_with_parameters_is_said_at_once_and_nothing_runs() -> None:
    ran: list[int] = []

    @flow
    def wrong(count: int, size: int, path: Path = Path("x")) -> None:
        task(lambda: ran.append(1))()

    with pytest.raises(UsageError) as raised:
        wrong.run(count="many", szie=3, path=7)
    assert "cannot run, for 4 reasons" in raised.value.message
    for problem in (
        "`szie` is not a parameter; did you mean `size`?",
        "`count` cannot be `many`",
        "`size` is required",
        "`path` cannot be `7`",
    ):
        assert problem in raised.value.message
    assert ran == []


def test_one_problem_is_one_sentence() -> None:
    with pytest.raises(UsageError) as raised:
        doubles.run()
    assert raised.value.message == "the flow `doubles` cannot run: `value` is required, and was not given"
    assert raised.value.exit_code == 2


def test_a_flow_with_a_cycle_ends_as_failed_before_anything_runs() -> None:
    """3.15: the state's result is the error; at the command line it is an error (exit code 3)."""
    with Flow("round") as made:
        first = double(1)
        second = double(first)
        made.add_edge(second, first)
    state = made.run()
    assert state.is_failed()
    assert isinstance(state.result, ValueError) and "`double` → `double` → `double`" in str(state.result)
    assert state.message is not None and state.message.startswith("Unexpected error: CycleError(")


def test_another_flow_runs_while_one_is_written() -> None:
    with Flow("inner") as inner:
        double(1)
    with Flow("outer") as outer:
        double(2)
        assert inner.run().is_successful()
    assert len(outer.tasks) == 1


@pytest.mark.parametrize("what", ["run", "arun", "register"])
def test_inside_of_a_flow_it_is_refused(what: str) -> None:
    with Flow("written") as made:
        double(1)
        with pytest.raises(UsageError, match=rf"`flow\.{what}\(\)` was called inside"):
            asked = getattr(made, what)()
            asyncio.run(asked)


@pytest.mark.parametrize(
    ("executor", "thread"),
    [
        (None, "MainThread"),
        ("inline", "MainThread"),
        (LocalExecutor(), "MainThread"),
        ("threads", "flowkit-threads"),
        (ThreadExecutor(1), "flowkit-threads"),
    ],
    ids=str,
)
def test_an_executor_is_given_as_an_object_or_by_name(executor: Any, thread: str) -> None:
    with Flow("where") as made:
        found = where()
    assert made.run(executor=executor).result[found].result.startswith(thread)


def test_a_flow_may_have_an_executor_of_its_own() -> None:
    with Flow("where", executor="threads") as made:
        found = where()
    assert made.run().result[found].result.startswith("flowkit-threads")
    assert made.run(executor="inline").result[found].result == "MainThread"


def test_the_settings_choose_the_executor_where_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_EXECUTOR", "threads")
    with Flow("where") as made:
        found = where()
    assert made.run().result[found].result.startswith("flowkit-threads")


@pytest.mark.parametrize("lane", ADDRESSED)
def test_a_lane_may_have_an_address(lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = executor_named(f"{lane}:head:6379", 3)
    assert (found.name, found.address) == (lane, "head:6379")
    with pytest.raises(UsageError, match=f"there is no executor `{lane}:`"):
        executor_named(f"{lane}:")
    monkeypatch.setenv("FLOWKIT_EXECUTOR", f"{lane}:head:6379")
    assert flowkit.engine.get_default_executor_class() is type(found)


def test_an_unknown_executor_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="there is no executor `cluster`") as raised:
        executor_named("cluster")
    assert raised.value.hints == ("there are `inline`, `threads`, `processes`, `coroutines`, `dask`, `ray`",)
    with Flow("where") as made:
        where.copy(executor="cluster")()
    with pytest.raises(UsageError, match="there is no executor `cluster`"):
        made.run()


def test_a_flow_runner_runs_a_flow() -> None:
    with Flow("chain") as made:
        value = Parameter("value")
        end = double(value)
    runner = FlowRunner(made)
    assert runner.flow is made
    state = runner.run(parameters={"value": 4}, executor=LocalExecutor(), return_tasks=[end])
    assert state.result[end].result == 8
    assert flowkit.FlowRunner is FlowRunner


def test_a_flow_made_from_data_is_built_from_its_values() -> None:
    @flow(build=["sizes"])
    def wide(sizes: list[int]) -> None:
        for size in sizes:
            double(size)

    assert sorted(each.result for each in wide.run(sizes=[1, 2, 3]).result.values()) == [2, 4, 6]


def test_ends_of_tasks_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Flow("fails") as made:
        double(None)
    with caplog.at_level("DEBUG", "flowkit"):
        flowkit.config.logging.level = "DEBUG"
        try:
            state = made.run()
        finally:
            flowkit.config._assigned.clear()
    assert state.is_failed()
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "The flow fails starts: 1 task."
    assert any("Task double failed on attempt 1" in text and "TypeError" in text for text in said)
    assert said[-1] == "The flow fails ended as Failed: Some reference tasks failed."


# -- flow.arun --------------------------------------------------------------------------------


def test_a_flow_is_awaited_while_the_program_goes_on() -> None:
    async def program() -> tuple[Any, int]:
        turns = 0
        go_on = threading.Event()
        with Flow("waits") as made:
            end = task(lambda: go_on.wait(10))()
        running = asyncio.ensure_future(made.arun())
        while turns < 5:
            await asyncio.sleep(0)
            turns += 1
        go_on.set()
        return (await running).result[end].result, turns

    assert asyncio.run(program()) == (True, 5)


def test_coroutines_run_in_a_flow_that_is_awaited() -> None:
    @task
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    with Flow("async") as made:
        end = answer()
    assert asyncio.run(made.arun()).result[end].result == 42


def test_a_run_whose_awaiting_is_cancelled_is_stopped() -> None:
    started, go_on = threading.Event(), threading.Event()
    after: list[int] = []

    @task
    def first() -> None:
        started.set()
        go_on.wait(10)

    @task(trigger="always_run")
    def second(value: None) -> None:
        after.append(1)

    async def program() -> bool:
        with Flow("stops") as made:
            second(first())
        running = asyncio.ensure_future(made.arun(executor=ThreadExecutor(1)))
        await asyncio.to_thread(started.wait)
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            return True
        return False

    assert asyncio.run(program())
    go_on.set()
    assert after == []


# -- the script that must run as it stands ----------------------------------------------------

SCRIPT = """
from pathlib import Path

def get_data(): return [3, 1, 2]
def preprocess(data): return sorted(data)
def train_model(data): return {"mean": sum(data) / len(data)}
def predict(model):
    Path("predictions").write_text(str(model["mean"]))
    return model["mean"]

import flowkit
from flowkit import task, Flow

flowkit.config.backend = 'local'
flowkit.config.logging.level = 'DEBUG'

@task                                   # `@flowkit.task` too
def preprocess_data(input_data):
    return preprocess(input_data)

@task
def run_model(preprocessed_data):
    return train_model(preprocessed_data)

@task
def make_predictions(model):
    return predict(model)

with Flow('data_pipeline') as flow:
    data = get_data()                   # a plain function: runs while the graph is built
    preprocessed_data = preprocess_data(data)
    model = run_model(preprocessed_data)
    predictions = make_predictions(model)

flow.register()                         # no argument: the local registry

from flowkit.engine.executors import LocalExecutor
executor = LocalExecutor()
flow.run(executor=executor)             # and flowkit.FlowRunner(flow).run()
"""


def script(text: str, folder: Path, name: str = "data_pipeline.py") -> subprocess.CompletedProcess[str]:
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "flows" / name).write_text(text)
    return subprocess.run(
        [sys.executable, f"flows/{name}"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_script_that_it_comes_from_runs_as_it_stands(tmp_path: Path) -> None:
    found = script(SCRIPT, tmp_path)
    assert (found.returncode, found.stdout) == (0, "")
    assert (tmp_path / "predictions").read_text() == "2.0"
    assert "Task make_predictions: ok" in found.stderr
    assert "The flow data_pipeline ended as Success" in found.stderr
    registry = tomllib.loads((tmp_path / ".flowkit" / "registry.toml").read_text())
    entry = registry["flows"]["data_pipeline"]
    assert entry["ref"] == "flows/data_pipeline.py:flow"


def test_the_same_script_with_a_runner(tmp_path: Path) -> None:
    found = script(SCRIPT.replace("flow.run(executor=executor)", "flowkit.FlowRunner(flow).run()"), tmp_path)
    assert found.returncode == 0
    assert (tmp_path / "predictions").read_text() == "2.0"


# -- flow.visualize ---------------------------------------------------------------------------


def test_a_flow_is_drawn_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Flow("chain") as made:
        double(double(1))
    picture = made.visualize()
    assert capsys.readouterr().out == picture + "\n"
    assert "double" in picture


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("f.txt", ""),
        ("f.mmd", "flowchart"),
        ("f.dot", "digraph"),
        ("f.gv", "digraph"),
        ("f.json", "{"),
        ("f.svg", "<svg"),
    ],
)
def test_a_flow_is_drawn_into_a_file_by_its_ending(
    name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Flow("chain") as made:
        double(double(1))
    picture = made.visualize(filename=str(tmp_path / name))
    assert (tmp_path / name).read_text() == picture + "\n"
    assert picture.startswith(start)
    assert "double" in picture
    assert capsys.readouterr().out == ""


def test_a_flow_is_drawn_with_how_its_tasks_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """3.21."""
    with Flow("chain") as made:
        double.map(double.map([double(1), 2]))
    state = made.run(history=False)
    capsys.readouterr()
    picture = made.visualize(state, horizontal=True)
    assert "✓ Success" in picture and "✓ Mapped · 2 Success" in picture
    assert "rankdir=LR" in made.visualize(flow_state=state, format="dot", horizontal=True)
    assert '"word": "Success"' in made.visualize(state, format="json")
    assert "fk-good" in made.visualize(state, format="svg")
    assert "Success" not in made.visualize()


def test_a_picture_that_is_no_text_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a PNG is no text to be printed"):
        doubles.visualize(format="png")
    picture = doubles.visualize(filename=str(tmp_path / "f.png"))
    assert (tmp_path / "f.png").read_bytes() == picture


def test_an_ending_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be drawn as `\.docx`"):
        doubles.visualize(filename=str(tmp_path / "f.docx"))
    assert list(tmp_path.iterdir()) == []
    assert doubles.visualize(filename=str(tmp_path / "f.docx"), format="dot").startswith("digraph")


# -- values of parameters ---------------------------------------------------------------------


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Model(pydantic.BaseModel):
    size: int
    name: str = "x"


@dataclass
class Point:
    x: int
    y: float = 0.5


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "abc", "abc"),
        (str, "12", "12"),
        (str, "[1]", "[1]"),
        (str, "", ""),
        (int, "12", 12),
        (int, "-3", -3),
        (float, "1.5", 1.5),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (bool, "no", False),
        (bool, "0", False),
        (Path, "a/b", Path("a/b")),
        (date, "2024-02-29", date(2024, 2, 29)),
        (datetime, "2024-02-29T10:00:00", datetime(2024, 2, 29, 10)),
        (Color, "RED", Color.RED),
        (Color, "r", Color.RED),
        (Level, "HIGH", Level.HIGH),
        (Level, "2", Level.HIGH),
        (Literal["fast", "slow"], "slow", "slow"),
        (Literal[1, 2], "2", 2),
        (Literal["a", 1], "1", 1),
        (Optional[int], "5", 5),  # noqa: UP045 - both ways of writing it
        (int | None, "none", None),
        (int | None, "null", None),
        (str | None, "x", "x"),
        (list[int], "[1, 2]", [1, 2]),
        (list[str], '["a"]', ["a"]),
        (list, "[1, 2]", [1, 2]),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (set[int], "[1, 1]", {1}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict, '{"a": [1]}', {"a": [1]}),
        (Model, '{"size": 3}', Model(size=3)),
        (Point, '{"x": 3}', Point(3)),
        (Model | None, "none", None),
        (Annotated[int, "how many"], "3", 3),
        (Annotated[int | None, "how many"], "none", None),
        (Any, "text", "text"),
        (Any, "[1]", [1]),
        (int | str, "3", 3),
    ],
    ids=str,
)
def test_text_becomes_a_value_of_the_annotated_type(annotation: Any, text: str, value: Any) -> None:
    found = parsed(Parameter("p", annotation=annotation), [text])
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "texts", "value"),
    [
        (list[int], ["1", "2"], [1, 2]),
        (list[int], ["5"], [5]),
        (list[str], ["1", "a b"], ["1", "a b"]),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (set[str], ["a", "a"], {"a"}),
        (list[float] | None, ["1", "2.5"], [1.0, 2.5]),
        (list[Color], ["r", "b"], [Color.RED, Color.BLUE]),
        (list[Path], ["a", "b"], [Path("a"), Path("b")]),
        (list[Literal[1, 2]], ["1", "2"], [1, 2]),
        (int, ["1", "2"], 2),
    ],
    ids=str,
)
def test_a_collection_is_typed_item_by_item_of_anything_else_the_last_counts(
    annotation: Any, texts: list[str], value: Any
) -> None:
    assert parsed(Parameter("p", annotation=annotation), texts) == value


def test_text_without_an_annotation_is_typed_by_the_default() -> None:
    assert parsed(Parameter("p", default=3), ["4"]) == 4
    assert parsed(Parameter("p", default="3"), ["4"]) == "4"
    assert parsed(Parameter("p", default=True), ["false"]) is False
    assert parsed(Parameter("p", default=Path("a")), ["b"]) == Path("b")
    assert parsed(Parameter("p", default=None), ["4"]) == 4
    assert parsed(Parameter("p"), ["four"]) == "four"


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "many"),
        (int, "1.5"),
        (float, "x"),
        (bool, "maybe"),
        (date, "2024-02-30"),
        (datetime, "yesterday"),
        (Color, "GREEN"),
        (Level, "3"),
        (Literal["fast"], "slow"),
        (Literal[1, 2], "3"),
        (int | None, "x"),
        (list[int], "x"),
        (list[int], "[1, x]"),
        (dict[str, int], "a=1"),
        (dict[str, int], '{"a": "x"}'),
        (Model, '{"size": "big"}'),
        (Model, "3"),
        (Point, "{}"),
        (pydantic.FilePath, "no/such/file"),
    ],
    ids=str,
)
def test_text_that_is_no_value_is_named_with_the_reason(annotation: Any, text: str) -> None:
    with Flow("values") as made:
        made.add_task(Parameter("p", annotation=annotation))
    with pytest.raises(UsageError) as raised:
        checked(made, {}, {"p": [text]})
    assert raised.value.message.startswith("the flow `values` cannot run: `p` ")
    assert text in raised.value.message
    assert "pydantic" not in raised.value.message


def test_a_file_that_exists_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    assert parsed(Parameter("p", annotation=pydantic.FilePath), ["data"]) == Path("data")


def test_what_is_wrong_with_a_model_is_said_by_field() -> None:
    with pytest.raises(ValueError, match=r"size: .*; name: "):
        parsed(Parameter("p", annotation=Model), ['{"size": "big", "name": 3}'])


def test_a_value_of_any_class_is_checked_by_it() -> None:
    class Mine:
        pass

    with Flow("values") as made:
        made.add_task(Parameter("p", annotation=Mine))
    value = Mine()
    assert checked(made, {"p": value})["p"] is value
    with pytest.raises(UsageError, match="`p` cannot be"):
        checked(made, {"p": 3})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError) as raised:
        parsed(Parameter("p", annotation=int), ["9" * 50 + "x" * 5000])
    assert len(str(raised.value)) < 300


def test_a_default_is_taken_as_it_is() -> None:
    @flow
    def odd(count: int = "many") -> None:  # type: ignore[assignment]
        double(count)

    assert checked(odd, {}) == {"count": "many"}


# -- history ----------------------------------------------------------------------------------


def remembered(root: Path) -> list[RunRecord]:
    """The runs in the history of a project."""
    with History(root / ".flowkit") as history:
        return list(history.runs(limit=10))


def test_a_run_outside_of_a_project_leaves_nothing(tmp_path: Path) -> None:
    assert doubles.run(value=1).is_successful()
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_a_project_is_remembered_unless_it_is_asked_not_to_be(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    doubles.run(value=1, history=False)
    assert not (tmp_path / ".flowkit").exists()
    doubles.run(value=2)
    [run] = remembered(tmp_path)
    assert (run.flow, run.status, run.parameters["value"]) == ("doubles", RunStatus.SUCCESS, "2")


def test_what_is_refused_leaves_no_run_behind(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    with Flow("refused") as made:
        first = double(1)
    made.run()
    with Flow("other") as other:
        second = double(1)
    with pytest.raises(UsageError, match="`task_states` has the task"):
        made.run(task_states={second: made.run(history=False).result[first]})
    second.executor = "rocket"
    with pytest.raises(UsageError, match="there is no executor `rocket`"):
        other.run()
    assert len(remembered(tmp_path)) == 1


# -- selection --------------------------------------------------------------------------------


@pytest.fixture
def pipeline() -> Flow:
    """extract → clean → train → test → report, and audit beside them."""
    named = {
        name: task(name=name)(lambda value=None: value)
        for name in ("extract", "clean", "train", "test", "report", "audit")
    }
    with Flow("pipeline") as made:
        path = Parameter("path", default="x")
        data = named["extract"](path, task_args={"tags": {"io", "slow"}})
        clean = named["clean"](data)
        model = named["train"](clean, task_args={"tags": {"slow"}})
        score = named["test"](model)
        named["report"]([score, model], task_args={"tags": {"io"}})
        named["audit"](clean)
    return made


def chosen(made: Flow, select: str | None, exclude: str | None = None) -> set[str]:
    """The names of the tasks that are selected, but for values and collections."""
    found = selected(made, keys_of(made), select, exclude).tasks
    return {each.name for each in found if not (each.is_carrier or isinstance(each, Parameter))}


ALL = {"extract", "clean", "train", "test", "report", "audit"}


@pytest.mark.parametrize(
    ("select", "exclude", "names"),
    [
        (None, None, ALL),
        ("extract", None, {"extract"}),
        ("+train", None, {"extract", "clean", "train"}),
        ("extract+", None, ALL),
        ("+train+", "audit", {"extract", "clean", "train", "test", "report"}),
        ("+report", None, {"extract", "clean", "train", "test", "report"}),
        ("2+train", None, {"extract", "clean", "train"}),
        ("extract+1", None, {"extract", "clean"}),
        ("extract clean", None, {"extract", "clean"}),
        ("+audit,+train", None, {"extract", "clean"}),
        ("+tag:slow", None, {"extract", "clean", "train"}),
        ("tag:io,extract", None, {"extract"}),
        ("+a*t", None, {"extract", "clean", "audit"}),
        ("e?tract", None, {"extract"}),
        (None, "audit", ALL - {"audit"}),
        (None, "train+", {"extract", "clean", "audit"}),
        (None, "tag:io,report", ALL - {"report"}),
        ("+train", "train", {"extract", "clean"}),
    ],
)
def test_an_expression_selects(
    select: str | None, exclude: str | None, names: set[str], pipeline: Flow
) -> None:
    assert chosen(pipeline, select, exclude) == names


def test_the_values_that_selected_tasks_take_come_along(pipeline: Flow) -> None:
    found = selected(pipeline, keys_of(pipeline), "extract", None).tasks
    assert {each.name for each in found} == {"extract", "path"}


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("trian", "the flow `pipeline` has no task `trian`"),
        ("tag:oi", "no task of `pipeline` has the tag `oi`"),
        ("tag:slow,tag:io,clean", "nothing is selected by"),
        ("state:modified", "asks for what earlier runs left"),
        ("result:failed", "asks for what earlier runs left"),
        ("train", "the task `train` needs the result of `clean`, which is not selected"),
        ("+", "`+`"),
    ],
)
def test_an_expression_that_cannot_be_followed_is_refused(select: str, message: str, pipeline: Flow) -> None:
    keys = keys_of(pipeline)
    with pytest.raises(UsageError) as raised:
        refuse_needed(selected(pipeline, keys, select, None), keys, "nothing is kept")
    assert message in raised.value.message
    assert "\n" not in raised.value.message


def test_the_nearest_name_is_offered(pipeline: Flow) -> None:
    with pytest.raises(UsageError) as raised:
        selected(pipeline, keys_of(pipeline), "trian", None)
    assert raised.value.hints == ("did you mean `train`?",)
