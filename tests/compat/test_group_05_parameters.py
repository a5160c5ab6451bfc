"""Group 5 of classic's rules, parameters, as whole flows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

UTC = timezone.utc  # noqa: UP017 - `datetime.UTC` is younger than classic


def test_a_parameter_is_a_root_whose_slug_is_its_name() -> None:
    """5.1: required where there is no default, and None is one; no two of one name; never downstream."""
    from prefect import Flow, Parameter, task

    @task
    def pair(a, b):
        return a, b

    with Flow("f") as flow:
        a, b = Parameter("a", tags=["t"]), Parameter("b", default=None)
        both = pair(a, b)
    assert (a.required, b.required) == (True, False)
    assert (flow.slugs[a], flow.root_tasks(), a.tags) == ("a", {a, b}, {"t"})
    assert flow.run(a=1).result[both].result == (1, None)
    with pytest.raises(ValueError):
        flow.add_task(Parameter("a"))
    with pytest.raises(ValueError):
        flow.add_edge(both, a)


def test_a_default_can_be_required_and_a_need_be_waived() -> None:
    """5.1: `required` says whether the run must be given it."""
    from prefect import Flow, Parameter, task

    @task
    def keep(x):
        return x

    with Flow("f") as flow:
        kept = keep(Parameter("p", required=False))
    assert flow.run().result[kept].result is None
    with Flow("g") as flow:
        kept = keep(Parameter("p", default=1, required=True))
    with pytest.raises(ValueError):
        flow.run()
    assert flow.run(p=2).result[kept].result == 2


def test_a_parameter_joins_by_use() -> None:
    """5.2: as an input, by a call or by `add_task`; a call takes no arguments."""
    from prefect import Flow, Parameter

    with Flow("f") as flow:
        used = Parameter("used", default=1)
        used + 1
        called = Parameter("called", default=1)()
        added = flow.add_task(Parameter("added", default=1))
    assert flow.parameters() == {used, called, added}
    for keywords in ({"mapped": True}, {"task_args": {"name": "n"}}, {"upstream_tasks": [called]}):
        with pytest.raises(TypeError):
            added(flow=flow, **keywords)
    assert flow.run().is_successful()


def test_a_parameter_may_be_anything() -> None:
    """5.3: any object, even one that cannot be pickled."""
    from prefect import Flow, Parameter, task

    @task
    def call(function):
        return function()

    with Flow("f") as flow:
        called = call(Parameter("p"))
    assert flow.run(p=lambda: 5).result[called].result == 5


def test_the_context_has_all_parameters() -> None:
    """5.4: defaults and values together; a value that is passed beats one in the context."""
    import prefect
    from prefect import Flow, Parameter, task

    @task
    def told():
        return dict(prefect.context.parameters)

    with Flow("f") as flow:
        for name in "abc":
            Parameter(name, default=0)()
        all_ = told()
    state = flow.run(parameters={"a": 1}, context={"parameters": {"a": 5, "b": 2}})
    assert state.result[all_].result == {"a": 1, "b": 2, "c": 0}


def test_a_copy_has_a_name_of_its_own() -> None:
    """5.5: `p.copy("new")`; the name is needed."""
    from prefect import Flow, Parameter

    p = Parameter("p", default=2)
    with Flow("f") as flow:
        total = p + p.copy("q")
    assert {p.name for p in flow.parameters()} == {"p", "q"}
    assert flow.run(q=5).result[total].result == 7
    with pytest.raises(TypeError):
        p.copy()


def test_a_moment_is_read_from_text() -> None:
    """5.6: `DateTimeParameter` takes text or a datetime, and keeps None; it is required by default."""
    from prefect import Flow
    from prefect.core.parameter import DateTimeParameter

    with Flow("f") as flow:
        when = DateTimeParameter("when", required=False)()
    day = datetime(2020, 1, 2, tzinfo=UTC)
    assert flow.run(when="2020-01-02").result[when].result == day
    assert flow.run(when=day).result[when].result == day
    assert flow.run(when=None).result[when].result is None
    assert DateTimeParameter("needed").required is True


def test_a_clock_may_set_parameters_for_its_runs() -> None:
    """5.7: an event's defaults beat what the call says, for that run."""
    from prefect import Flow, Parameter, task
    from prefect.schedules import Schedule
    from prefect.schedules.clocks import DatesClock

    seen: list[int] = []

    @task
    def note(x):
        seen.append(x)

    now = datetime.now(UTC)
    clocks = [
        DatesClock([now + timedelta(seconds=0.3)], parameter_defaults={"p": 5}),
        DatesClock([now + timedelta(seconds=0.6)]),
    ]
    with Flow("f", schedule=Schedule(clocks=clocks)) as flow:
        note(Parameter("p", default=1))
    flow.run(p=2, run_on_schedule=True)
    assert seen == [5, 2]
