"""Group 13 of classic's rules, caches and targets, as whole flows in a project of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

HOUR = timedelta(hours=1)
NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    return tmp_path


@pytest.fixture
def checkpointing() -> Any:
    """The switch that classic wants before it writes anything."""
    from prefect.utilities.configuration import set_temporary_config

    with set_temporary_config({"flows.checkpointing": True}):
        yield


def noting(name: str = "", **options: Any) -> Any:
    """A task that returns 10 * x and notes each time it runs, with a name of its own."""
    from prefect import task

    ran: list[Any] = []

    def note(x):
        ran.append(x)
        return 10 * x

    note.__name__ = name or f"note{next(NUMBERS)}"
    return SimpleNamespace(task=task(**options)(note), ran=ran)


def results_of(make: Callable[[Any], Any], *values: Any) -> list[Any]:
    """The results of one flow of one task, run with one parameter after another."""
    from prefect import Flow, Parameter

    with Flow("f") as flow:
        made = make(Parameter("x"))
    return [flow.run(x=value).result[made].result for value in values]


def test_what_is_cached_is_not_run_again() -> None:
    """13.1: a success with `cache_for` is Cached; the next run of the process has its value."""
    from prefect import Flow

    noted = noting(cache_for=HOUR)
    with Flow("f") as flow:
        made = noted.task(1)
    first, second = flow.run().result[made], flow.run().result[made]
    assert (type(first).__name__, first.result) == ("Cached", 10)
    assert second.result == 10
    assert noted.ran == [1]


def test_a_cache_expires() -> None:
    """13.1: after `cache_for` it is run again."""
    noted = noting(cache_for=timedelta(microseconds=1))
    assert results_of(noted.task, 1, 1) == [10, 10]
    assert noted.ran == [1, 1]


def test_tasks_of_one_name_do_not_share_a_cache() -> None:
    """13.1: corrected: the key is the task's code and its inputs, not its name."""
    from prefect import Flow, task

    def first():
        return "first"

    def second():
        return "second"

    seen = []
    for function in (first, second):
        with Flow("f") as flow:
            made = task(function, name="same", cache_for=HOUR)()
        seen.append(flow.run().result[made].result)
    assert seen == ["first", "second"]


def test_other_inputs_are_another_result() -> None:
    """13.2: corrected: without a validator the inputs count."""
    noted = noting(cache_for=HOUR)
    assert results_of(noted.task, 1, 2, 1) == [10, 20, 10]
    assert noted.ran == [1, 2]


def test_a_validator_may_look_at_the_time_only() -> None:
    """13.2: `duration_only` ignores the inputs."""
    from prefect.engine.cache_validators import duration_only

    noted = noting(cache_for=HOUR, cache_validator=duration_only)
    assert results_of(noted.task, 1, 2) == [10, 10]


def test_a_validator_may_refuse() -> None:
    """13.2: `never_use` runs the task each time."""
    from prefect.engine.cache_validators import never_use

    noted = noting(cache_for=HOUR, cache_validator=never_use)
    assert results_of(noted.task, 1, 1) == [10, 10]
    assert noted.ran == [1, 1]


def test_a_validator_may_compare_inputs() -> None:
    """13.2: `all_inputs` all of them, `partial_inputs_only` some."""
    from prefect import Flow, Parameter, task
    from prefect.engine.cache_validators import all_inputs, partial_inputs_only

    noted = noting(cache_for=HOUR, cache_validator=all_inputs)
    assert results_of(noted.task, 1, 1, 2) == [10, 10, 20]
    assert noted.ran == [1, 2]

    ran: list[Any] = []

    @task(cache_for=HOUR, cache_validator=partial_inputs_only(["x"]))
    def pair(x, y):
        ran.append((x, y))
        return x, y

    with Flow("f") as flow:
        made = pair(Parameter("x"), Parameter("y"))
    values = [flow.run(x=x, y=y).result[made].result for x, y in ((1, 1), (1, 2), (2, 2))]
    assert values == [(1, 1), (1, 1), (2, 2)]
    assert ran == [(1, 1), (2, 2)]


def test_a_validator_may_compare_parameters() -> None:
    """13.2: `all_parameters` all of the flow's, `partial_parameters_only` some."""
    from prefect import Flow, Parameter
    from prefect.engine.cache_validators import all_parameters, partial_parameters_only

    for validator, expected in ((all_parameters, [1, 1, 1]), (partial_parameters_only(["a"]), [1, 1])):
        noted = noting(validator.__name__, cache_for=HOUR, cache_validator=validator)
        with Flow("f") as flow:
            noted.task(1)
            Parameter("a")()
            Parameter("b")()
        for a, b in ((1, 1), (1, 1), (1, 2), (2, 2)):
            flow.run(a=a, b=b)
        assert noted.ran == expected


def test_a_validator_may_be_ones_own() -> None:
    """13.2: `(state, inputs, parameters) -> bool`."""
    seen: list[Any] = []

    def validator(state, inputs, parameters):
        seen.append((state.result, inputs["x"], parameters["x"]))
        return inputs["x"] < 3

    noted = noting(cache_for=HOUR, cache_validator=validator)
    assert results_of(noted.task, 1, 2, 3) == [10, 10, 30]
    assert {(10, 2, 2), (10, 3, 3)} <= set(seen)


def test_inputs_are_compared_by_what_is_in_them() -> None:
    """13.3: lists and dicts that are alike are the same input."""
    from prefect.engine.cache_validators import all_inputs

    noted = noting(cache_for=HOUR, cache_validator=all_inputs)
    assert results_of(noted.task, [1, {"k": 2}], [1, {"k": 2}], [1, {"k": 3}])[1] == 10 * [1, {"k": 2}]
    assert len(noted.ran) == 2


def test_a_key_can_be_shared() -> None:
    """13.4: tasks with one `cache_key` have one cache, in whatever flow."""
    from prefect.engine.cache_validators import duration_only

    options = {"cache_for": HOUR, "cache_validator": duration_only, "cache_key": "shared"}
    first, second = noting("first", **options), noting("second", **options)
    assert results_of(first.task, 1) == results_of(second.task, 2) == [10]
    assert second.ran == []


def test_what_is_at_the_target_is_not_made_again(tmp_path: Path) -> None:
    """13.5: the target is a template of parameters and inputs; what it names is read, and Cached."""
    from prefect import Flow, Parameter
    from prefect.engine.results import LocalResult

    result = LocalResult(dir=str(tmp_path / "kept"))
    LocalResult(dir=result.dir, location="1-2.bin").write(99)
    noted = noting(target="{p}-{x}.bin", result=result)
    with Flow("f") as flow:
        made = noted.task(2)
        Parameter("p")()
    state = flow.run(p=1).result[made]
    assert (type(state).__name__, state.result) == ("Cached", 99)
    assert flow.run(p=2).result[made].result == 20
    assert noted.ran == [2]


def test_a_target_may_be_a_function(tmp_path: Path) -> None:
    """13.5: of the same values as the template."""
    from prefect.engine.results import LocalResult

    result = LocalResult(dir=str(tmp_path / "kept"))
    LocalResult(dir=result.dir, location="x is 1").write(99)
    noted = noting(target=lambda **values: f"x is {values['x']}", result=result)
    assert results_of(noted.task, 1, 2) == [99, 20]
    assert noted.ran == [2]


def test_a_result_is_written_where_it_says(tmp_path: Path, checkpointing: None) -> None:
    """13.6: with the switch on, what a task returns is at its target."""
    from prefect.engine.results import LocalResult

    noted = noting(target="{x}.bin", result=LocalResult(dir=str(tmp_path / "kept")))
    assert results_of(noted.task, 1, 1, 2) == [10, 10, 20]
    assert noted.ran == [1, 2]
    assert LocalResult(dir=str(tmp_path / "kept")).read("1.bin").value == 10


def test_what_is_not_to_be_kept_is_not_written(tmp_path: Path, checkpointing: None) -> None:
    """13.6: `checkpoint=False`."""
    from prefect.engine.results import LocalResult

    noted = noting(checkpoint=False, result=LocalResult(dir=str(tmp_path / "kept"), location="x.bin"))
    assert results_of(noted.task, 1) == [10]
    assert not (tmp_path / "kept" / "x.bin").exists()


def test_asking_for_a_result_is_enough(tmp_path: Path) -> None:
    """13.6: corrected: a target is written without any switch."""
    from prefect.engine.results import LocalResult

    noted = noting(target="{x}.bin", result=LocalResult(dir=str(tmp_path / "kept")))
    assert results_of(noted.task, 1, 1) == [10, 10]
    assert noted.ran == [1]
    assert (tmp_path / "kept" / "1.bin").exists()


def test_none_is_kept_as_any_other_value(tmp_path: Path) -> None:
    """13.7: corrected: a task that returns None is at its target as well."""
    from prefect import Flow, task
    from prefect.engine.results import LocalResult

    ran: list[int] = []

    @task(target="none.bin", result=LocalResult(dir=str(tmp_path / "kept")))
    def nothing():
        ran.append(1)

    with Flow("f") as flow:
        made = nothing()
    assert [flow.run().result[made].result for _ in range(2)] == [None, None]
    assert ran == [1]


def test_a_result_that_cannot_be_written_fails_the_task(checkpointing: None) -> None:
    """13.8: and only that task; a failure is never written."""
    from prefect import Flow
    from prefect.engine.result import Result

    class Broken(Result):
        def write(self, *args, **kwargs):
            raise OSError("disk full")

    noted, other = noting(result=Broken()), noting()
    with Flow("f") as flow:
        bad, good = noted.task(1), other.task(1)
    state = flow.run()
    assert state.result[bad].is_failed()
    assert "disk full" in str(state.result[bad].message)
    assert state.result[good].result == 10


def test_a_tasks_result_goes_before_the_flows(tmp_path: Path, checkpointing: None) -> None:
    """13.9: a task without one has the flow's."""
    from prefect import Flow
    from prefect.engine.results import LocalResult

    own = noting("own", result=LocalResult(dir=str(tmp_path / "own"), location="here.bin"))
    flows = noting("flows")
    with Flow("f", result=LocalResult(dir=str(tmp_path / "flow"))) as flow:
        own.task(1)
        flows.task(2)
    assert flow.run().is_successful()
    assert LocalResult(dir=str(tmp_path / "own")).read("here.bin").value == 10
    (kept,) = (path for path in (tmp_path / "flow").rglob("*") if path.is_file())
    assert LocalResult(dir=str(tmp_path / "flow")).read(str(kept)).value == 20
