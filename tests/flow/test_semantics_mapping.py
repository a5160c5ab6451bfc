"""What comes out of mapped tasks: widths, children, flattening, reducing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.engine.context import context
from flowkit.engine.signals import FAIL, SKIP
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import flatten, mapped, unmapped
from flowkit.flow.task import Task, task
from flowkit.plan.state import Failed, Mapped, Skipped, State, Success, TriggerFailed

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def pair(x: Any, y: Any) -> Any:
    return x, y


@task
def end(how: Any) -> Any:
    """Ends as it is told; gives anything else."""
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


def kinds(state: State) -> list[type[State]]:
    """How the children ended."""
    assert isinstance(state, Mapped)
    assert [child.result for child in state.map_states] == state.result
    return [type(child) for child in state.map_states]


# -- width --------------------------------------------------------------------------------------

lists = st.lists(st.integers(), max_size=6)


@given(lists, lists, st.booleans(), st.booleans())
def test_children_go_in_step_to_the_shortest(
    run_inline: Run, xs: list[int], ys: list[int], computed: bool, twice: bool
) -> None:
    def build() -> Task:
        first: Any = give(xs) if computed else xs
        second: Any = give.map(ys) if twice else ys
        return pair.map(first, second)  # type: ignore[no-any-return]

    state = ended(run_inline, build)
    assert type(state) is Mapped and state.is_successful()
    assert state.result == list(zip(xs, ys, strict=False))
    assert kinds(state) == [Success] * min(len(xs), len(ys))


def test_a_map_over_nothing_is_a_success_without_children(run: Run) -> None:
    with Flow("f") as flow:
        none = give.map(give([]))
        reduced = give(none)
        again = give.map(none)
    state = run(flow)
    assert state.is_successful()
    assert state.result[none].map_states == [] and state.result[none].result == []
    assert state.result[reduced].result == []
    assert type(state.result[again]) is Mapped


@pytest.mark.parametrize("value", [[1, 2], (1, 2), "ab", range(2), b"ab", [None, None]])
def test_whatever_has_a_length_and_elements_can_be_mapped_over(run: Run, value: Any) -> None:
    assert ended(run, lambda: give.map(give(value))).result == list(value)
    assert ended(run, lambda: give.map(value)).result == list(value)


@pytest.mark.parametrize("value", [{"a": 1}, {}, {1, 2}, 5, None, iter([1]), (n for n in range(2))])
def test_a_result_that_cannot_be_mapped_over_fails_and_is_not_used_up(run: Run, value: Any) -> None:
    with Flow("f") as flow:
        source = task(lambda: value)()
        made = give.map(source)
        reduced = give(made)
    result = run(flow).result
    assert type(result[made]) is Failed
    assert result[made].message.startswith("At least one upstream state has an unmappable result: that of `")
    assert type(result[reduced]) is TriggerFailed
    assert result[source].result is value


# -- children -----------------------------------------------------------------------------------


def test_a_child_fails_for_itself_and_those_that_follow_it(run: Run) -> None:
    with Flow("f") as flow:
        first = end.map(["a", "fail", "c"])
        second = give.map(first)
        third = give.map(second)
    state = run(flow)
    assert state.is_failed()
    assert type(state.result[first]) is Mapped and state.result[first].is_successful()
    assert kinds(state.result[first]) == [Success, Failed, Success]
    assert isinstance(state.result[first].result[1], ValueError)
    for follower in (second, third):
        assert kinds(state.result[follower]) == [Success, TriggerFailed, Success]
        assert state.result[follower].result[::2] == ["a", "c"]


def test_a_child_is_skipped_for_itself_and_those_that_follow_it(run: Run) -> None:
    with Flow("f") as flow:
        first = end.map(["a", "skip", "c"])
        second = give.map(first)
    state = run(flow)
    assert state.is_successful()
    assert kinds(state.result[second]) == [Success, Skipped, Success]
    assert state.result[second].result == ["a", None, "c"]


def test_each_child_is_retried_for_itself(run: Run) -> None:
    attempts: dict[int, int] = {}

    @task(max_retries=3, retry_delay=0)
    def flaky(number: int) -> int:
        attempts[number] = context.task_run_count
        if context.task_run_count <= number:
            raise ValueError
        return number

    state = ended(run, lambda: flaky.map(range(5)))
    assert attempts == {0: 1, 1: 2, 2: 3, 3: 4, 4: 4}
    assert kinds(state) == [Success] * 4 + [Failed]


def test_a_child_knows_its_index(run: Run) -> None:
    state = ended(run, lambda: task(lambda x: (context.map_index, context.task_full_name)).map("ab"))
    assert state.result == [(0, "<lambda>[0]"), (1, "<lambda>[1]")]


def test_a_child_does_not_wait_for_the_others(run_threads: Run) -> None:
    reached = threading.Event()

    @task
    def first(number: int) -> int:
        assert number == 0 or reached.wait(10)
        return number

    @task
    def second(number: int) -> None:
        reached.set()

    with Flow("f") as flow:
        second.map(first.map([0, 1, 2]))
    assert run_threads(flow).is_successful()


@given(st.lists(st.sampled_from(["ok", "fail", "skip"]), max_size=5))
def test_a_run_is_as_good_as_the_children_of_a_reference_task(run_inline: Run, hows: list[str]) -> None:
    with Flow("f") as flow:
        end.map(hows)
    assert run_inline(flow).is_successful() == ("fail" not in hows)


# -- what is mapped over ends otherwise ---------------------------------------------------------


@pytest.mark.parametrize("trigger", ["all_successful", "always_run", lambda states: True])
@pytest.mark.parametrize("flat", [False, True])
def test_a_failure_cannot_be_mapped_over_whatever_the_trigger(run: Run, trigger: Any, flat: bool) -> None:
    def build() -> Task:
        bad = end("fail")
        return give.copy(trigger=trigger).map(flatten(bad) if flat else bad)  # type: ignore[no-any-return]

    state = ended(run, build)
    assert type(state) is Failed
    assert state.message == "No upstream states can be mapped over."


def test_a_skip_is_mapped_over_as_a_skip(run: Run) -> None:
    assert type(ended(run, lambda: give.map(end("skip")))) is Skipped
    assert type(ended(run, lambda: give.map(give.map(end("skip"))))) is Skipped


def test_a_skip_that_is_not_passed_on_has_nothing_to_map_over(run: Run) -> None:
    assert type(ended(run, lambda: give.copy(skip_on_upstream_skip=False).map(end("skip")))) is Failed


def test_a_failure_elsewhere_fails_each_child(run: Run) -> None:
    state = ended(run, lambda: pair.map([1, 2], unmapped(end("fail"))))
    assert kinds(state) == [TriggerFailed, TriggerFailed]


def test_a_skip_elsewhere_skips_the_whole(run: Run) -> None:
    assert type(ended(run, lambda: pair.map([1, 2], unmapped(end("skip"))))) is Skipped


def test_a_trigger_is_asked_for_each_child(run: Run) -> None:
    state = ended(run, lambda: give.copy(trigger="any_failed").map(end.map(["ok", "fail"])))
    assert kinds(state) == [TriggerFailed, Success]
    assert isinstance(state.result[1], ValueError)


def test_a_trigger_of_the_user_s_sees_the_states_of_its_child(run: Run) -> None:
    def only_skips(states: Any) -> bool:
        return all(state.is_skipped() for state in states.values())

    made = give.copy(trigger=only_skips, skip_on_upstream_skip=False)
    assert kinds(ended(run, lambda: made.map(end.map(["a", "skip"])))) == [TriggerFailed, Success]


# -- unmapped -----------------------------------------------------------------------------------


def test_unmapped_gives_the_whole_value_to_each_child(run: Run) -> None:
    assert ended(run, lambda: pair.map([1, 2], unmapped([3, 4]))).result == [(1, [3, 4]), (2, [3, 4])]
    assert ended(run, lambda: pair.map([1, 2], unmapped(give([3])))).result == [(1, [3]), (2, [3])]


def test_unmapped_gives_the_list_of_a_mapped_task(run: Run) -> None:
    with Flow("f") as flow:
        xs = give.map([1, 2])
        both = pair.map(xs, unmapped(xs))
        again = pair.map(unmapped(xs), [7])
    result = run(flow).result
    assert result[both].result == [(1, [1, 2]), (2, [1, 2])]
    assert result[again].result == [([1, 2], 7)]


def test_a_map_with_nothing_mapped_is_a_plain_run(run: Run) -> None:
    state = ended(run, lambda: give.map(unmapped([1, 2])))
    assert type(state) is Success and state.result == [1, 2]
    assert type(ended(run, lambda: give.map())) is Success


def test_mapped_spreads_one_argument(run: Run) -> None:
    assert ended(run, lambda: pair(mapped([1, 2]), [3])).result == [(1, [3]), (2, [3])]


def test_a_map_over_states_alone_runs_once_an_element(run: Run) -> None:
    state = ended(run, lambda: give.map(upstream_tasks=[give([1, 2, 3])]))
    assert state.result == [None, None, None]
    state = ended(run, lambda: give.map(upstream_tasks=[end.map(["a", "fail"])]))
    assert kinds(state) == [Success, TriggerFailed]


def test_a_collection_of_results_is_mapped_over(run: Run) -> None:
    assert ended(run, lambda: give.map([give(1), give([2]), 3])).result == [1, [2], 3]


# -- reducing -----------------------------------------------------------------------------------


def test_a_reducer_is_given_the_list(run: Run) -> None:
    assert ended(run, lambda: give(give.map([1, 2]))).result == [1, 2]
    assert ended(run, lambda: give({"k": give.map([1, 2])})).result == {"k": [1, 2]}


def test_each_reducer_has_a_list_of_its_own(run: Run) -> None:
    with Flow("f") as flow:
        xs = give.map([1, 2])
        first, second = give(xs), give(xs)
    result = run(flow).result
    assert result[first].result == result[second].result
    assert result[first].result is not result[second].result


def test_a_reducer_sees_every_child(run: Run) -> None:
    assert type(ended(run, lambda: give(end.map(["a", "fail"])))) is TriggerFailed
    assert type(ended(run, lambda: give(end.map(["a", "skip"])))) is Skipped
    assert type(ended(run, lambda: give(end.map(["skip", "fail"])))) is TriggerFailed


def test_a_reducer_may_take_what_there_is(run: Run) -> None:
    state = ended(run, lambda: give.copy(trigger="any_successful")(end.map(["a", "fail", "c"])))
    assert state.result[::2] == ["a", "c"]
    assert isinstance(state.result[1], ValueError)
    state = ended(run, lambda: give.copy(skip_on_upstream_skip=False)(end.map(["a", "skip"])))
    assert state.result[0] == "a" and isinstance(state.result[1], SKIP)


# -- flatten ------------------------------------------------------------------------------------

NESTED = [[1, 2], [], (3,), {4}]
FLAT = [1, 2, 3, 4]


@pytest.mark.parametrize(
    "source",
    [lambda: NESTED, lambda: give(NESTED), lambda: give.map(NESTED), lambda: [give([1, 2]), [], (3,), {4}]],
    ids=["constant", "result", "children", "collection"],
)
def test_flatten_takes_out_one_level_wherever_it_comes_from(run: Run, source: Callable[[], Any]) -> None:
    assert ended(run, lambda: give.map(flatten(source()))).result == FLAT
    assert ended(run, lambda: give(flatten(source()))).result == FLAT
    assert ended(run, lambda: pair.map([8, 9], unmapped(flatten(source())))).result == [(8, FLAT), (9, FLAT)]
    assert ended(run, lambda: pair.map(flatten(source()), "abc")).result == [(1, "a"), (2, "b"), (3, "c")]


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=4), st.booleans())
def test_flatten_maps_over_the_elements_of_the_elements(
    run_inline: Run, values: list[list[int]], spread: bool
) -> None:
    state = ended(run_inline, lambda: give.map(flatten(give.map(values) if spread else give(values))))
    assert state.result == [element for inner in values for element in inner]


def test_flatten_takes_out_one_level_only(run: Run) -> None:
    deep = [[[1], [2]], [[3]]]
    assert ended(run, lambda: give.map(flatten(deep))).result == [[1], [2], [3]]
    assert ended(run, lambda: give.map(flatten(give.map(flatten(deep))))).result == [1, 2, 3]


def test_a_value_with_an_element_that_has_none_is_not_flattened(run: Run) -> None:
    mixed = [[1], 2, "ab"]
    assert ended(run, lambda: give.map(flatten(mixed))).result == mixed
    assert ended(run, lambda: give(flatten(mixed))).result == mixed
    assert ended(run, lambda: give.map(flatten(give(mixed)))).result == mixed
    assert ended(run, lambda: give(flatten(give(mixed)))).result == mixed


def test_children_are_flattened_each_by_itself(run: Run) -> None:
    mixed = [[1], 2, "ab"]
    assert ended(run, lambda: give.map(flatten(give.map(mixed)))).result == [1, 2, "a", "b"]
    assert ended(run, lambda: give(flatten(give.map(mixed)))).result == [1, 2, "a", "b"]


def test_flatten_does_not_use_up_a_generator(run: Run) -> None:
    generator = iter([1, 2])
    assert ended(run, lambda: give.map(flatten(task(lambda: [generator, [3]])()))).result == [generator, [3]]
    assert list(generator) == [1, 2]


def test_flatten_twice_is_flatten_once_as_in_classic(run: Run) -> None:
    assert ended(run, lambda: give(flatten(flatten([[[1]], [[2, 3]]])))).result == [[1], [2, 3]]


@pytest.mark.parametrize("value", [5, None])
def test_what_has_no_elements_cannot_be_mapped_over_flattened(run: Run, value: Any) -> None:
    assert type(ended(run, lambda: give.map(flatten(give(value))))) is Failed
    assert ended(run, lambda: give(flatten(give(value)))).result == value


def test_a_flattened_child_that_failed_or_was_skipped_is_one_element_with_its_state(run: Run) -> None:
    with Flow("f") as flow:
        children = task(lambda how: end.run(how) and [how, how]).map(["a", "fail", "skip", "d"])
        each = give.map(flatten(children))
    state = run(flow).result[each]
    assert kinds(state) == [Success, Success, TriggerFailed, Skipped, Success, Success]
    assert state.result[:2] + state.result[4:] == ["a", "a", "d", "d"]


class SizedError(Exception):
    """An exception that has elements, which is not a reason to spread it."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Any:
        return iter("xyz")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (lambda: SKIP(result=["x", "y", "z"]), Skipped),
        (lambda: FAIL(result=["x", "y", "z"]), TriggerFailed),
        (SizedError, TriggerFailed),
    ],
)
def test_the_result_of_a_flattened_child_that_did_not_succeed_is_not_spread(
    run: Run, error: Callable[[], BaseException], kind: type[State]
) -> None:
    @task
    def first(number: int) -> list[int]:
        if not number:
            raise error()
        return [4, 5]

    state = ended(run, lambda: give.map(flatten(first.map([0, 1]))))
    assert kinds(state) == [kind, Success, Success]
    assert state.result[1:] == [4, 5]


def test_a_flattened_reducer_sees_every_child(run: Run) -> None:
    assert type(ended(run, lambda: give(flatten(end.map([[1], "fail"]))))) is TriggerFailed
    assert type(ended(run, lambda: give(flatten(end.map([[1], "skip"]))))) is Skipped


def test_ten_thousand_children_come_out_in_order(run: Run) -> None:
    with Flow("f") as flow:
        made = give.map(give.map(give(range(10_000))))
        total = give(made)
    assert run(flow).result[total].result == list(range(10_000))
