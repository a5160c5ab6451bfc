"""Group 6 of classic's rules, mapping, as whole flows."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest


def steps() -> SimpleNamespace:
    """numbers(n) -> [1, …, n]; double(x); keep(x); odd(x) fails for even; unlike(x) skips for even."""
    from prefect import task
    from prefect.engine.signals import SKIP

    @task
    def numbers(n):
        return list(range(1, n + 1))

    @task
    def double(x):
        return 2 * x

    @task
    def keep(x):
        return x

    @task
    def odd(x):
        if x % 2 == 0:
            raise ValueError(x)
        return x

    @task
    def unlike(x):
        if x % 2 == 0:
            raise SKIP("even")
        return x

    return SimpleNamespace(numbers=numbers, double=double, keep=keep, odd=odd, unlike=unlike)


def kinds(states) -> list[str]:
    return [type(state).__name__ for state in states]


def test_all_arguments_of_map_are_mapped() -> None:
    """6.1: positional and by name; what cannot be indexed is a TypeError at once."""
    from prefect import Flow, task

    @task
    def add(x, y):
        return x + y

    s = steps()
    with Flow("f") as flow:
        each = add.map(s.numbers(2), y=[10, 20], task_args={"name": "each"})
        for wrong in ({1, 2}, 5):
            with pytest.raises(TypeError):
                s.double.map(wrong)
    assert each.name == "each"
    assert all(edge.mapped for edge in flow.edges_to(each))
    assert flow.run().result[each].result == [11, 22]


def test_the_width_is_that_of_the_shortest() -> None:
    """6.2: known when it runs; nothing to map over is Mapped, and a success."""
    from prefect import Flow, Parameter, task

    @task
    def add(x, y):
        return x + y

    s = steps()
    with Flow("f") as flow:
        each = add.map(s.numbers(Parameter("n")), [10, 20, 30])
    assert flow.run(n=2).result[each].result == [11, 22]
    assert flow.run(n=9).result[each].result == [11, 22, 33]
    empty = flow.run(n=0)
    assert empty.is_successful()
    assert kinds([empty.result[each]]) == ["Mapped"]
    assert empty.result[each].result == []


def test_what_has_items_can_be_mapped_over() -> None:
    """6.3: lists, tuples, text and ranges can; None and generators fail the task."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        each = [s.keep.map(s.keep(value)) for value in ([1], (2, 3), "ab", range(2))]
        none = s.keep.map(s.keep(None))
    state = flow.run()
    assert [state.result[t].result for t in each] == [[1], [2, 3], ["a", "b"], [0, 1]]
    assert state.result[none].is_failed()
    assert "unmappable" in state.result[none].message


def test_a_dict_cannot_be_mapped_over() -> None:
    """6.3: the run fails."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        s.keep.map(s.keep({"a": 1}))
    assert flow.run().is_failed()


def test_the_parent_is_mapped_and_has_the_states_of_its_children() -> None:
    """6.4: `map_states`; the result is the list of theirs, exceptions included."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        each = s.odd.map([1, 2, 3])
    state = flow.run().result[each]
    assert kinds([state]) == ["Mapped"]
    assert state.is_successful()
    assert kinds(state.map_states) == ["Success", "Failed", "Success"]
    assert state.result[0::2] == [1, 3]
    assert isinstance(state.result[1], ValueError)


def test_a_child_that_fails_takes_only_its_own_chain_with_it() -> None:
    """6.5: siblings go on; the flow fails where the mapped task is a reference task."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        after = s.double.map(s.odd.map([1, 2, 3]))
    state = flow.run()
    assert kinds(state.result[after].map_states) == ["Success", "TriggerFailed", "Success"]
    assert state.is_failed()
    flow.set_reference_tasks(flow.root_tasks())
    assert flow.run().is_successful()


def test_a_child_that_skips_skips_its_own_chain() -> None:
    """6.6: the one that raised it has the signal as result, the next None; the flow succeeds."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        first = s.unlike.map([1, 2])
        after = s.double.map(first)
    state = flow.run()
    assert state.is_successful()
    assert type(state.result[first].result[1]).__name__ == "SKIP"
    assert kinds(state.result[after].map_states) == ["Success", "Skipped"]
    assert state.result[after].result == [2, None]


def test_over_a_failed_task_nothing_can_be_mapped() -> None:
    """6.7: the parent is Failed, whatever its trigger."""
    from prefect import Flow
    from prefect.triggers import always_run

    s = steps()
    with Flow("f") as flow:
        failed = s.odd(2)
        each = s.keep.map(failed)
        always = s.keep.map(failed, task_args={"trigger": always_run})
    state = flow.run()
    assert state.result[each].is_failed()
    assert state.result[always].message == "No upstream states can be mapped over."
    assert kinds([state.result[always]]) == ["Failed"]


def test_over_a_skipped_task_the_parent_is_skipped() -> None:
    """6.8: and the flow succeeds."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        each = s.keep.map(s.unlike(2))
    state = flow.run()
    assert state.result[each].is_skipped()
    assert state.is_successful()


def test_unmapped_passes_the_whole_value() -> None:
    """6.9: of a mapped task, the list of its results; without any mapped argument it runs once."""
    from prefect import Flow, task, unmapped

    @task
    def pair(x, y):
        return x, y

    s = steps()
    with Flow("f") as flow:
        doubled = s.double.map([1, 2])
        each = pair.map(doubled, unmapped(doubled))
        constant = pair.map([1], y=unmapped("whole"))
        once = pair.map(unmapped(1), y=unmapped(2))
    state = flow.run()
    assert state.result[each].result == [(2, [2, 4]), (4, [2, 4])]
    assert state.result[constant].result == [(1, "whole")]
    assert state.result[once].result == (1, 2)


def test_mapped_maps_one_argument_of_a_call() -> None:
    """6.10: as if the task had been mapped over just that."""
    from prefect import Flow, mapped, task

    @task
    def pair(x, y):
        return x, y

    with Flow("f") as flow:
        each = pair(mapped([1, 2]), [3, 4])
    assert flow.run().result[each].result == [(1, [3, 4]), (2, [3, 4])]


def test_flatten_takes_one_level_away() -> None:
    """6.11: before mapping and before reducing, for results, constants and mapped children."""
    from prefect import Flow, flatten

    s = steps()
    with Flow("f") as flow:
        nested = s.keep([[1], [2, 3]])
        each = s.double.map(flatten(nested))
        constant = s.double.map(flatten([[1], [2]]))
        lists = s.numbers.map([1, 2])
        children = s.double.map(flatten(lists))
        reduced = s.keep(flatten(lists))
    state = flow.run()
    assert state.result[each].result == [2, 4, 6]
    assert state.result[constant].result == [2, 4]
    assert state.result[children].result == [2, 2, 4]
    assert state.result[reduced].result == [1, 1, 2]


def test_flatten_keeps_the_states_of_children() -> None:
    """6.11: what comes of a failed child fails its own chain only."""
    from prefect import Flow, flatten, task

    @task
    def some(n):
        if n == 2:
            raise ValueError(n)
        return list(range(n))

    s = steps()
    with Flow("f") as flow:
        each = s.double.map(flatten(some.map([1, 2, 3])))
    states = flow.run().result[each].map_states
    assert kinds(states) == ["Success", "TriggerFailed", "Success", "Success", "Success"]


def test_a_task_that_is_not_mapped_gets_the_list() -> None:
    """6.12: its trigger sees the state of every child; it waits for children that are tried again."""
    from prefect import Flow, task

    tries: list[int] = []

    @task(max_retries=1, retry_delay=timedelta(milliseconds=10))
    def second_time(x):
        tries.append(x)
        if x == 2 and tries.count(2) < 2:
            raise ValueError("not yet")
        return x

    s = steps()
    with Flow("f") as flow:
        good = s.keep(second_time.map([1, 2, 3]))
        bad = s.keep(s.odd.map([1, 2]))
    state = flow.run()
    assert state.result[good].result == [1, 2, 3]
    assert kinds([state.result[bad]]) == ["TriggerFailed"]


def test_one_skipped_child_skips_the_reducer() -> None:
    """6.13: unless it says `skip_on_upstream_skip=False`."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        each = s.unlike.map([1, 2])
        skipped = s.keep(each)
        runs = s.keep(each, task_args={"skip_on_upstream_skip": False})
    state = flow.run()
    assert state.result[skipped].is_skipped()
    assert state.result[runs].result[0] == 1


def test_a_reducer_for_any_success_gets_the_exceptions_too() -> None:
    """6.14: they are in the list, and `FilterTask` takes them out."""
    from prefect import Flow
    from prefect.tasks.control_flow import FilterTask
    from prefect.triggers import any_successful

    s = steps()
    with Flow("f") as flow:
        each = s.odd.map([1, 2, 3])
        all_ = s.keep(each, task_args={"trigger": any_successful})
        good = FilterTask()(each)
    state = flow.run()
    assert [type(item).__name__ for item in state.result[all_].result] == ["int", "ValueError", "int"]
    assert state.result[good].result == [1, 3]


def test_a_task_can_be_mapped_over_what_it_does_not_take() -> None:
    """6.15: once per element of what is upstream."""
    from prefect import Flow, task

    ran: list[str] = []

    @task
    def note():
        ran.append("ran")

    s = steps()
    with Flow("f") as flow:
        each = note.map(upstream_tasks=[s.numbers(3)])
    state = flow.run()
    assert ran == ["ran"] * 3
    assert len(state.result[each].map_states) == 3


def test_each_child_is_tried_again_by_itself() -> None:
    """6.16: those that succeeded are not run again."""
    import prefect
    from prefect import Flow, task

    tries: list[int] = []

    @task(max_retries=2, retry_delay=timedelta(milliseconds=10))
    def until_third(x):
        tries.append(x)
        if x == 2 and tries.count(2) < 3:
            raise ValueError("not yet")
        return x, prefect.context.task_run_count

    with Flow("f") as flow:
        each = until_third.map([1, 2, 3])
    assert flow.run().result[each].result == [(1, 1), (2, 3), (3, 1)]
    assert sorted(tries) == [1, 2, 2, 2, 3]


def test_a_child_knows_its_place() -> None:
    """6.17: `map_index`, and `task_full_name` with it in brackets."""
    import prefect
    from prefect import Flow, task

    @task
    def where(x):
        return prefect.context.map_index, prefect.context.task_full_name

    with Flow("f") as flow:
        each = where.map([5, 6])
    assert flow.run().result[each].result == [(0, "where[0]"), (1, "where[1]")]


def test_children_do_not_wait_for_each_other() -> None:
    """6.18: corrected: each child goes on as soon as its own inputs are there, not breadth first."""
    from prefect import Flow, task

    order: list[str] = []

    @task
    def first(x):
        order.append(f"first {x}")
        return x

    @task
    def second(x):
        order.append(f"second {x}")
        return x

    with Flow("f") as flow:
        each = second.map(first.map([1, 2, 3]))
    assert flow.run().result[each].result == [1, 2, 3]
    assert order.index("second 1") < order.index("first 3")


def test_there_is_no_map_within_a_map() -> None:
    """6.19: a ValueError where `apply_map` is being built."""
    from prefect import Flow, apply_map

    s = steps()

    def build(x, flow):
        return s.double.map(x, flow=flow)

    flow = Flow("f")
    with pytest.raises(ValueError):
        apply_map(build, [[1], [2]], flow=flow)


def test_a_function_that_builds_tasks_can_be_mapped() -> None:
    """6.20: with case and merge in it, several results, and arguments that are not mapped."""
    from prefect import Flow, apply_map, case, task, unmapped
    from prefect.tasks.control_flow import merge

    @task
    def even(x):
        return x % 2 == 0

    @task
    def add(x, y):
        return x + y

    s = steps()

    def build(x, y):
        is_even = even(x)
        with case(is_even, True):
            a = s.double(x)
        with case(is_even, False):
            b = add(x, y)
        return merge(a, b), is_even

    with Flow("f") as flow:
        merged, told = apply_map(build, s.numbers(3), y=unmapped(100))
    state = flow.run()
    assert state.result[merged].result == [101, 4, 103]
    assert state.result[told].result == [False, True, False]


def test_apply_map_needs_something_to_map_over() -> None:
    """6.20: an argument that is no sequence is a TypeError."""
    from prefect import Flow, apply_map

    s = steps()
    with pytest.raises(TypeError):
        apply_map(s.double, 5, flow=Flow("f"))


def test_new_roots_of_apply_map_wait_for_all_mapped_arguments() -> None:
    """6.20: also for those that they do not use."""
    from prefect import Flow, apply_map

    s = steps()
    with Flow("f") as flow:
        x, y = s.numbers(2), s.keep([5, 6])
        each = apply_map(lambda x, y: s.double(x), x, y)
    assert {(e.upstream_task, e.key, e.mapped) for e in flow.edges_to(each)} == {
        (x, "x", True),
        (y, None, True),
    }
    assert flow.run().result[each].result == [2, 4]


def test_children_that_are_done_are_not_run_again() -> None:
    """6.21: a Mapped state that is given with states of children is taken up."""
    from prefect import Flow, task
    from prefect.engine.state import Mapped, Pending, Success

    ran: list[int] = []

    @task
    def note(x):
        ran.append(x)
        return x

    with Flow("f") as flow:
        each = note.map([1, 2])
    before = Mapped(map_states=[Success(result=50), Pending()])
    assert flow.run(task_states={each: before}).result[each].result == [50, 2]
    assert ran == [2]
