"""What comes out when flows run: values, failures, triggers, skips, reference tasks.

The rules are those of docs/semantics.md. What is retried,
mapped, gated or odd has files of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.engine.signals import FAIL, SKIP, SUCCESS, TRIGGERFAIL
from flowkit.errors import DefinitionError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task
from flowkit.plan import triggers
from flowkit.plan.state import Failed, Skipped, State, Success, TriggerFailed

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def add(x: int, y: int = 1, *, scale: int = 1) -> int:
    return (x + y) * scale


@task
def end(how: str) -> str:
    """Ends as it is told."""
    if how == "fail":
        raise ValueError(how)
    if how == "skip":
        raise SKIP(how)
    return how


def ended(run: Run, build: Callable[[], Task], **parameters: Any) -> State:
    """How the task that `build` makes ends."""
    with Flow("ended") as flow:
        made = build()
    state: State = run(flow, **parameters).result[made]
    return state


# -- values -------------------------------------------------------------------------------------


def test_a_flow_without_tasks_succeeds(run: Run) -> None:
    state = run(Flow("empty"))
    assert state.is_successful() and dict(state.result) == {}


def test_every_task_has_a_state_in_the_result(run: Run) -> None:
    with Flow("f") as flow:
        first = give(1)
        total = add(first, y=2, scale=10)
    state = run(flow)
    assert state.is_successful() and state.message == "All reference tasks succeeded."
    assert set(state.result) == {first, total}
    assert type(state.result[total]) is Success
    assert state.result[total].result == 30
    assert state.result[total].message == "Task run succeeded."
    assert give not in state.result


def test_arguments_go_by_name_however_they_were_given(run: Run) -> None:
    def gather(a: int, b: int = 2, **more: int) -> tuple[Any, ...]:
        return a, b, more

    with Flow("f") as flow:
        first = task(gather)(b=give(1), a=2)
        second = task(gather)(3, z=give(4), y=5)
        third = task(gather)(give(6))
    result = run(flow).result
    assert [result[made].result for made in (first, second, third)] == [
        (2, 1, {}),
        (3, 2, {"z": 4, "y": 5}),
        (6, 2, {}),
    ]


def test_a_task_class_runs_with_what_it_was_made_with(run: Run) -> None:
    class Scale(Task):
        def __init__(self, factor: int) -> None:
            super().__init__()
            self.factor = factor

        def run(self, x: int) -> int:
            return self.factor * x

    assert ended(run, lambda: Scale(3)(give(2))).result == 6


def test_a_coroutine_function_is_a_task(run: Run) -> None:
    @task
    async def double(x: int) -> int:
        return 2 * x

    assert ended(run, lambda: double(give(2))).result == 4


def test_parameters_give_what_the_run_was_given(run: Run) -> None:
    with Flow("f") as flow:
        made = add(Parameter("x"), Parameter("y", default=5))
    assert run(flow, x=1, y=2).result[made].result == 3
    assert run(flow, x=1).result[made].result == 6


def test_an_order_without_data_is_kept(run: Run) -> None:
    seen: list[int] = []

    @task
    def note(number: int) -> None:
        seen.append(number)

    with Flow("f") as flow:
        made = [note(number) for number in range(5)]
        flow.chain(*reversed(made))
    assert run(flow).is_successful()
    assert seen == [4, 3, 2, 1, 0]


def test_a_failed_task_has_its_exception_as_its_result(run: Run) -> None:
    error = ValueError("no rows")

    @task
    def fail() -> None:
        raise error

    state = ended(run, fail)
    assert type(state) is Failed
    assert state.result is error
    assert state.message == "Error during execution of task: ValueError('no rows')"


def test_what_depends_on_a_failure_is_not_run_and_the_rest_is(run: Run) -> None:
    with Flow("f") as flow:
        bad = end("fail")
        behind = give(bad)
        beside = give(1)
    state = run(flow)
    assert type(state) is Failed and state.message == "Some reference tasks failed."
    assert type(state.result[behind]) is TriggerFailed
    assert "all_successful" in str(state.result[behind].message)
    assert state.result[beside].is_successful()


def test_a_flow_with_a_cycle_or_an_unknown_trigger_is_refused_before_anything_runs(run: Run) -> None:
    seen: list[int] = []
    with Flow("f") as flow:
        task(lambda: seen.append(1))()
        first, second = give(), give()
        flow.chain(first, second, first)
    with pytest.raises(DefinitionError, match="cycle"):
        run(flow)
    with Flow("g") as flow:
        task(trigger="all_sucessful")(lambda: seen.append(2))()
    with pytest.raises(DefinitionError, match="unknown trigger `all_sucessful`") as refused:
        run(flow)
    assert refused.value.hints == ("did you mean `all_successful`?",)
    assert seen == []


# -- triggers and skips -------------------------------------------------------------------------


def expected_of(trigger: Any, total: int, bad: int, skipped: int) -> bool | None:
    """Whether a task runs, by the table of docs/semantics.md; None: it is skipped."""
    name = getattr(trigger, "name", trigger)
    if name == "not_all_skipped":
        return None if skipped == total else bad == 0
    if name in ("some_successful", "some_failed"):
        count = total - bad if name == "some_successful" else bad
        low, high = (
            (bound * total if bound is not None and 0 < bound < 1 else bound)
            for bound in (trigger.at_least, trigger.at_most)
        )
        return not total or ((low is None or low <= count) and (high is None or count <= high))
    return {
        "all_successful": bad == 0,
        "all_failed": bad == total,
        "any_successful": not total or bad < total,
        "any_failed": not total or bad > 0,
        "all_finished": True,
        "always_run": True,
    }[name]


NAMES = ["all_successful", "all_failed", "any_successful", "any_failed", "all_finished", "always_run"]
TRIGGERS = [
    *NAMES,
    "not_all_skipped",
    triggers.any_failed,
    triggers.some_successful(1),
    triggers.some_successful(0.5, 2),
    triggers.some_failed(at_most=1),
    triggers.some_failed(1.0),
    triggers.some_failed(0.5, 0.75),
]
hows = st.lists(st.sampled_from(["ok", "fail", "skip"]), max_size=5)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
@settings(max_examples=40)
@given(hows=hows, skips=st.booleans(), mapped=st.booleans())
def test_a_trigger_decides_by_how_the_upstreams_ended(
    run_inline: Run, trigger: Any, hows: list[str], skips: bool, mapped: bool
) -> None:
    with Flow("f") as flow:
        upstreams = [end.map(hows)] if mapped else [end(how) for how in hows]
        made = give.copy(trigger=trigger, skip_on_upstream_skip=skips)(1, upstream_tasks=upstreams)
    state = run_inline(flow).result[made]
    bad, skipped = hows.count("fail"), hows.count("skip")
    if skips and skipped and not bad:
        assert type(state) is Skipped and state.message == "An upstream was skipped."
        return
    # The argument that is a constant counts as an upstream that succeeded, as in Prefect classic.
    expected = expected_of(trigger, len(hows) + 1, bad, skipped)
    assert type(state) is {True: Success, False: TriggerFailed, None: Skipped}[expected]
    assert state.result == (1 if expected else None) or isinstance(state.result, TRIGGERFAIL)


def test_an_upstream_counts_once_however_many_edges_there_are(run: Run) -> None:
    def build() -> Task:
        bad, good = end("fail"), end("ok")
        made = give.copy(trigger=triggers.some_failed(0.6))
        return made([good, 1], upstream_tasks=[bad, bad, bad, bad])  # type: ignore[no-any-return]

    assert type(ended(run, build)) is TriggerFailed


def test_a_failure_outranks_a_skip(run: Run) -> None:
    state = ended(run, lambda: give([end("skip"), end("fail")]))
    assert type(state) is TriggerFailed


def test_a_skip_goes_on_to_what_depends_on_it(run: Run) -> None:
    with Flow("f") as flow:
        first = end("skip")
        second = give(first)
        third = give.copy(skip_on_upstream_skip=False)(second)
    state = run(flow)
    assert state.is_successful()
    assert [type(state.result[made]) for made in (first, second, third)] == [Skipped, Skipped, Success]
    assert state.result[third].result is None


def test_a_task_that_runs_after_a_failure_is_given_the_exception(run: Run) -> None:
    assert isinstance(ended(run, lambda: give.copy(trigger="always_run")(end("fail"))).result, ValueError)


def test_a_trigger_of_the_user_s_sees_states_by_edge(run: Run) -> None:
    seen: list[Any] = []

    def trigger(states: Any) -> bool:
        seen.extend(
            (edge.upstream.name, edge.key, type(state), state.result) for edge, state in states.items()
        )
        return True

    made = give.copy(trigger=trigger)
    assert ended(run, lambda: made([end("ok"), 1], upstream_tasks=[end("skip")])).is_skipped()
    assert seen == []
    made.skip_on_upstream_skip = False
    assert ended(run, lambda: made(end("ok"), upstream_tasks=[end("skip")])).is_successful()
    assert [each[:3] for each in seen] == [("end", None, Skipped), ("end", "value", Success)]


def test_a_trigger_of_the_user_s_sees_constants_too(run: Run) -> None:
    seen: list[Any] = []

    def trigger(states: Any) -> bool:
        seen.extend((edge.upstream.name, edge.key, state.result) for edge, state in states.items())
        return True

    assert ended(run, lambda: give.copy(trigger=trigger)(5)).is_successful()
    assert seen == [("5", "value", 5)]


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        (lambda states: False, TriggerFailed),
        (lambda states: None, TriggerFailed),
        (lambda states: 1 / 0, TriggerFailed),
        (lambda states: True, Success),
    ],
)
def test_a_trigger_of_the_user_s_refuses_by_its_answer_or_by_raising(
    run: Run, trigger: Any, kind: type[State]
) -> None:
    assert type(ended(run, lambda: give.copy(trigger=trigger)(1))) is kind


@pytest.mark.parametrize(
    ("signal", "kind"), [(SKIP, Skipped), (FAIL, Failed), (SUCCESS, Success), (TRIGGERFAIL, TriggerFailed)]
)
def test_a_trigger_of_the_user_s_may_raise_a_signal(run: Run, signal: Any, kind: type[State]) -> None:
    def trigger(states: Any) -> bool:
        raise signal("from the trigger")

    state = ended(run, lambda: give.copy(trigger=trigger)(1))
    assert type(state) is kind and state.message == "from the trigger"


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def test_a_trigger_that_raises_what_cannot_be_shown_refuses_all_the_same(run: Run) -> None:
    def trigger(states: Any) -> bool:
        raise UnprintableError

    assert type(ended(run, lambda: give.copy(trigger=trigger)(1))) is TriggerFailed


# -- reference tasks ----------------------------------------------------------------------------


def test_the_reference_tasks_decide(run: Run) -> None:
    with Flow("f") as flow:
        bad = end("fail")
        good = give.copy(trigger="always_run")(upstream_tasks=[bad])
    assert run(flow).is_successful()
    flow.set_reference_tasks([bad])
    assert run(flow).is_failed()
    flow.set_reference_tasks([good])
    assert run(flow).is_successful()


def test_a_flow_whose_tasks_were_all_skipped_succeeded(run: Run) -> None:
    with Flow("f") as flow:
        give(end("skip"))
    assert run(flow).is_successful()


def test_a_flow_runs_again_as_before(run: Run) -> None:
    with Flow("f") as flow:
        good, bad = add(give(1), 1), end("fail")
    for _ in range(2):
        state = run(flow)
        assert state.is_failed()
        assert (state.result[good].result, type(state.result[bad])) == (2, Failed)
