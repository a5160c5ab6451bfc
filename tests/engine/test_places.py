"""Results that are written where a user says, and taken from there: `target`, `result`, `location`."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.executors import ThreadExecutor
from flowkit.errors import DefinitionError
from flowkit.plan.state import State
from flowkit.results import JSONSerializer, LocalResult, Result


def run(made: Callable[[], Any], executor: Any = None) -> State:
    """The state of one task in a flow that runs it alone; `made` calls it."""
    with Flow("alone") as flow:
        found = made()
    return flow.run(history=False, executor=executor).result[found]


def returns(value: Any, **options: Any) -> Any:
    """A task that returns this, and the list of its runs."""
    ran: list[Any] = []

    @task(**options)
    def give(x: Any = None) -> Any:
        ran.append(x)
        return value if value is not None else x

    return give, ran


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["../out", "a/../../out", "..", "/out", "a/.."])
@pytest.mark.parametrize("place", ["target", "location"])
def test_a_name_made_of_values_does_not_lead_out_of_the_place(given: str, place: str, tmp_path: Path) -> None:
    result = LocalResult(tmp_path / "kept", location="{x}" if place == "location" else None)
    give, ran = returns(1, result=result, **({"target": "{x}"} if place == "target" else {}))
    state = run(lambda: give(given))
    assert state.is_failed()
    assert "leads out of the folder" in state.message
    assert ran == [], "what cannot be written is not made"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_function_for_a_name_does_not_lead_out_either(tmp_path: Path) -> None:
    give, _ = returns(1, result=LocalResult(tmp_path / "kept"), target=lambda **names: names["x"])
    assert "leads out of the folder" in run(lambda: give("../out")).message


def test_a_template_may_say_itself_where_it_leads(tmp_path: Path) -> None:
    for target in (f"{tmp_path}/elsewhere/{{x}}/r", "../elsewhere/{x}/r"):
        give, _ = returns(1, result=LocalResult(tmp_path / "kept"), target=target)
        assert run(lambda give=give: give("a/b")).is_successful()
    assert (tmp_path / "elsewhere/a/b/r").is_file()
    give, _ = returns(1, result=LocalResult("/", validate_dir=False), target="{x}")
    assert run(lambda: give(f"{tmp_path}/anywhere")).is_successful()


def test_a_name_that_is_not_known_is_said_before_the_task_runs(tmp_path: Path) -> None:
    for options in ({"target": "{nope}"}, {"result": LocalResult(tmp_path, location="{nope}")}):
        give, ran = returns(1, **{"result": LocalResult(tmp_path), **options})
        state = run(lambda give=give: give(1))
        assert "the place `{nope}` names 'nope', which is not known" in state.message
        assert "there are caches, " in state.message
        assert ran == []


def test_a_template_that_is_none_is_said(tmp_path: Path) -> None:
    give, ran = returns(1, result=LocalResult(tmp_path), target="{x.colour}")
    assert "the place `{x.colour}` cannot be named" in run(lambda: give(1)).message
    assert ran == []


@pytest.mark.parametrize("options", [{"target": 5}, {"result": 5}, {"result": "folder"}])
def test_what_is_no_place_is_refused_where_it_is_written(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="of the task `give` is a"):
        returns(1, **options)


# -- what cannot be read or written --------------------------------------------------------------


def test_a_target_that_is_no_result_is_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    give, ran = returns(1, result=LocalResult(tmp_path, serializer=JSONSerializer()), target="x.json")
    assert "what lies at its target `x.json` cannot be read: " in run(lambda: give(1)).message
    assert ran == []
    assert (tmp_path / "x.json").read_text() == "{"


def test_a_target_that_others_could_have_written_is_not_taken(tmp_path: Path) -> None:
    path = Path(LocalResult(tmp_path, location="x").write(1).location or "")
    path.chmod(0o666)
    give, ran = returns(2, result=LocalResult(tmp_path), target="x")
    assert "not unpickled, as others could have written it" in run(lambda: give(1)).message
    assert ran == []


def test_what_cannot_be_written_fails_with_its_type(tmp_path: Path) -> None:
    give, _ = returns((each for each in ()), result=LocalResult(tmp_path, location="x"))
    assert "its result, a `generator`, cannot be written" in run(lambda: give(1)).message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_fails_the_task(tmp_path: Path) -> None:
    result = LocalResult(tmp_path / "kept", location="x")
    (tmp_path / "kept").write_text("a file is in its place")
    give, _ = returns(1, result=result)
    assert "cannot be written: NotADirectoryError" in run(lambda: give(1)).message


def test_a_result_without_a_place_says_so() -> None:
    give, _ = returns(1, result=Result())
    assert "has no place that it could be written to" in run(lambda: give(1)).message


# -- children ------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["{x}.bin", "{map_index}.bin", "{task_full_name}.bin"])
def test_children_have_places_of_their_own(
    template: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    give, _ = returns(None, result=LocalResult(tmp_path), target=template)
    assert run(lambda: give.map([1, 2, 3]), ThreadExecutor(2)).result == [1, 2, 3]
    assert "have one place" not in caplog.text


@pytest.mark.parametrize("options", [{"target": "one.bin"}, {}])
def test_children_with_one_place_are_told_of_once(
    options: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    give, _ = returns(None, result=LocalResult(tmp_path, location="one.bin"), **options)
    with caplog.at_level(logging.WARNING, "flowkit"):
        run(lambda: give.map([1, 2, 3]))
    said = [each for each in caplog.messages if "have one place, `one.bin`" in each]
    assert len(said) == 1
    assert "put `{map_index}` into it" in said[0]


# -- the default ---------------------------------------------------------------------------------


def test_a_target_alone_is_kept_with_the_users_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    give, ran = returns(1, target="x.bin")
    assert [run(lambda: give(1)).result for _ in range(2)] == [1, 1]
    assert ran == [1]
    path = tmp_path / ".local/share/flowkit/results/x.bin"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not (tmp_path / ".flowkit").exists(), "that would make a project of the home folder"
