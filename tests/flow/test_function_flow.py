"""`@flow`: a flow as one typed function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient
from flowkit.flow.ambient import tags
from flowkit.flow.flow import Flow
from flowkit.flow.function import FunctionFlow, flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import task

if TYPE_CHECKING:
    from decimal import Decimal


@task
def show(value: Any) -> Any:
    return value


def _first(made: Flow) -> Parameter:
    return next(iter(made.parameters()))


@dataclass
class Hint:
    help: str = ""
    description: str = ""


def test_a_decorated_function_is_a_flow_named_and_described_by_it() -> None:
    @flow
    def etl() -> None:
        """Load everything.

        At night.
        """

    assert isinstance(etl, FunctionFlow) and isinstance(etl, Flow)
    assert (etl.name, etl.description) == ("etl", "Load everything.\n\nAt night.")


def test_options_are_those_of_a_flow() -> None:
    @flow(name="nightly", description="d", executor="threads", schedule="daily", tags=["a"])
    def etl() -> None:
        """Not shown."""

    assert (etl.name, etl.description, etl.executor) == ("nightly", "d", "threads")
    assert (etl.schedule, etl.tags) == ("daily", frozenset("a"))


def test_tasks_can_be_given_as_to_any_flow() -> None:
    extra = task(lambda: 1)

    @flow(tasks=[extra])
    def etl() -> None:
        show(1)

    assert extra in etl


def test_its_parameters_are_those_of_the_function() -> None:
    @flow
    def etl(path: Path, count: Annotated[int, "how many"] = 5, loud: bool = False) -> None: ...

    path, count, loud = etl.parameters()
    assert (path.name, path.default, path.required, path.annotation) == ("path", None, True, Path)
    assert (count.default, count.required, count.help) == (5, False, "how many")
    assert (loud.annotation, loud.help) == (bool, "")


@pytest.mark.parametrize(
    ("note", "help_"),
    [("text", "text"), (Hint("h", "d"), "h"), (Hint("", "d"), "d"), (Hint(), ""), (3, "")],
)
def test_help_is_found_in_annotations(note: Any, help_: str) -> None:
    def etl(x: int) -> None: ...

    etl.__annotations__["x"] = Annotated[int, note]
    (parameter,) = flow(etl).parameters()
    assert parameter.help == help_


def test_the_body_runs_once_when_the_graph_is_first_needed_and_not_for_the_parameters() -> None:
    calls: list[Any] = []

    @flow
    def etl(count: int = 5) -> None:
        calls.append(count)
        show(count)

    assert [parameter.name for parameter in etl.parameters()] == ["count"]
    assert calls == []
    assert len(etl.tasks) == 2
    assert etl.sorted_tasks() and etl.edges and etl.build() is etl
    (placeholder,) = calls
    assert placeholder is _first(etl)


def test_a_parameter_that_is_not_used_is_in_the_flow_all_the_same() -> None:
    @flow
    def etl(unused: int = 1) -> None:
        show(2)

    assert _first(etl) in etl


def test_a_placeholder_is_no_value_in_the_body() -> None:
    @flow
    def etl(count: int) -> None:
        for _ in range(count):
            show(1)

    @flow
    def choose(loud: bool = False) -> None:
        if loud:
            show(1)

    with pytest.raises(TypeError):
        _ = etl.tasks
    with pytest.raises(CallError, match="the task `loud` has no value while the flow is built"):
        _ = choose.tasks


def test_what_the_body_raises_is_raised_each_time() -> None:
    @flow
    def etl() -> None:
        raise ZeroDivisionError("body")

    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="body"):
            etl.sorted_tasks()
    assert ambient.current().flow is None


def test_what_surrounds_the_first_need_does_not_reach_into_the_body() -> None:
    @flow
    def etl() -> None:
        show(1)

    with Flow("other") as other, tags("outer"):
        (made,) = etl.tasks
        behind = show(2)
    assert made.tags == set()
    assert list(other.tasks) == [behind]


@pytest.mark.parametrize("kind", ["*args", "**kwargs", "x, /"])
def test_parameters_need_names_of_their_own(kind: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def etl({kind}): ...", scope)
    with pytest.raises(DefinitionError, match="its parameters need names of their own"):
        flow(scope["etl"])


def test_an_annotation_that_is_not_there_at_run_time_is_named() -> None:
    @flow
    def etl(price: Decimal) -> None: ...

    with pytest.raises(DefinitionError, match="`etl` names `Decimal`, which its module does not have") as e:
        etl.parameters()
    assert "TYPE_CHECKING" in e.value.hints[0]


# -- graphs that are made from data -------------------------------------------------------------


@flow(build=["width"], name="wide", tags=["t"])
def wide(width: int, scale: float = 1.0) -> None:
    for number in range(width):
        show([scale, number])


def test_a_flow_that_is_built_from_data_has_no_graph_until_it_is_built() -> None:
    assert [parameter.name for parameter in wide.parameters()] == ["width", "scale"]
    with pytest.raises(DefinitionError, match="the flow `wide` is made from `width`; give a value"):
        _ = wide.tasks


def test_a_build_parameter_is_a_value_and_the_others_are_placeholders() -> None:
    built = wide.build(width=3)
    assert len(built.get_tasks(name="show")) == 3
    assert [parameter.name for parameter in built.parameters()] == ["scale"]
    assert (built.name, built.tags) == ("wide", frozenset("t"))
    assert len(wide.build(width=1).get_tasks(name="show")) == 1


def test_a_missing_and_an_unknown_build_parameter_are_named() -> None:
    with pytest.raises(DefinitionError, match="needs a value for `width`"):
        wide.build()
    with pytest.raises(DefinitionError, match="no build parameter `scale`"):
        wide.build(width=1, scale=2)
    with pytest.raises(DefinitionError, match="no build parameters"):
        FunctionFlow(lambda: None, name="f").build(x=1)


def test_a_build_parameter_may_have_a_default() -> None:
    @flow(build=["width"])
    def narrow(width: int = 2) -> None:
        wide.function(width, 1.0)

    assert len(narrow.build().get_tasks(name="show")) == 2


def test_an_unknown_name_in_build_is_refused() -> None:
    with pytest.raises(DefinitionError, match="`build` of the flow `etl` names `trace`"):

        @flow(build=["trace"])
        def etl(width: int) -> None: ...


def test_reference_tasks_that_were_set_stay_those_of_the_flow() -> None:
    @flow
    def etl() -> None:
        show(show(1, task_args={"name": "first"}))

    (first,) = etl.get_tasks(name="first")
    etl.set_reference_tasks([first])
    assert etl.reference_tasks() == {first}
    assert etl.copy().reference_tasks() == {first}


def test_a_function_flow_can_be_added_to() -> None:
    @flow
    def etl() -> None:
        show(1)

    with etl as entered:
        extra = show(2)
    assert entered is etl
    assert extra in etl and len(etl.tasks) == 2


def test_the_parameters_of_two_function_flows_are_their_own() -> None:
    @flow
    def first(x: int = 1) -> None:
        show(x)

    @flow
    def second(x: int = 2) -> None:
        show(x)

    assert _first(first) is not _first(second)
    assert isinstance(_first(first), Parameter)
