"""Group 7 of classic's rules, conditions, as whole flows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


def steps() -> SimpleNamespace:
    """keep(x); fail(); skip()."""
    from prefect import task
    from prefect.engine.signals import SKIP

    @task
    def keep(x):
        return x

    @task
    def fail():
        raise ValueError("no")

    @task
    def skip():
        raise SKIP("not today")

    return SimpleNamespace(keep=keep, fail=fail, skip=skip)


def test_a_case_runs_where_the_value_is_the_one() -> None:
    """7.1: the block's tasks wait for a CompareValue that is named after the value, and skip with it."""
    from prefect import Flow, case

    s = steps()
    with Flow("f") as flow:
        condition = s.keep("a")
        with case(condition, "a"):
            taken = s.keep(1)
        with case(condition, "b"):
            other = s.keep(2)
    (gate,) = flow.upstream_tasks(taken)
    assert (type(gate).__name__, gate.name) == ("CompareValue", "case(a)")
    assert {(e.upstream_task, e.key) for e in flow.edges_to(gate)} == {(condition, "value")}
    state = flow.run()
    assert state.result[taken].result == 1
    assert state.result[other].is_skipped()
    assert state.is_successful()


def test_a_case_needs_a_value_and_takes_what_is_equal() -> None:
    """7.1: a Task as value is a TypeError; an empty block adds nothing; 1 equals True."""
    from prefect import Flow, case

    s = steps()
    with Flow("f") as flow:
        condition = s.keep(1)
        with pytest.raises(TypeError), case(condition, condition):
            pass
        with case(condition, 0):
            pass
        assert flow.tasks == {condition}
        with case(condition, True):
            taken = s.keep(2)
    assert flow.run().result[taken].result == 2


def test_what_follows_in_the_block_is_skipped_too() -> None:
    """7.1: a task whose upstream is in the block needs no edge to the gate."""
    from prefect import Flow, case

    s = steps()
    with Flow("f") as flow:
        with case(s.keep(1), 2):
            first = s.keep(1)
            second = s.keep(first)
        third = s.keep(second)
    assert flow.upstream_tasks(second) == {first}
    state = flow.run()
    assert all(state.result[t].is_skipped() for t in (first, second, third))


def test_cases_may_be_nested_and_parameters_stay_outside() -> None:
    """7.2: the inner one is left alone; constants and Parameters never join."""
    from prefect import Flow, Parameter, case

    s = steps()
    with Flow("f") as flow, case(Parameter("a"), 1):
        b = Parameter("b")
        with case(b, 2):
            inner = s.keep("inner")
        outer = s.keep("outer")
    assert flow.upstream_tasks(b) == set()
    both = flow.run(a=1, b=2)
    assert (both.result[inner].result, both.result[outer].result) == ("inner", "outer")
    one = flow.run(a=1, b=3)
    assert one.result[inner].is_skipped()
    assert one.result[outer].result == "outer"
    assert flow.run(a=0, b=3).result[outer].is_skipped()


def test_two_flows_in_one_case_are_refused() -> None:
    """7.2: a ValueError."""
    from prefect import Flow, case
    from prefect.core.task import Task

    class Step(Task):
        def run(self): ...

    first, second = Flow("f"), Flow("g")
    with pytest.raises(ValueError), case(True, True):
        first.add_task(Step())
        second.add_task(Step())


def test_a_switch_chooses_by_value() -> None:
    """7.3: the task of the equal value runs, the others skip."""
    from prefect import Flow, Parameter
    from prefect.tasks.control_flow import switch

    s = steps()
    with Flow("f") as flow:
        branches = {"a": s.keep(1), "b": s.keep(2)}
        switch(Parameter("which"), branches)
    gates = {t.name: t.tags for t in flow.tasks if type(t).__name__ == "CompareValue"}
    assert gates == {'CompareValue: "a"': {"switch"}, 'CompareValue: "b"': {"switch"}}
    state = flow.run(which="b")
    assert state.result[branches["a"]].is_skipped()
    assert state.result[branches["b"]].result == 2
    assert all(flow.run(which="c").result[t].is_skipped() for t in branches.values())


def test_ifelse_takes_what_is_true_or_not() -> None:
    """7.4: the condition is made a bool; a branch may be None."""
    from prefect import Flow, Parameter
    from prefect.tasks.control_flow import ifelse

    s = steps()
    with Flow("f") as flow:
        condition = Parameter("condition")
        yes, no, alone = s.keep("yes"), s.keep("no"), s.keep("alone")
        ifelse(condition, yes, no)
        ifelse(condition, None, alone)
    state = flow.run(condition=[1])
    assert state.result[yes].result == "yes"
    assert state.result[no].is_skipped()
    assert state.result[alone].is_skipped()
    state = flow.run(condition="")
    assert state.result[yes].is_skipped()
    assert (state.result[no].result, state.result[alone].result) == ("no", "alone")


def test_a_list_as_a_branch_gates_only_the_list() -> None:
    """7.4: its members still run."""
    from prefect import Flow
    from prefect.tasks.control_flow import ifelse

    s = steps()
    with Flow("f") as flow:
        members = [s.keep(1), s.keep(2)]
        ifelse(s.keep(False), members, s.keep("no"))
    state = flow.run()
    assert [state.result[t].result for t in members] == [1, 2]
    (together,) = flow.get_tasks(name="List")
    assert state.result[together].is_skipped()


def test_merge_has_the_branch_that_ran() -> None:
    """7.5: all skipped is Skipped, any failed is TriggerFailed; it may not skip with an upstream."""
    from prefect import Flow, Parameter, case
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        which = Parameter("which")
        with case(which, "a"):
            a = s.keep("from a")
        with case(which, "b"):
            b = s.keep("from b")
        with case(which, "bad"):
            bad = s.fail()
        merged = merge(a, b, bad)
        with pytest.raises(ValueError):
            merge(a, b, skip_on_upstream_skip=True)
    assert flow.run(which="a").result[merged].result == "from a"
    assert flow.run(which="b").result[merged].result == "from b"
    assert flow.run(which="c").result[merged].is_skipped()
    assert type(flow.run(which="bad").result[merged]).__name__ == "TriggerFailed"


def test_merge_can_be_mapped() -> None:
    """7.5: child by child."""
    from prefect import Flow
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        merged = merge(s.keep.map([1, 2]), s.keep.map([5, 6]), mapped=True)
    assert flow.run().result[merged].result == [1, 2]


def test_none_is_a_value_that_merge_may_have() -> None:
    """7.5: corrected: merge has the first input that succeeded; None is a value."""
    from prefect import Flow
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        merged = merge(s.keep(None), s.keep(5))
    state = flow.run()
    assert state.result[merged].is_successful()
    assert state.result[merged].result is None


def test_merge_passes_over_a_task_that_skipped_itself() -> None:
    """7.6: corrected: a task that raised SKIP has not succeeded; its signal is no value."""
    from prefect import Flow
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        merged = merge(s.skip(), s.keep(5))
    assert flow.run().result[merged].result == 5


def test_merge_goes_by_the_order_of_its_arguments() -> None:
    """7.7: corrected: with ten inputs and more, the second is still before the tenth."""
    from prefect import Flow, case
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        with case(s.keep(1), 2):
            skipped = s.keep(0)
        merged = merge(skipped, *(s.keep(n) for n in range(2, 13)))
    assert flow.run().result[merged].result == 2


def test_nothing_in_a_case_runs_when_it_is_shut() -> None:
    """7.8: corrected: neither `skip_on_upstream_skip=False` nor a merge escapes the case."""
    from prefect import Flow, case
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow, case(s.keep(1), 2):
        runs = s.keep(1, task_args={"skip_on_upstream_skip": False})
        after = s.keep(runs, task_args={"skip_on_upstream_skip": False})
        merged = merge(runs, s.keep(3))
    state = flow.run()
    assert [state.result[t].is_skipped() for t in (runs, after, merged)] == [True] * 3


def test_a_condition_that_fails_fails_all_branches() -> None:
    """7.9: and what merges them."""
    from prefect import Flow, case
    from prefect.tasks.control_flow import merge

    s = steps()
    with Flow("f") as flow:
        condition = s.fail()
        with case(condition, "a"):
            a = s.keep(1)
        with case(condition, "b"):
            b = s.keep(2)
        merged = merge(a, b)
    state = flow.run()
    assert {type(state.result[t]).__name__ for t in (a, b, merged)} == {"TriggerFailed"}


def test_a_filter_drops_what_is_nothing() -> None:
    """7.10: None and exceptions, or what a function says; it always runs."""
    from prefect import Flow
    from prefect.tasks.control_flow import FilterTask

    s = steps()
    with Flow("f") as flow:
        plain = FilterTask()(s.keep([1, None, ValueError(), 0]))
        big = FilterTask(filter_func=lambda x: x > 1)(s.keep([1, 2, 3]))
        after_failure = FilterTask()([1, None], upstream_tasks=[s.fail()])
    state = flow.run()
    assert state.result[plain].result == [1, 0]
    assert state.result[big].result == [2, 3]
    assert state.result[after_failure].result == [1]
