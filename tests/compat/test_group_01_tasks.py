"""Group 1 of classic's rules, how tasks are defined, as whole flows."""

import functools
import inspect
import logging
from datetime import timedelta
from typing import Any, Tuple  # noqa: UP035 - scripts of classic's time have this one

import pytest


def test_a_function_becomes_a_task() -> None:
    """1.1: with and without options; name and docstring are the function's; only what can be called."""
    from prefect import Flow, Task, task

    def double(x):
        """Twice as much."""
        return 2 * x

    plain, named = task(double), task(name="twice", tags=["t"])(double)
    assert isinstance(plain, Task)
    assert (plain.name, plain.__doc__, plain.__wrapped__) == ("double", "Twice as much.", double)
    assert (named.name, named.tags) == ("twice", {"t"})
    with Flow("f") as flow:
        four, six = plain(2), named(3)
    state = flow.run()
    assert (state.result[four].result, state.result[six].result) == (4, 6)
    with pytest.raises(TypeError):
        task(5)


def test_a_class_takes_what_is_static_first_and_what_is_dynamic_when_it_is_called() -> None:
    """1.2: `__init__` has the static arguments, a call the dynamic ones."""
    from prefect import Flow, Task

    class Scale(Task):
        def __init__(self, factor, **options):
            self.factor = factor
            super().__init__(**options)

        def run(self, x):
            return x * self.factor

    with Flow("f") as flow:
        result = Scale(3, name="triple")(Scale(2)(5))
    assert result.name == "triple"
    assert flow.run().result[result].result == 30


def test_a_task_given_to_a_constructor_is_warned_of() -> None:
    """1.2: a Task passed to the constructor is most likely meant for the call."""
    from prefect import Flow, Task, task

    @task
    def one():
        return 1

    class Scale(Task):
        def __init__(self, factor, **options):
            self.factor = factor
            super().__init__(**options)

        def run(self, x):
            return x

    with Flow("f"), pytest.warns(UserWarning, match="make it first"):
        Scale(one())(2)


def test_an_attribute_of_the_engine_that_a_class_sets_too_early_is_warned_of() -> None:
    """1.3: what a subclass sets before `super().__init__` is overwritten."""
    from prefect import Task

    class Early(Task):
        def __init__(self):
            self.target = "here.txt"
            super().__init__()

    with pytest.warns(UserWarning, match="target"):
        early = Early()
    assert early.target is None


def test_signatures_that_cannot_be_keyed_are_refused_where_they_are_defined() -> None:
    """1.4: no `*args`, no reserved names, no positional-only parameters, nothing that cannot be inspected."""
    from prefect import Task, task

    def starred(*args): ...

    def wrapped(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)

        return inner

    def only(x, /): ...

    for function in (starred, wrapped(starred)):
        with pytest.raises(ValueError, match="args"):
            task(function)
    with pytest.raises(ValueError, match="args"):

        class Starred(Task):
            def run(self, *args): ...

    for reserved in ("upstream_tasks", "mapped", "task_args", "flow"):
        scope: dict[str, Any] = {}
        exec(f"def taken({reserved}): ...", scope)
        with pytest.raises(ValueError, match=reserved):
            task(scope["taken"])
    with pytest.raises(TypeError):
        task(only)
    with pytest.raises(ValueError):
        task(zip)


def test_keywords_and_defaults_are_fine() -> None:
    """1.4: `**kwargs` and defaults may be there."""
    from prefect import Flow, task

    @task
    def keep(a, b=2, **rest):
        return a, b, rest

    with Flow("f") as flow:
        kept = keep(1, c=3)
    assert flow.run().result[kept].result == (1, 2, {"c": 3})


def test_a_name_is_the_functions_or_the_classs_and_leads_slug_and_logger() -> None:
    """1.5: the default name; prefix of the slug, last part of the logger's name."""
    from prefect import Flow, Task, task

    class Fetch(Task):
        def run(self):
            return self.logger.name

    @task(name="a name")
    def given(): ...

    with Flow("f") as flow:
        fetch, named = Fetch()(), given()
    assert (fetch.name, named.name) == ("Fetch", "a name")
    assert (flow.slugs[fetch], flow.slugs[named]) == ("Fetch-1", "a name-1")
    assert flow.run().result[fetch].result.endswith(".Fetch")


def test_a_slug_of_ones_own_is_kept_and_is_the_only_one() -> None:
    """1.6: an explicit slug stays; one that is made belongs to the flow, not the task; no two alike."""
    from prefect import Flow, Task, task

    @task
    def one():
        return 1

    @task(slug="mine")
    def other():
        return 2

    with Flow("f") as flow:
        made, kept = one(), other.bind()
    with pytest.raises(ValueError):
        flow.add_task(Task(slug="mine"))
    assert (flow.slugs[made], flow.slugs[kept]) == ("one-1", "mine")
    assert (made.slug, kept.slug) == (None, "mine")


def test_tags_are_a_set_joined_with_those_around_it() -> None:
    """1.7: tags merge with `prefect.tags`, are part of the slug and of each state's context."""
    from prefect import Flow, tags, task

    with tags("around"):

        @task(tags=["own", "own"])
        def one():
            return 1

    with Flow("f") as flow:
        tagged = one()
    assert tagged.tags == {"own", "around"}
    assert flow.slugs[tagged] == "one-around-own-1"
    assert set(flow.run().result[tagged].context["tags"]) == {"own", "around"}
    with pytest.raises(TypeError):
        task(tags="own")(lambda: 1)


def test_retries_need_a_delay_and_a_delay_needs_retries() -> None:
    """1.8: either without the other is a ValueError."""
    from prefect import Task

    with pytest.raises(ValueError):
        Task(max_retries=2)
    with pytest.raises(ValueError):
        Task(retry_delay=timedelta(seconds=1))
    retried = Task(max_retries=2, retry_delay=timedelta(seconds=1))
    assert (retried.max_retries, retried.retry_delay) == (2, timedelta(seconds=1))
    assert Task().max_retries == 0


def test_only_the_named_exceptions_are_tried_again() -> None:
    """1.9: `retry_on` matches subclasses; what does not match stays Failed."""
    from prefect import Flow, Task, task

    tried: list[str] = []

    @task(max_retries=2, retry_delay=timedelta(0), retry_on=LookupError)
    def matches():
        tried.append("matches")
        if tried.count("matches") < 2:
            raise KeyError("first")
        return "at last"

    @task(max_retries=2, retry_delay=timedelta(0), retry_on=(OSError, LookupError))
    def differs():
        tried.append("differs")
        raise ValueError("other")

    with Flow("f") as flow:
        good, bad = matches(), differs()
    state = flow.run()
    assert state.result[good].result == "at last"
    assert state.result[bad].is_failed()
    assert (tried.count("matches"), tried.count("differs")) == (2, 1)
    with pytest.raises(ValueError):
        Task(retry_on=ValueError)
    with pytest.raises(TypeError):
        Task(max_retries=1, retry_delay=timedelta(0), retry_on="ValueError")


def test_a_timeout_may_be_a_part_of_a_second() -> None:
    """1.10: an int or a timedelta. Corrected: a part of a second counts, and a float may say it."""
    from prefect import Task

    assert Task(timeout=3).timeout == 3
    assert Task(timeout=timedelta(minutes=1)).timeout == 60
    assert Task(timeout=timedelta(seconds=2, milliseconds=500)).timeout == 2.5
    assert Task(timeout=1.5).timeout == 1.5
    with pytest.raises(TypeError):
        Task(timeout="1")


def test_the_trigger_is_all_successful_unless_one_is_given() -> None:
    """1.11: a trigger is called with a mapping of edges to states.

    Corrected: a trigger has a name too, and the default is kept by that.
    """
    from prefect import Flow, Task, task

    seen: list[Any] = []

    def note(states):
        seen.extend((edge.upstream_task.name, state.is_failed()) for edge, state in states.items())
        return True

    @task
    def fail():
        raise ValueError("no")

    @task(trigger=note)
    def after(x):
        return str(x)

    with Flow("f") as flow:
        done = after(fail())
    state = flow.run()
    assert Task().trigger == "all_successful"
    assert seen == [("fail", True)]
    assert state.is_successful()
    assert state.result[done].result == "no"


def test_a_skip_goes_on_unless_the_task_says_not_to() -> None:
    """1.12: `skip_on_upstream_skip` is True by default; a task without it runs, given the signal."""
    from prefect import Flow, Task, task
    from prefect.engine.signals import SKIP

    @task
    def skip():
        raise SKIP("not today")

    @task
    def follows(x):
        return "ran"

    @task(skip_on_upstream_skip=False)
    def runs(x):
        return "ran"

    with Flow("f") as flow:
        skipped = skip()
        follower, runner = follows(skipped), runs(skipped)
    state = flow.run()
    assert Task().skip_on_upstream_skip is True
    assert state.result[follower].is_skipped()
    assert state.result[runner].result == "ran"
    assert not state.result[runner].is_skipped()


def test_a_validator_without_a_time_is_warned_of_and_nothing_is_cached() -> None:
    """1.13: `cache_validator` says nothing without `cache_for`."""
    from prefect import Flow, task
    from prefect.engine.cache_validators import all_inputs

    ran: list[int] = []
    with pytest.warns(UserWarning, match="cache_validator"):

        @task(cache_validator=all_inputs)
        def note(x):
            ran.append(x)
            return x

    with Flow("f") as flow:
        noted = note(1)
    assert type(flow.run().result[noted]).__name__ == "Success"
    flow.run()
    assert ran == [1, 1]


def test_a_target_is_the_place_of_a_copy_of_the_result(tmp_path) -> None:
    """1.14: `target` with `result`: a copy of the result is kept at the target."""
    from prefect import Task
    from prefect.engine.results import LocalResult

    given = LocalResult(dir=str(tmp_path))
    kept = Task(result=given, target="there.txt")
    assert kept.target == "there.txt"
    assert kept.result is not given
    assert kept.result.location == "there.txt"
    assert given.location is None
    with pytest.warns(UserWarning):
        both = Task(result=LocalResult(dir=str(tmp_path), location="here.txt"), target="there.txt")
    assert both.result.location == "there.txt"


def test_handlers_are_a_sequence_and_on_failure_is_one_more() -> None:
    """1.15: a handler that stands alone is a TypeError; `on_failure(task, state)` hears of failures."""
    from prefect import Flow, Task, task

    heard: list[Any] = []

    def handler(task, old, new):
        heard.append((type(old).__name__, type(new).__name__))
        return new

    @task(
        state_handlers=[handler],
        on_failure=lambda task, state: heard.append((task.name, str(state.result))),
    )
    def fail():
        raise ValueError("no")

    with Flow("f") as flow:
        fail()
    flow.run()
    assert heard == [("Pending", "Running"), ("Running", "Failed"), ("fail", "no")]
    with pytest.raises(TypeError):
        Task(state_handlers=handler)


def test_what_a_task_prints_goes_to_its_log_if_it_asks(caplog) -> None:
    """1.16: `log_stdout` sends what is printed to the task's logger, at INFO."""
    from prefect import Flow, task

    caplog.set_level(logging.INFO)

    @task(log_stdout=True)
    def speak():
        print("hello")

    @task
    def mutter():
        print("hm")

    with Flow("f") as flow:
        speak()
        mutter()
    flow.run()
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said.count(("INFO", "hello")) == 1
    assert "hm" not in [message for _, message in said]


def test_a_task_run_has_a_name_made_of_its_inputs() -> None:
    """1.17: a template, or a callable, of inputs, context and parameters; it is in the context."""
    import prefect
    from prefect import Flow, Parameter, task

    @task(task_run_name="{x} of {flow_name} by {who}")
    def template(x):
        return prefect.context.task_run_name

    @task(task_run_name=lambda **values: f"<{values['x']}>")
    def called(x):
        return prefect.context.task_run_name

    with Flow("nightly") as flow:
        first, second = template(1), called(2)
        flow.add_task(Parameter("who", default="me"))
    state = flow.run()
    assert state.result[first].result == "1 of nightly by me"
    assert state.result[second].result == "<2>"


def test_a_task_that_says_how_many_results_it_has_can_be_taken_apart() -> None:
    """1.18: `nout`, also from the annotation, makes GetItem tasks; without it a task is not iterable."""
    from prefect import Flow, task

    @task(nout=2)
    def said():
        return 1, 2

    @task
    def annotated() -> Tuple[int, int]:  # noqa: UP006
        return 3, 4

    @task
    def nothing():
        return 5, 6

    with Flow("f") as flow:
        one, two = said()
        three, four = annotated()
        with pytest.raises(TypeError):
            _five, _six = nothing()
    state = flow.run()
    assert [state.result[item].result for item in (one, two, three, four)] == [1, 2, 3, 4]
    assert (one.name, four.name) == ("said[0]", "annotated[1]")


def test_how_many_results_is_read_from_the_annotation_where_that_says_it() -> None:
    """1.18: `Tuple[()]` has none; a bare or variadic Tuple does not say; a mapped task is one list."""
    from prefect import Flow, task

    def none() -> Tuple[()]: ...  # noqa: UP006
    def bare() -> Tuple: ...  # noqa: UP006
    def many() -> Tuple[int, ...]: ...  # noqa: UP006

    @task(nout=2)
    def two(x):
        return x, x

    assert [task(function).nout for function in (none, bare, many)] == [0, None, None]
    with Flow("f"):
        assert two.map([1, 2]).nout is None


def test_run_is_a_plain_call() -> None:
    """1.19: `task.run(...)` needs no flow and no engine, and raises what the function raises."""
    from prefect import task

    @task
    def divide(x, y=2):
        return x / y

    assert divide.run(6) == 3
    with pytest.raises(ZeroDivisionError):
        divide.run(1, y=0)


def test_a_call_adds_a_copy_to_the_flow() -> None:
    """1.20: each call is a task of its own; the one that was defined stays out."""
    from prefect import Flow, task

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        first = double(1)
        second = double(first)
    assert flow.tasks == {first, second}
    assert double not in flow.tasks
    assert flow.run().result[second].result == 4


def test_a_call_is_checked_at_once_and_needs_a_flow() -> None:
    """1.20: arguments that do not fit are a TypeError, a call outside a flow a ValueError that says why."""
    from prefect import Flow, task

    @task
    def double(x):
        return 2 * x

    for arguments, keywords in (((), {}), ((1, 2), {}), ((), {"y": 1})):
        with pytest.raises(TypeError):
            double(*arguments, flow=Flow("f"), **keywords)
    with pytest.raises(ValueError, match=r"\.run\("):
        double(1)


def test_bind_adds_the_task_itself() -> None:
    """1.21: as a call, without a copy; binding again replaces the constant."""
    from prefect import Flow, task

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        assert double.bind(1) is double
        double.bind(x=4)
    assert flow.tasks == {double}
    assert flow.run().result[double].result == 8


def test_a_call_can_give_its_copy_other_attributes() -> None:
    """1.22: `task_args` sets attributes of the copy, unites tags, and takes no unknown ones."""
    from prefect import Flow, task

    @task(tags=["a"])
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        named = double(1, task_args={"name": "twice", "tags": ["b"]})
        mapped = double.map([1, 2], task_args={"name": "each"})
        with pytest.raises(AttributeError):
            double(1, task_args={"no_such": 1})
    assert (named.name, named.tags) == ("twice", {"a", "b"})
    assert (double.name, double.tags) == ("double", {"a"})
    assert flow.run().result[mapped].result == [2, 4]
    assert mapped.name == "each"


def test_a_call_can_wait_for_what_it_takes_nothing_from() -> None:
    """1.23: `upstream_tasks` are edges without a key, from tasks or from any object."""
    from prefect import Flow, task

    order: list[str] = []

    @task
    def note(word):
        order.append(word)

    with Flow("f") as flow:
        last = note("last", upstream_tasks=[note("first"), 5])
    assert {(edge.upstream_task.name, edge.key) for edge in flow.edges_to(last)} == {
        ("note", None),
        ("5", None),
    }
    assert flow.run().is_successful()
    assert order == ["first", "last"]


def test_a_copy_is_another_task_with_another_slug() -> None:
    """1.24: a shallow copy; a slug gets `-copy`; one whose original has edges already is warned of."""
    from prefect import Flow, task

    @task(slug="s")
    def double(x):
        return 2 * x

    copy = double.copy(name="other")
    assert (copy.slug, copy.name, double.name) == ("s-copy", "other", "double")
    assert copy != double
    with Flow("f") as flow:
        double.bind(double.copy(slug="t").bind(1))
        with pytest.warns(UserWarning, match="copy"):
            third = double.copy()
        third.bind(2)
    assert len(flow.tasks) == 3
    assert flow.slugs[third] == "s-copy"


def test_upstream_and_downstream_can_be_set_one_by_one() -> None:
    """1.25: both return the task; with a key the result is passed on; without a flow a ValueError."""
    from prefect import Flow, Task, task

    @task
    def one():
        return 1

    @task
    def double(x):
        return 2 * x

    class End(Task):
        def run(self): ...

    end = End()
    with Flow("f") as flow:
        assert double.set_upstream(one, key="x") is double
        assert double.set_downstream(end) is double
    assert {(e.upstream_task, e.downstream_task, e.key) for e in flow.edges} == {
        (one, double, "x"),
        (double, end, None),
    }
    assert flow.run().result[double].result == 2
    with pytest.raises(ValueError):
        end.set_upstream(one)


def test_all_dependencies_can_be_set_at_once() -> None:
    """1.26: `task.set_dependencies` takes upstream, downstream and keyword tasks."""
    from prefect import Flow, Task, task

    @task
    def add(x, y):
        return x + y

    class Step(Task):
        def run(self):
            return 1

    before, after, x = Step(name="before"), Step(name="after"), Step(name="x")
    flow = Flow("f")
    add.set_dependencies(
        flow, upstream_tasks=[before], downstream_tasks=[after], keyword_tasks={"x": x, "y": 5}
    )
    assert {(e.upstream_task.name, e.downstream_task.name, e.key) for e in flow.edges} == {
        ("before", "add", None),
        ("add", "after", None),
        ("x", "add", "x"),
    }
    assert flow.run().result[add].result == 6


def test_tasks_can_be_piped() -> None:
    """1.27: `a.pipe(b, **more)` is `b(a, **more)`; annotations too; no keyword named `self`."""
    from prefect import Flow, mapped, task

    @task
    def numbers():
        return [1, 2]

    @task
    def count(items):
        return len(items)

    @task
    def add(x, y=10):
        return x + y

    with Flow("f") as flow:
        same = numbers()
        assert same.pipe(mapped) is same
        each = same.pipe(count).pipe(add, y=mapped([5, 6]))
        total = numbers().pipe(count).pipe(add)
        with pytest.raises(ValueError, match="self"):
            numbers().pipe(add, self=1)
    state = flow.run()
    assert state.result[each].result == [7, 8]
    assert state.result[total].result == 12


def test_a_task_tells_its_inputs_and_outputs() -> None:
    """1.28: type, default and need of each argument, and the type of the result."""
    from prefect import task

    def add(x, y=2):
        return x + y

    add.__annotations__ = {"x": int, "return": str}
    assert set(task(add).inputs()) == {"x", "y"}
    x, y = task(add).inputs()["x"], task(add).inputs()["y"]
    assert (x["type"], x["required"]) == (int, True)
    assert (y["required"], y["default"]) == (False, 2)
    assert task(add).outputs() is str


def test_the_signature_of_a_task_has_what_a_call_takes_more() -> None:
    """1.29: the arguments of `run`, then mapped, task_args, upstream_tasks and flow."""
    from prefect import task

    @task
    def add(x, y=2): ...

    names = set(inspect.signature(add).parameters)
    assert names == {"x", "y", "mapped", "task_args", "upstream_tasks", "flow"}


def test_what_a_call_leaves_out_comes_from_the_tasks_attributes() -> None:
    """1.30: `defaults_from_attrs` fills what is missing; None that is given is given."""
    from prefect import Flow, Task
    from prefect.utilities.tasks import defaults_from_attrs

    class Greet(Task):
        def __init__(self, word=None, **options):
            self.word = word
            super().__init__(**options)

        @defaults_from_attrs("word")
        def run(self, word=None):
            return word

    greet = Greet("hello")
    with Flow("f") as flow:
        own, other, none = greet(), greet(word="bye"), greet(word=None)
    state = flow.run()
    assert [state.result[t].result for t in (own, other, none)] == ["hello", "bye", None]


def test_tasks_that_are_made_in_a_flow_and_not_used_are_warned_of() -> None:
    """1.31: one warning when the flow is left."""
    from prefect import Flow, Parameter, Task

    with pytest.warns(UserWarning, match="not part of the flow") as warned, Flow("f") as flow:
        Parameter("unused", default=1)
        Task(name="unused too")
    assert len(warned) == 1
    assert flow.tasks == set()


def test_a_task_is_itself_only_and_always_true() -> None:
    """1.32: equality is identity, the hash follows it; a script of classic may say `if task:`."""
    from prefect import Flow, task

    @task
    def none(): ...

    with Flow("f") as flow:
        first, second = none(), none()
        assert first
    assert first == first
    assert first != second
    assert len({first, second}) == 2
    assert flow.run().result[first].result is None
