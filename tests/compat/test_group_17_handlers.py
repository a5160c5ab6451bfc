"""Group 17 of classic's rules, state handlers and notifications, as whole flows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from classic_steps import steps


def noting(heard: list[Any], name: str = "") -> Any:
    def handler(of, old, new):
        heard.append((name or of.name, type(old).__name__, type(new).__name__))

    return handler


def test_a_tasks_handlers_hear_of_every_transition() -> None:
    """17.1: one after another; None keeps the state."""
    from prefect import Flow

    s, heard = steps(), []
    handlers = [noting(heard, "first"), noting(heard, "second")]
    with Flow("f") as flow:
        one = s.one(task_args={"state_handlers": handlers})
    assert flow.run().result[one].result == 1
    assert heard == [
        ("first", "Pending", "Running"),
        ("second", "Pending", "Running"),
        ("first", "Running", "Success"),
        ("second", "Running", "Success"),
    ]


def test_a_handler_may_give_another_state() -> None:
    """17.1: it goes to the next handler, and what follows is given its result."""
    from prefect import Flow
    from prefect.engine.state import Success

    def rescue(task, old, new):
        return Success("rescued", result=99) if new.is_failed() else new

    s, heard = steps(), []
    with Flow("f") as flow:
        failed = s.fail(task_args={"state_handlers": [rescue, noting(heard, "next")]})
        after = s.double(failed)
    state = flow.run()
    assert (state.result[failed].message, state.result[after].result) == ("rescued", 198)
    assert heard[-1] == ("next", "Running", "Success")


def test_a_handler_may_raise() -> None:
    """17.1: a signal becomes the state; anything else fails the task."""
    from prefect import Flow
    from prefect.engine.signals import FAIL

    def signal(task, old, new):
        if new.is_successful():
            raise FAIL("by handler")
        return new

    def broken(task, old, new):
        raise RuntimeError("broken")

    s = steps()
    with Flow("f") as flow:
        first = s.one(task_args={"state_handlers": [signal]})
        second = s.one(task_args={"state_handlers": [broken]})
    state = flow.run()
    assert type(state.result[first]).__name__ == "Failed"
    assert state.result[first].message == "by handler"
    assert state.result[second].is_failed()
    assert "calling state handlers" in state.result[second].message


def test_a_flows_handlers_hear_of_its_states() -> None:
    """17.2: two transitions in a clean run; a state may be replaced."""
    from prefect import Flow

    s, heard = steps(), []

    def excuse(flow, old, new):
        if new.is_failed():
            new.message = "excused"
        return new

    with Flow("good", state_handlers=[noting(heard)]) as good:
        s.one()
    with Flow("bad", state_handlers=[excuse]) as bad:
        s.fail()
    good.run()
    assert [(name, new) for name, _, new in heard] == [("good", "Running"), ("good", "Success")]
    assert bad.run().message == "excused"


def test_a_runner_may_have_handlers_too() -> None:
    """17.3: after the flow's and the task's own."""
    from prefect import Flow
    from prefect.engine.flow_runner import FlowRunner

    s, heard = steps(), []

    def runner(name: str) -> Any:
        def handler(runner, old, new):
            heard.append((name, type(new).__name__))
            return new

        return handler

    with Flow("f", state_handlers=[noting(heard, "flow")]) as flow:
        s.one(task_args={"state_handlers": [noting(heard, "task")]})
    FlowRunner(flow=flow, state_handlers=[runner("runner")]).run(
        task_runner_state_handlers=[runner("task runner")]
    )
    assert heard == [
        ("flow", "Pending", "Running"),
        ("runner", "Running"),
        ("task", "Pending", "Running"),
        ("task runner", "Running"),
        ("task", "Running", "Success"),
        ("task runner", "Success"),
        ("flow", "Running", "Success"),
        ("runner", "Success"),
    ]


def test_on_failure_hears_of_every_failure() -> None:
    """17.4: of each attempt, of a task that could not run, and of a flow."""
    from prefect import Flow, task

    heard: list[Any] = []

    def note(of, state):
        heard.append((of.name, type(state).__name__))

    @task(on_failure=note, max_retries=1, retry_delay=timedelta(0))
    def fail():
        raise ValueError("no")

    @task(on_failure=note)
    def after(x): ...

    with Flow("f", on_failure=note) as flow:
        after(fail())
    flow.run()
    assert heard == [("fail", "Failed"), ("fail", "Failed"), ("after", "TriggerFailed"), ("f", "Failed")]


def test_a_handler_can_be_made_of_two_functions() -> None:
    """17.5: `callback_factory(what to do, when)`."""
    from prefect import Flow
    from prefect.utilities.notifications import callback_factory

    heard: list[Any] = []
    handler = callback_factory(
        lambda of, state: heard.append((of.name, state.result)), lambda state: state.is_successful()
    )
    s = steps()
    with Flow("f") as flow:
        s.double(s.one(), task_args={"state_handlers": [handler]})
        s.fail(task_args={"state_handlers": [handler]})
    flow.run()
    assert heard == [("double", 2)]


def test_a_notifier_can_be_told_which_states_to_tell_of() -> None:
    """17.6: it is a handler when it is given its options, and silent for other states."""
    import prefect
    from prefect import Flow
    from prefect.engine.state import Failed, Running, Success
    from prefect.utilities.notifications import gmail_notifier, slack_notifier

    s = steps()
    handlers = [
        slack_notifier(only_states=[Failed]),
        slack_notifier(ignore_states=[Running, Success]),
        gmail_notifier(only_states=[Failed]),
    ]
    with Flow("f", state_handlers=handlers) as flow:
        one = s.one(task_args={"state_handlers": handlers})
    nowhere = {"SLACK_WEBHOOK_URL": "http://127.0.0.1:9", "EMAIL_USERNAME": "u", "EMAIL_PASSWORD": "p"}
    with prefect.context(secrets=nowhere):
        state = flow.run()
    assert state.is_successful()
    assert state.result[one].result == 1
