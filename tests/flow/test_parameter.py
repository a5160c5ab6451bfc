"""Parameters as they are written."""

from __future__ import annotations

import pickle

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import task


@task
def double(x: int) -> int:
    return 2 * x


def test_a_parameter_without_default_is_required() -> None:
    parameter = Parameter("x")
    assert parameter.required
    assert parameter.default is None
    assert parameter.run() is None
    assert repr(parameter) == "<Parameter: x>"


def test_none_is_a_default() -> None:
    parameter = Parameter("x", default=None)
    assert not parameter.required
    assert parameter.default is None


def test_whether_it_is_required_can_be_said() -> None:
    assert Parameter("x", default=3, required=True).required
    assert not Parameter("x", required=False).required
    assert Parameter("x", default=3).run() == 3


def test_its_name_is_its_slug_and_its_options_are_kept() -> None:
    parameter = Parameter("x", tags=["input"], annotation=int, help="how many")
    assert (parameter.slug, parameter.tags) == ("x", frozenset({"input"}))
    assert (parameter.annotation, parameter.help) == (int, "how many")


def test_using_a_parameter_adds_it_to_the_flow_itself() -> None:
    x, y, z = Parameter("x"), Parameter("y"), Parameter("z")
    with Flow("f") as flow:
        double(x)
        assert y() is y
        flow.add_task(z)
    assert list(flow.parameters()) == [x, y, z]
    assert flow.slugs[x] == "x"


def test_a_parameter_can_be_added_to_a_flow_that_is_given() -> None:
    flow, x = Flow("f"), Parameter("x")
    assert x(flow=flow) in flow
    with pytest.raises(CallError, match="outside of a flow"):
        x()


@pytest.mark.parametrize("option", ["mapped", "task_args", "upstream_tasks"])
def test_a_parameter_takes_no_arguments(option: str) -> None:
    x = Parameter("x")
    with Flow("f"), pytest.raises(CallError, match="`x` cannot be called with arguments"):
        x(**{option: True})  # type: ignore[arg-type]


def test_two_parameters_of_one_name_are_refused() -> None:
    second = Parameter("x")
    with Flow("f"):
        double(Parameter("x"))
        with pytest.raises(DefinitionError, match="the flow `f` has two parameters `x`"):
            double(second)


def test_a_parameter_depends_on_nothing() -> None:
    with Flow("f"):
        x = Parameter("x")
        with pytest.raises(DefinitionError, match="the parameter `x` cannot depend on a task"):
            x.set_upstream(double(1))


def test_a_copy_needs_a_name_of_its_own() -> None:
    x = Parameter("x", default=1, annotation=int, help="h", tags=["t"])
    y = x.copy("y", required=True)
    assert (y.name, y.slug, y.default, y.annotation, y.help) == ("y", "y", 1, int, "h")
    assert y.tags == {"t"}
    assert (x.name, x.slug, x.required, y.required) == ("x", "x", False, True)
    with pytest.raises(DefinitionError):
        x.copy("")


def test_a_parameter_survives_pickling() -> None:
    x = pickle.loads(pickle.dumps(Parameter("x", tags=["t"])))
    assert (x.name, x.required, x.default, x.tags) == ("x", True, None, {"t"})
