"""Group 8 of classic's rules, resource managers, as whole flows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def resource(fails: str = "", skips: str = "") -> SimpleNamespace:
    """A resource manager that notes what is called, and fails or skips in one of its methods."""
    from prefect import resource_manager, task
    from prefect.engine.signals import SKIP

    told: list[Any] = []

    def say(word: str, *more: Any) -> None:
        told.append((word, *more) if more else word)
        if word == fails:
            raise ValueError(word)
        if word == skips:
            raise SKIP(word)

    @resource_manager
    class Box:
        def __init__(self, size):
            say("init", size)
            self.size = size

        def setup(self):
            say("setup")
            return f"box {self.size}"

        def cleanup(self, box):
            say("cleanup")

    @task
    def use(x):
        told.append(x)
        return x

    @task
    def fail(x):
        raise ValueError(x)

    return SimpleNamespace(Box=Box, use=use, fail=fail, told=told)


def test_a_resource_is_set_up_before_and_cleaned_up_after_the_block() -> None:
    """8.1: three tasks; the block's roots wait for the setup, the cleanup for its leaves."""
    from prefect import Flow

    r = resource()
    with Flow("f") as flow, r.Box(3) as box:
        used = r.use(box)
        other = r.use("other")
    names = {t.name: t for t in flow.tasks if t.name.startswith("Box")}
    assert set(names) == {"Box", "Box.setup", "Box.cleanup"}
    assert names["Box.setup"] is box
    assert flow.upstream_tasks(other) == {box}
    assert {used, other} <= flow.upstream_tasks(names["Box.cleanup"])
    assert flow.run().result[used].result == "box 3"
    assert (r.told[:2], r.told[-1]) == ([("init", 3), "setup"], "cleanup")
    assert set(r.told[2:-1]) == {"box 3", "other"}


def test_a_resource_needs_no_setup() -> None:
    """8.1: without the method, what the block is given is None."""
    from prefect import Flow, resource_manager, task

    told: list[str] = []

    @resource_manager
    class Bare:
        def cleanup(self, resource):
            told.append(f"cleanup {resource}")

    @task
    def use():
        told.append("use")

    with Flow("f") as flow, Bare() as bare:
        use()
    assert bare is None
    assert flow.run().is_successful()
    assert told == ["use", "cleanup None"]


def test_it_is_cleaned_up_after_failures_and_skips() -> None:
    """8.2: the cleanup runs when all before it has finished."""
    from prefect import Flow, task
    from prefect.engine.signals import SKIP

    @task
    def skip(x):
        raise SKIP("no need")

    r = resource()
    with Flow("f") as flow, r.Box(1) as box:
        r.use(r.fail(box))
        skip(box)
    assert flow.run().is_failed()
    assert r.told == [("init", 1), "setup", "cleanup"]


def test_it_is_not_cleaned_up_where_it_was_not_set_up() -> None:
    """8.2: after a setup that failed or skipped, the cleanup is Skipped."""
    from prefect import Flow

    for r, reason in ((resource(fails="setup"), "failed"), (resource(skips="setup"), "skipped")):
        with Flow("f") as flow, r.Box(1) as box:
            used = r.use(box)
        state = flow.run()
        (cleanup,) = flow.get_tasks(name="Box.cleanup")
        assert state.result[cleanup].is_skipped()
        assert "not set up" in state.result[cleanup].message
        assert state.result[used].is_failed() is (reason == "failed")
        assert "cleanup" not in r.told


def test_a_cleanup_that_fails_does_not_decide_the_flow() -> None:
    """8.3: neither it nor the init is a reference task."""
    from prefect import Flow

    r = resource(fails="cleanup")
    with Flow("f") as flow, r.Box(1) as box:
        used = r.use(box)
    state = flow.run()
    (cleanup,) = flow.get_tasks(name="Box.cleanup")
    assert flow.reference_tasks() == {used}
    assert state.result[cleanup].is_failed()
    assert state.is_successful()


def test_setup_and_cleanup_run_again_when_a_run_is_taken_up() -> None:
    """8.4: though their states are given; the init's state is used as it is."""
    from prefect import Flow

    r = resource()
    with Flow("f") as flow, r.Box(1) as box:
        used = r.use(box)
    before = flow.run()
    r.told.clear()
    state = flow.run(task_states=before.result)
    assert r.told == ["setup", "cleanup"]
    assert state.result[used].result == "box 1"


def test_each_part_takes_options() -> None:
    """8.5: `name`, `init_task_kwargs`, `setup_task_kwargs` and `cleanup_task_kwargs`."""
    from prefect import Flow, resource_manager

    @resource_manager(
        name="crate",
        init_task_kwargs={"tags": ["i"]},
        setup_task_kwargs={"tags": ["s"]},
        cleanup_task_kwargs={"tags": ["c"]},
    )
    class Box:
        def setup(self): ...

        def cleanup(self, box): ...

    with Flow("f") as flow, Box():
        pass
    assert {(t.name, *t.tags) for t in flow.tasks} == {
        ("crate", "i"),
        ("crate.setup", "s"),
        ("crate.cleanup", "c"),
    }
    assert flow.run().is_successful()
