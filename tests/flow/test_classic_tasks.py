"""Tasks as scripts for Prefect classic make and ask them; the numbers are rows of its reference."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import manners
from flowkit.flow.ambient import tags
from flowkit.flow.datetime_parameter import DateTimeParameter
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import FunctionTask, Task, task
from flowkit.flow.values import checked
from flowkit.plan.state import Failed, Success


@task
def one() -> int:
    return 1


@task
def add(x: int, y: int = 1, **rest: int) -> int:
    return x + y


@pytest.fixture
def classic() -> Iterator[None]:
    """As in a script that imports `prefect`."""
    manners.classic = True
    yield
    manners.classic = False


# -- made --------------------------------------------------------------------------------------


def test_options_may_be_given_by_position_in_the_order_of_classic() -> None:
    made = Task("n", "s", ["t"], 2, timedelta(seconds=1), KeyError, 5, "all_failed", False)
    assert (made.name, made.slug, made.tags, made.max_retries) == ("n", "s", {"t"}, 2)
    assert (made.retry_delay, made.retry_on, made.timeout) == (timedelta(seconds=1), (KeyError,), 5)
    assert (made.trigger, made.skip_on_upstream_skip) == ("all_failed", False)


def test_all_options_of_classic_are_taken_by_name() -> None:
    made = Task(
        cache_for=timedelta(1),
        cache_validator=None,
        cache_key="k",
        checkpoint=True,
        state_handlers=[],
        on_failure=None,
        log_stdout=True,
        result=None,
        target="t",
        task_run_name="r",
        nout=2,
        max_retries=None,
        trigger=None,
    )
    assert (made.cache_for, made.cache_key, made.checkpoint) == (timedelta(1), "k", True)
    assert (made.log_stdout, made.target, made.task_run_name, made.nout) == (True, "t", "r", 2)
    assert (made.max_retries, made.trigger, made.state_handlers) == (0, "all_successful", ())


def test_a_task_without_run_is_a_point_in_a_flow() -> None:
    class Idle(Task): ...

    with Flow("f") as flow:
        made = Idle(name="")()
        Task(name="after")(upstream_tasks=[made])
    assert list(flow.slugs.values()) == ["Idle-1", "after-1"]
    assert made.run() is None


def test_on_failure_is_the_last_handler_and_is_called_for_failures_only() -> None:
    """1.15."""
    seen: list[Any] = []
    made = Task(state_handlers=[lambda t, old, new: new], on_failure=lambda t, state: seen.append((t, state)))
    assert len(made.state_handlers) == 2
    good, bad = Success(), Failed()
    assert made.state_handlers[-1](made, None, good) is good
    assert made.state_handlers[-1](made, None, bad) is bad
    assert seen == [(made, bad)]
    with pytest.raises(CallError, match="`on_failure` of the task `Task` is a function"):
        Task(on_failure=3)


def test_a_task_given_where_a_task_is_made_is_warned_of() -> None:
    """1.2."""

    class Scale(Task):
        def __init__(self, factor: Any, **options: Any) -> None:
            self.factor = factor
            super().__init__(**options)

    with pytest.warns(UserWarning, match=r"a task was given to `Scale\(\.\.\.\)`") as warned:
        Scale(one)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="as in `Scale"):
        Scale(factor=one)
    Scale([one])  # as in classic, no one looks into collections


def test_an_option_that_is_set_too_early_is_warned_of_and_overwritten() -> None:
    """1.3."""

    class Early(Task):
        def __init__(self, target: str) -> None:
            self.target, self.max_retries, self.name, self.url = target, 3, "early", "u"
            super().__init__()

    with pytest.warns(UserWarning) as warned:
        made = Early("there")
    assert [str(each.message).split("`")[3] for each in warned] == ["max_retries", "name", "target"]
    assert {each.filename for each in warned} == {__file__}
    assert (made.target, made.max_retries, made.name, made.url) == (None, 0, "Early", "u")


def test_options_that_are_set_after_that_of_task_count() -> None:
    class Late(Task):
        def __init__(self) -> None:
            super().__init__()
            self.target, self.max_retries, self.name = "t", 3, "late"

    made = Late()
    assert (made.target, made.max_retries, made.name) == ("t", 3, "late")


def test_names_that_only_flowkit_has_are_free_for_task_classes_of_classic(classic: None) -> None:
    class Mine(Task):
        def __init__(self, **options: Any) -> None:
            self.executor, self.cache, self.persist = "early", {}, None
            super().__init__(**options)
            self.durability = self.depends_on = 3  # type: ignore[assignment]

    made = Mine(executor="threads").copy()
    assert (made.executor, made.cache, made.persist) == ("early", {}, None)
    assert (made.durability, made.depends_on) == (3, 3)
    assert (made.lane, made.keeping.cache, made.keeping.durability) == ("threads", False, None)


def test_task_classes_of_classic_may_use_the_names_for_themselves(classic: None) -> None:
    class Mine(Task):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.limits = self.memory = self.priority = self.cpus = "mine"  # type: ignore[assignment]

    made = Mine(limits={"db": 1}).copy()
    assert (made.limits, made.memory, made.priority, made.cpus) == ("mine",) * 4
    assert made.demands.limits == (("db", 1),)


def test_they_are_options_otherwise() -> None:
    made = Task(executor="threads")
    assert made.executor == "threads"
    made.executor, made.cache = "processes", True
    assert (made.lane, made.keeping.cache) == ("processes", True)


def test_tags_around_are_those_of_all_that_is_made_or_copied_there() -> None:
    """1.7."""
    with Flow("f") as flow:
        with tags("a"):
            made, copied, parameter = Task(), one.copy(), Parameter("p")
            computed = one() + 1
        flow.add_task(copied)
        with tags("b"):
            flow.add_task(made)
            bound = add.copy(name="bound")
        with tags("c"):
            bound.bind(parameter)
    assert (made.tags, copied.tags, parameter.tags, computed.tags) == ({"a"},) * 4
    assert bound.tags == {"b", "c"}
    assert [flow.slugs[each] for each in (computed, copied, bound)] == ["Add-a-1", "one-a-2", "bound-b-1"]


def test_tags_of_the_block_in_which_an_operator_is_first_used_are_not_its_own() -> None:
    with Flow("f"):
        with tags("a"):
            one() + 1
            one()["x"]
        assert (one() + 1).tags == one()["x"].tags == frozenset()


# -- called ------------------------------------------------------------------------------------


def test_a_copy_of_a_connected_task_is_warned_of() -> None:
    """1.24."""
    with Flow("f"):
        first = one()
        second = add.copy().bind(first)
        for copied in (first.copy, first, second.copy, lambda: second(2), lambda: second.map([2])):
            with pytest.warns(UserWarning, match="which its copy does not get") as warned:
                made = copied()
            assert warned[0].filename == __file__
            made() if made.name == "one" else made.bind(1)
        one()()  # not connected


def test_a_task_with_a_slug_of_its_own_is_a_copy_in_a_flow_of_classic(classic: None) -> None:
    mine = task(slug="mine")(one.run)
    with Flow("f") as flow:
        mine()
        mine(task_args={"slug": "other"})
    assert list(flow.slugs.values()) == ["mine-copy", "other"]


def test_a_task_of_classic_is_true(classic: None) -> None:
    """1.32."""
    assert one and one


@pytest.mark.parametrize("limit", [0, -1, timedelta(0)])
def test_no_time_is_no_limit_in_classic(limit: Any, classic: None) -> None:
    assert Task(timeout=limit).timeout is None


def test_a_callable_without_a_name_is_a_function_task_in_classic(classic: None) -> None:
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

    assert task(Adder()).name == "FunctionTask"


def test_pipe_gives_a_task_to_the_next_one() -> None:
    """1.27."""
    with Flow("f") as flow:
        first = one()
        last = first.pipe(add, y=4).pipe(unmapped).pipe(add)
        assert [edge.key for edge in flow.edges_to(last)] == ["x"]
        (middle,) = flow.upstream_tasks(last)
        assert flow.edges_to(middle) == {Edge(first, middle, "x")}
        assert first.pipe(add.map).name == "add"
    assert flow.constants[middle] == {"y": 4}
    with pytest.raises(ValueError, match="`self` cannot be an argument"):
        first.pipe(add, self=1)


def test_inputs_and_outputs_are_those_of_the_signature() -> None:
    """1.28."""

    @task
    def untyped(x, y=2, **rest): ...  # type: ignore[no-untyped-def]

    assert untyped.inputs() == {
        "x": {"type": Any, "required": True, "default": None},
        "y": {"type": Any, "required": False, "default": 2},
        "rest": {"type": Any, "required": True, "default": None},
    }
    assert untyped.outputs() is Any
    assert (add.inputs()["y"]["type"], add.outputs()) == ("int", "int")


def test_the_signature_of_a_task_is_that_of_its_call() -> None:
    """1.29."""
    names = ["x", "y", "mapped", "task_args", "upstream_tasks", "flow", "rest"]
    assert list(inspect.signature(add).parameters) == names
    assert list(inspect.signature(type(add)).parameters) == ["fn", "name", "options"]
    assert "max_retries" in inspect.signature(Task).parameters
    assert (add.__name__, add.__qualname__, add.__wrapped__) == ("add", "add", add.run)


def test_a_function_may_be_given_by_name() -> None:
    assert task(fn=one.run).name == FunctionTask(fn=one.run).name == "one"


def test_set_dependencies_takes_anything_that_becomes_a_task() -> None:
    flow, made = Flow("f"), add.copy()
    made.set_dependencies(flow, [1], [[one]], {"x": [one, 2], "y": 3}, validate=True)
    assert flow.constants[made] == {"y": 3}
    assert {each.name for each in flow.tasks} >= {"add", "one", "1"}
    assert made.set_upstream(4, flow).set_downstream(5, flow) is made
    assert {"4", "5"} <= {each.name for each in flow.tasks}


def test_a_task_has_a_logger_and_a_class_may_have_its_own() -> None:
    class Own(Task):
        def __init__(self) -> None:
            super().__init__()
            self.logger = "mine"

    assert one.logger.name == "flowkit.one"
    assert Own().logger == "mine"


def test_a_task_is_described_without_its_code() -> None:
    document = Task(name="n", slug="s", tags=["b", "a"], max_retries=1, retry_delay=timedelta(1)).serialize()
    assert json.loads(json.dumps(document)) == document
    assert (document["name"], document["slug"], document["tags"]) == ("n", "s", ["a", "b"])
    assert (document["max_retries"], document["retry_delay"]) == (1, 86400.0)
    assert document["trigger"] == "all_successful"


# -- never added -------------------------------------------------------------------------------


def test_what_is_made_in_a_flow_but_never_added_is_said_once() -> None:
    """1.31."""
    with pytest.warns(UserWarning) as warned, Flow("f") as flow:
        Parameter("unused")
        called, upstream, copied = Task(name="called"), Task(name="upstream"), Task(name="copied")
        called()
        one(upstream_tasks=[upstream])
        copied.copy(name="copy")
        task(lambda: 1)
        one() + [one(), 3] + one()["x"]
    assert [str(each.message).split(": ")[1].split(";")[0] for each in warned] == [
        "`unused`, `copy`, `<lambda>`"
    ]
    assert warned[0].filename == __file__
    assert upstream in flow.tasks


def test_a_flow_in_a_flow_looks_after_its_own() -> None:
    with pytest.warns(UserWarning) as warned, Flow("outer") as outer:
        lost = Task(name="lost")
        with Flow("inner") as inner:
            outer.add_task(Task(name="elsewhere"))
            inner.add_task(lost)
    assert [str(each.message).split("`")[5] for each in warned] == ["elsewhere", "lost"]


def test_a_block_that_raised_says_nothing_more() -> None:
    with warnings.catch_warnings(), pytest.raises(KeyError), Flow("f"):
        warnings.simplefilter("error")
        Task()
        raise KeyError


# -- parameters --------------------------------------------------------------------------------


def test_a_parameter_that_must_be_given_is_asked_for_though_it_has_a_default() -> None:
    """5.1."""
    flow = Flow("f", tasks=[Parameter("x", default=1, required=True), Parameter("y", required=False)])
    with pytest.raises(ValueError, match="`x` is required"):
        checked(flow, {})
    assert checked(flow, {"x": 2}) == {"x": 2, "y": None}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("2020-01-31", "2020-01-31T00:00:00+00:00"),
        ("2020-01-31 12:00+02:00", "2020-01-31T12:00:00+02:00"),
        ("20200131", "2020-01-31T00:00:00+00:00"),
    ],
)
def test_a_point_in_time_is_read_from_text(given: str, text: str) -> None:
    """5.6."""
    flow = Flow("f", tasks=[DateTimeParameter("when")])
    (read,) = checked(flow, {"when": given}).values()
    assert read.isoformat() == text
    assert checked(flow, {"when": read}) == {"when": read}
    assert checked(flow, {}, texts={"when": [given]}) == {"when": read}
    assert checked(flow, {"when": None}) == {"when": None}


@pytest.mark.parametrize("given", ["yesterday", 3])
def test_what_is_no_point_in_time_is_refused_before_anything_runs(given: Any) -> None:
    flow = Flow("f", tasks=[DateTimeParameter("when")])
    with pytest.raises(ValueError, match="`when` must be a date and time"):
        checked(flow, {"when": given})
    with pytest.raises(ValueError, match="`when` is required"):
        checked(flow, {})
    assert checked(Flow("g", tasks=[DateTimeParameter("when", required=False)]), {}) == {"when": None}


def test_edges_are_checked_where_they_are_made() -> None:
    """3.6."""
    assert Edge(one, add, "x") == Edge(upstream_task=one, downstream_task=add, key="x") != Edge(one, add)
    assert hash(Edge(one, add)) == hash(Edge(one, add))
    edge = Edge(unmapped(one), add, "x", mapped=True)
    assert (edge.upstream_task, edge.downstream_task, edge.mapped) == (one, add, False)
    assert edge.tasks == {one, add}
    assert repr(edge) == "<Edge(key=x, mapped=False, flattened=False): one to add>"
    assert edge.serialize()["key"] == "x"
    with pytest.raises(DefinitionError, match="depends on itself"):
        Edge(one, one)
    for key in ("1a", "class", "", 3):
        with pytest.raises(DefinitionError, match="cannot be the name of an argument"):
            Edge(one, add, key)  # type: ignore[arg-type]
