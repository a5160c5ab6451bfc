"""What a project remembers of its runs: every attempt once, what was asked for, and what was not kept."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_place import Place, Session

from flowkit import Flow, Parameter, case, merge, task
from flowkit.engine.signals import RETRY, SKIP
from flowkit.errors import RegistryError
from flowkit.executors import ThreadExecutor
from flowkit.plan.status import CACHED, EXPANDED, SUCCESS


@task(persist=False)
def unkept(value: Any) -> Any:
    return value


@task
def kept(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "value", [4242424242, 1.2345678, "a short text", ["a list"], b"bytes" * 50_000], ids=type
)
def test_of_a_task_that_keeps_nothing_nothing_is_kept(place: Place, value: Any) -> None:
    with Flow("unkept") as flow:
        unkept(Parameter("value"))
    session = place.run(flow, value=value)
    assert session.value("unkept") == value
    memory = place.memory()
    [uid] = memory.connection.execute("SELECT uid FROM runs").fetchone()
    assert not memory.past(1, uid).stored(session.outcome.plan.keys.index("unkept"), -1).is_kept
    memory.close()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=5,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(value=values)
def test_a_result_and_a_parameter_come_back_as_they_were(place: Place, value: Any) -> None:
    @task
    def last(value: Any) -> Any:
        if "BROKEN" in os.environ:
            raise ValueError("broken")
        return [value]

    with Flow("values") as flow:
        last(kept(Parameter("value", default=None)))
    os.environ["BROKEN"] = "yes"
    session = place.run(flow, value=value)
    del os.environ["BROKEN"]
    assert session.outcome.broken is None
    memory = place.memory()
    [uid] = memory.connection.execute("SELECT uid FROM runs WHERE number=?", (session.number,)).fetchone()
    past = memory.past(session.number, uid)
    given = memory.results.loaded(past.parameters()["value"])
    made = past.value(session.outcome.plan.keys.index("kept"), -1)
    memory.close()
    for found in (given, made):
        assert type(found) is type(value)
        assert _shown(found) == _shown(value)


def test_a_number_too_long_to_be_written_as_text_comes_back_too(place: Place) -> None:
    with Flow("long") as flow:
        kept([kept(1 << 20_000)])
    session = place.run(flow)
    assert session.outcome.broken is None
    assert place.resume(flow, forced=["kept-2"]).value("kept-2") == [1 << 20_000]


def _shown(value: Any) -> str:
    """As text, as NaN is not equal to itself and a long number has none."""
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({', '.join(map(_shown, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_shown(each)}' for key, each in value.items())}}}"
    return repr(value)


def test_a_folder_that_others_can_write_is_refused(place: Place) -> None:
    place.folder.mkdir(mode=0o700)
    place.folder.chmod(0o777)
    with pytest.raises(RegistryError):
        place.memory()


# -- every attempt ------------------------------------------------------------------------------


@task(max_retries=2, retry_delay=0)
def does(what: list[str], child: int = 0) -> list[int]:
    """Its attempts do what they are told, one after another; the last one again and again."""
    import flowkit

    number = flowkit.context.task_run_count
    told = what[min(number, len(what)) - 1]
    if told == "fail":
        raise ValueError("told to")
    if told == "skip":
        raise SKIP("told to")
    if told == "retry" and number < 3:
        raise RETRY("told to", after=0)
    return [number, child]


@task(cache=True)
def found(value: Any) -> Any:
    return value


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    told = st.lists(st.sampled_from(["fail", "skip", "retry", "give", "give"]), min_size=1, max_size=3)
    with Flow("drawn") as flow:
        made: list[Any] = [does(draw(told))]
        for _ in range(draw(st.integers(0, 5))):
            upstream = made[draw(st.integers(0, len(made) - 1))]
            kind = draw(st.sampled_from(["after", "map", "over", "gate", "cached", "always"]))
            if kind == "map":
                made.append(does.map([draw(told) for _ in range(draw(st.integers(0, 3)))]))
            elif kind == "over":
                made.append(found.map(upstream))
            elif kind == "gate":
                with case(upstream, [1, 0]):
                    inner = does(draw(told))
                made.append(merge(inner, upstream))
            elif kind == "cached":
                made.append(found(upstream))
            else:
                trigger = "always_run" if kind == "always" else "all_successful"
                made.append(does(draw(told), upstream_tasks=[upstream], task_args={"trigger": trigger}))
    return flow


def check_written(place: Place, session: Session) -> None:
    """The rows of a run say how each task and each child ended, and what it gave is there."""
    machine, plan = session.outcome.engine.machine, session.outcome.plan
    rows = place.rows(
        "SELECT node, child, attempt, status, started, ended FROM attempts WHERE run=?"
        " ORDER BY session, attempt",
        session.number,
    )
    last = {(node, child): status for node, child, attempt, status, _, _ in rows if attempt >= 0}
    expected = {
        (node, -1): status
        for node, status in enumerate(machine.status)
        if node not in plan.known and node not in plan.parameters.values()
    }
    for node, group in machine.groups.items():
        expected.update({(node, child): status for child, status in enumerate(group.states)})
    assert last == expected
    widths = {node for node, _, attempt, status, _, _ in rows if attempt < 0 and status == EXPANDED}
    assert widths == machine.groups.keys()
    assert all(started <= ended for *_, started, ended in rows)
    numbers: dict[tuple[int, int], list[int]] = {}
    for node, child, attempt, *_ in rows:
        if attempt > 0:
            numbers.setdefault((node, child), []).append(attempt)
    assert all(some == list(range(1, len(some) + 1)) for some in numbers.values())
    memory = place.memory()
    [uid] = memory.connection.execute("SELECT uid FROM runs WHERE number=?", (session.number,)).fetchone()
    past = memory.past(session.number, uid)
    for (node, child), status in last.items():
        if status in (SUCCESS, CACHED):
            assert repr(past.value(node, child)) == repr(session.outcome.states.of(node, child).result)
    memory.close()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(flow=flows(), threads=st.booleans())
def test_the_last_row_of_each_task_is_how_it_ended(place: Place, flow: Flow, threads: bool) -> None:
    check_written(place, place.run(flow, executor=ThreadExecutor(3) if threads else None))
