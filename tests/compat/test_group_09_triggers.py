"""Groups 9 and 10 of classic's rules, triggers and skips, as whole flows."""

from __future__ import annotations

from typing import Any

import pytest


def outcome(trigger: Any, *before: str, **options: Any) -> str:
    """The kind of state that a task with this trigger has after tasks that succeed, fail or skip."""
    from prefect import Flow, task
    from prefect.engine.signals import SKIP

    @task
    def end(how):
        if how == "fail":
            raise ValueError(how)
        if how == "skip":
            raise SKIP(how)

    @task(trigger=trigger, **options)
    def after(): ...

    with Flow("f") as flow:
        last = after(upstream_tasks=[end(how) for how in before])
    return type(flow.run().result[last]).__name__


def test_all_must_have_succeeded() -> None:
    """9.1: `all_successful` counts a skip as success."""
    from prefect.triggers import all_successful

    assert outcome(all_successful, "good", "good") == "Success"
    assert outcome(all_successful, "good", "fail") == "TriggerFailed"
    assert outcome(all_successful, "good", "skip", skip_on_upstream_skip=False) == "Success"
    assert outcome(all_successful) == "Success"


def test_all_must_have_failed() -> None:
    """9.2: `all_failed` is true where there is none."""
    from prefect.triggers import all_failed

    assert outcome(all_failed, "fail", "fail") == "Success"
    assert outcome(all_failed, "good", "fail") == "TriggerFailed"
    assert outcome(all_failed) == "Success"


def test_one_is_enough() -> None:
    """9.3: `any_successful` and `any_failed`; both are true where there is none."""
    from prefect.triggers import any_failed, any_successful

    assert outcome(any_successful, "good", "fail") == "Success"
    assert outcome(any_successful, "fail", "fail") == "TriggerFailed"
    assert outcome(any_failed, "good", "fail") == "Success"
    assert outcome(any_failed, "good", "good") == "TriggerFailed"
    assert outcome(any_successful) == outcome(any_failed) == "Success"


def test_it_runs_in_any_case() -> None:
    """9.4: `all_finished` is `always_run`."""
    from prefect.triggers import all_finished, always_run

    assert outcome(all_finished, "good", "fail") == "Success"
    assert outcome(always_run, "fail", "fail") == "Success"


def test_a_task_can_wait_for_a_person() -> None:
    """9.5: `manual_only` pauses, and runs where the context says resume."""
    from prefect import Flow, task
    from prefect.engine.flow_runner import FlowRunner
    from prefect.engine.state import Paused
    from prefect.triggers import manual_only

    @task(trigger=manual_only)
    def release():
        return "out"

    with Flow("f") as flow:
        released = release()
    paused = FlowRunner(flow=flow).run(return_tasks=[released])
    assert isinstance(paused.result[released], Paused)
    resumed = FlowRunner(flow=flow).run(return_tasks=[released], context={"resume": True})
    assert resumed.result[released].result == "out"


def test_a_handler_may_let_on_what_waits_for_a_person() -> None:
    """9.5: a state handler that answers Paused with Resume; so it does what a task pauses itself."""
    import prefect
    from prefect import Flow, task
    from prefect.engine.signals import PAUSE
    from prefect.engine.state import Paused, Resume
    from prefect.triggers import manual_only

    told: list[tuple[str, str]] = []

    def let_on(task, old, new):
        told.append((type(old).__name__, type(new).__name__))
        return Resume() if isinstance(new, Paused) else new

    @task(trigger=manual_only, state_handlers=[let_on])
    def released():
        return prefect.context.resume, prefect.context.task_run_count

    @task(state_handlers=[let_on])
    def pauses():
        if prefect.context.get("resume"):
            return prefect.context.task_run_count
        raise PAUSE("not yet")

    @task(trigger=manual_only, state_handlers=[let_on])
    def each(x):
        return x, prefect.context.resume

    with Flow("f") as flow:
        release = released()
    assert flow.run().result[release].result == (True, 1)
    assert told == [("Pending", "Paused"), ("Resume", "Running"), ("Running", "Success")]
    with Flow("f") as flow:
        pause, mapped = pauses(), each.map([1, 2])
    state = flow.run()
    assert state.result[pause].result == 1
    assert state.result[mapped].result == [(1, True), (2, True)]


def test_some_may_be_counted() -> None:
    """9.6: bounds are inclusive; below one they are a share; true where there is none."""
    from prefect.triggers import some_failed, some_successful

    three = ("good", "fail", "fail")
    assert outcome(some_failed(at_least=2), *three) == "Success"
    assert outcome(some_failed(at_least=3), *three) == "TriggerFailed"
    assert outcome(some_failed(at_most=1), *three) == "TriggerFailed"
    assert outcome(some_failed(at_least=0.5), *three) == "Success"
    assert outcome(some_successful(at_least=1, at_most=1), *three) == "Success"
    assert outcome(some_successful(at_least=0.5), *three) == "TriggerFailed"
    assert outcome(some_successful(at_least=1.0), *three) == "Success"
    assert outcome(some_failed(at_least=1)) == "Success"


def test_not_all_may_have_skipped() -> None:
    """9.7: all skipped skips; one that failed fails."""
    from prefect.triggers import not_all_skipped

    options = {"skip_on_upstream_skip": False}
    assert outcome(not_all_skipped, "good", "skip", **options) == "Success"
    assert outcome(not_all_skipped, "skip", "skip", **options) == "Skipped"
    assert outcome(not_all_skipped, "good", "fail", **options) == "TriggerFailed"


def test_a_trigger_may_be_ones_own() -> None:
    """9.8: False and an exception fail the task; a signal becomes its state."""
    from prefect import Flow, task
    from prefect.engine.signals import SKIP

    def refuse(states):
        return False

    def break_(states):
        raise KeyError("k")

    def skip(states):
        raise SKIP("by trigger")

    @task
    def one():
        return 1

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        x = one()
        refused, broken, skipped = (
            double(x, task_args={"trigger": trigger}) for trigger in (refuse, break_, skip)
        )
    state = flow.run()
    assert type(state.result[refused]).__name__ == type(state.result[broken]).__name__ == "TriggerFailed"
    assert state.result[refused].message == "Trigger failed"
    assert isinstance(state.result[broken].result, KeyError)
    assert state.result[skipped].is_skipped()
    assert state.result[skipped].message == "by trigger"


def test_a_trigger_sees_the_children_of_a_mapped_task() -> None:
    """9.9: each child counts for itself."""
    from prefect import Flow, task
    from prefect.triggers import some_failed

    @task
    def odd(x):
        if x % 2 == 0:
            raise ValueError(x)

    @task
    def after():
        return "ran"

    with Flow("f") as flow:
        each = odd.map([1, 2, 3, 4])
        two, three = (
            after(upstream_tasks=[each], task_args={"trigger": some_failed(at_least=n)}) for n in (2, 3)
        )
    state = flow.run()
    assert state.result[two].result == "ran"
    assert state.result[three].is_failed()


def test_a_skip_is_a_success() -> None:
    """10.1: finished and successful; a flow of skips succeeds."""
    from prefect import Flow, task
    from prefect.engine.signals import SKIP

    @task
    def skip():
        raise SKIP("not today")

    with Flow("f") as flow:
        skipped = skip()
    state = flow.run()
    assert state.result[skipped].is_skipped()
    assert state.result[skipped].is_successful()
    assert state.result[skipped].is_finished()
    assert type(state).__name__ == "Success"
    assert state.message == "All reference tasks succeeded."


def test_a_skip_goes_before_the_trigger() -> None:
    """10.2: one skipped upstream skips a task, whose trigger is not asked."""
    asked: list[Any] = []

    def trigger(states):
        asked.append(states)
        return True

    assert outcome(trigger, "good", "skip") == "Skipped"
    assert asked == []
    assert outcome(trigger, "good", "skip", skip_on_upstream_skip=False) == "Success"
    assert len(asked) == 1


def test_a_failure_outranks_a_skip() -> None:
    """10.2: corrected: a failed and a skipped upstream make TriggerFailed, and the flow does not succeed."""
    from prefect.triggers import all_successful

    assert outcome(all_successful, "fail", "skip") == "TriggerFailed"
    assert outcome(all_successful, "skip", "fail") == "TriggerFailed"


def test_what_a_skip_leaves_behind() -> None:
    """10.3: a raised SKIP is its own result, or has the one it was given; what follows has None."""
    from prefect import Flow, task
    from prefect.engine.signals import SKIP

    @task
    def skip():
        raise SKIP("bare")

    @task
    def give():
        raise SKIP("with", result=5)

    @task
    def keep(x):
        return x

    with Flow("f") as flow:
        bare, given = skip(), give()
        after = keep(bare)
        taken = keep(given, task_args={"skip_on_upstream_skip": False})
    state = flow.run()
    assert isinstance(state.result[bare].result, SKIP)
    assert (state.result[given].result, state.result[taken].result) == (5, 5)
    assert state.result[after].is_skipped()
    assert state.result[after].result is None


@pytest.mark.parametrize("how", ["good", "fail", "skip"])
def test_a_task_may_run_after_anything_at_all(how: str) -> None:
    """9.4: after a skip too, if it does not skip with it."""
    from prefect.triggers import always_run

    assert outcome(always_run, how, skip_on_upstream_skip=False) == "Success"
