"""Resource managers: which tasks and edges they make, and that cleaning up happens whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowkit.engine.signals import SKIP
from flowkit.errors import CallError
from flowkit.flow.control import case, merge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.resources import ResourceManager, resource_manager
from flowkit.flow.task import Task, task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import State

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def fail(value: Any = None) -> Any:
    raise ValueError("fail")


@task
def skip(value: Any = None) -> Any:
    raise SKIP("skip")


class Place:
    """Keeps a diary; raises where it is told to."""

    def __init__(self, raises: Any = None, diary: Any = None) -> None:
        self.raises, self.diary = raises, [] if diary is None else diary
        self.note("init")

    def setup(self) -> list[str]:
        self.note("setup")
        return ["open"]

    def cleanup(self, resource: list[str]) -> None:
        self.note("cleanup")
        resource.append("closed")

    def note(self, what: str) -> None:
        self.diary.append(what)
        if self.raises == what:
            raise ValueError(what)


manager = resource_manager(Place)


def edges(flow: Flow) -> set[tuple[str, str, str | None]]:
    slugs = flow.slugs
    return {(slugs[edge.upstream], slugs[edge.downstream], edge.key) for edge in flow.edges}


def kinds(state: State, flow: Flow) -> dict[str, str]:
    return {flow.slugs[each]: type(end).__name__ for each, end in state.result.items()}


OWN = {
    ("Place-1", "Place.setup-1", "mgr"),
    ("Place-1", "Place.cleanup-1", "mgr"),
    ("Place.setup-1", "Place.cleanup-1", "resource"),
}


def test_inner_tasks_follow_setup_and_inner_leaves_are_followed_by_cleanup() -> None:
    with Flow("f") as flow:
        before = give(1)
        with manager(before) as place:
            first = give(place)
            second = give([first, give(before)])
        give(second)
    assert edges(flow) == OWN | {
        ("give-1", "Place-1", "raises"),
        ("Place.setup-1", "give-2", "value"),
        ("Place.setup-1", "give-3", None),
        ("give-1", "give-3", "value"),
        ("give-2", "List-1", "arg_1"),
        ("give-3", "List-1", "arg_2"),
        ("List-1", "give-4", "value"),
        ("give-4", "Place.cleanup-1", None),
        ("give-4", "give-5", "value"),
    }


def test_an_empty_block_has_the_tasks_of_the_manager_alone() -> None:
    with Flow("f") as flow, manager():
        pass
    assert edges(flow) == OWN
    assert [type(made).__name__ for made in flow.tasks] == [
        "ResourceInitTask",
        "ResourceSetupTask",
        "ResourceCleanupTask",
    ]


def test_managers_nest_and_the_inner_one_is_cleaned_up_first() -> None:
    with Flow("f") as flow, manager() as outer:
        with manager(outer) as inner:
            give(inner)
        give(outer)
    found = edges(flow)
    assert ("Place.cleanup-2", "Place.cleanup-1", None) in found
    assert ("Place.setup-1", "Place-2", "raises") in found
    assert ("give-1", "Place.cleanup-2", None) in found
    assert ("give-1", "Place.cleanup-1", None) not in found


def test_a_case_inside_has_edges_of_both() -> None:
    with Flow("f") as flow:
        condition = give(False)
        with manager() as place:
            with case(condition, True):
                chosen = give(place)
            with case(condition, False):
                other = give()
            merge(chosen, other)
    assert edges(flow) == OWN | {
        ("give-1", "case(True)-1", "value"),
        ("give-1", "case(False)-1", "value"),
        ("Place.setup-1", "case(True)-1", None),
        ("Place.setup-1", "case(False)-1", None),
        ("case(True)-1", "give-2", None),
        ("case(False)-1", "give-3", None),
        ("Place.setup-1", "give-2", "value"),
        ("give-2", "Merge-1", "task_1"),
        ("give-3", "Merge-1", "task_2"),
        ("Merge-1", "Place.cleanup-1", None),
    }


def test_a_manager_inside_a_case_is_gated(run_inline: Run) -> None:
    with Flow("f") as flow, case(give(False), True), manager() as place:
        give(place)
    assert set(kinds(run_inline(flow), flow).values()) == {"Success", "Skipped"}
    assert kinds(run_inline(flow), flow)["Place.cleanup-1"] == "Skipped"


def test_setup_is_optional(run: Run) -> None:
    @resource_manager
    class Plain:
        def cleanup(self, resource: Any) -> None:
            assert resource is None

    with Flow("f") as flow, Plain() as plain:
        give(1)
    assert plain is None
    state = run(flow)
    assert kinds(state, flow) == {"Plain-1": "Success", "Plain.cleanup-1": "Success", "give-1": "Success"}


@pytest.mark.parametrize(
    ("raises", "inside", "expected", "run_state"),
    [
        (None, give, ["Success", "Success", "Success", "Success"], "Success"),
        (None, fail, ["Success", "Success", "Failed", "Success"], "Failed"),
        (None, skip, ["Success", "Success", "Skipped", "Success"], "Success"),
        ("init", give, ["Failed", "TriggerFailed", "TriggerFailed", "Skipped"], "Failed"),
        ("setup", give, ["Success", "Failed", "TriggerFailed", "Skipped"], "Failed"),
        ("cleanup", give, ["Success", "Success", "Success", "Failed"], "Success"),
    ],
)
def test_what_is_set_up_is_cleaned_up_and_only_that(
    run: Run, raises: str | None, inside: Task, expected: list[str], run_state: str
) -> None:
    with Flow("f") as flow, manager(raises) as place:
        inside(place)
    state = run(flow)
    assert type(state).__name__ == run_state
    found = kinds(state, flow)
    slugs = ["Place-1", "Place.setup-1", f"{inside.name}-1", "Place.cleanup-1"]
    assert [found[slug] for slug in slugs] == expected


def test_cleanup_gets_what_setup_gave_after_all_that_is_inside(run: Run) -> None:
    diary: list[str] = []
    with Flow("f") as flow, manager(None, give.copy()(diary)) as place:
        used = task(lambda resource: diary.append(resource[-1]))(place)
    state = run(flow)
    assert state.is_successful() and state.result[used].is_successful()
    assert diary == ["init", "setup", "open", "cleanup"]


def test_managers_do_not_decide_whether_a_run_succeeded() -> None:
    with Flow("f") as flow:
        with manager() as place:
            inner = give(place)
            last = give(inner)
        beside = give()
    assert flow.reference_tasks() == {last, beside}
    plan = compile_flow(flow)
    assert {plan.tasks[node] for node in plan.references} == {last, beside}
    with Flow("bare") as bare, manager() as place:
        pass
    assert place is not None
    assert bare.reference_tasks() == {place}
    assert [compile_flow(bare).tasks[node] for node in compile_flow(bare).references] == [place]


def test_options_go_to_the_task_that_they_are_for() -> None:
    @resource_manager(
        name="Name",
        init_task_kwargs={"tags": ["t"]},
        setup_task_kwargs={"name": "begin"},
        cleanup_task_kwargs={"name": "end", "max_retries": 1, "retry_delay": 0},
    )
    class Named:
        def setup(self) -> None: ...
        def cleanup(self, resource: Any) -> None: ...

    with Flow("f") as flow:
        context = Named()
        with context:
            pass
    assert sorted(flow.slugs.values()) == ["Name-t-1", "begin-1", "end-1"]
    assert context.cleanup_task.max_retries == 1
    assert not context.cleanup_task.skip_on_upstream_skip
    assert context.setup_task is not None and context.setup_task.checkpoint is False


def test_a_manager_is_made_of_any_class() -> None:
    made = ResourceManager(Place, name="Room")
    with Flow("f") as flow, made():
        pass
    assert "Room.setup-1" in flow.slugs.values()
    assert made.__doc__ == Place.__doc__


def test_children_have_a_resource_of_their_own_or_share_one(run: Run) -> None:
    with Flow("f") as flow, manager() as place:
        each = task(lambda item, resource: (item, resource[0])).map([1, 2], unmapped(place))
    assert run(flow).result[each].result == [(1, "open"), (2, "open")]


def test_arguments_are_checked_at_the_call_and_a_flow_is_needed() -> None:
    with Flow("f"), pytest.raises(CallError, match="wrong arguments"):
        manager(1, 2, 3)
    with pytest.raises(CallError, match="outside of a flow"):
        manager()
