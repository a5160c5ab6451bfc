"""What a test says of how a run ended; where it is not so, the failure of the task is shown."""

from __future__ import annotations

import re
from typing import Any

from flowkit.engine.mask import MASK
from flowkit.errors import UsageError
from flowkit.plan.events import Failure
from flowkit.plan.state import State
from flowkit.plan.status import TRIGGER_FAILED
from flowkit.testing.running import Line, TestedStates

_MOST = 10  # failures that are shown whole


def assert_successful(state: State, *tasks: str) -> None:
    """The run succeeded, or these of its tasks did.

    Args:
        *tasks: keys, such as `clean` or `clean[3]`; none: the run as a whole.

    Raises:
        AssertionError: with what failed, and the frames of the user's own code.
    """
    __tracebackhide__ = True
    bad = [key for key in tasks if not states_of(state)[key].is_successful()]
    if bad or not (tasks or state.is_successful()):
        of = (
            f"the task `{bad[0]}` is {_named(states_of(state)[bad[0]])}"
            if bad
            else f"the run is {_named(state)}"
        )
        raise AssertionError(f"{of}, not successful\n\n{failures(state)}".rstrip())


def assert_failed(
    state: State, task: str | None = None, error: type[BaseException] | None = None, match: str = ""
) -> Any:
    """The run failed, or this one of its tasks did.

    Args:
        task: its key; default: any.
        error: what it raised.
        match: a regular expression, found in the message of the state or in the text of the exception.

    Returns:
        What the state holds: of a task the exception.

    Raises:
        AssertionError: it ended otherwise, with what there is instead.
    """
    __tracebackhide__ = True
    asked = state if task is None else states_of(state)[task]
    what = "the run" if task is None else f"the task `{task}`"
    result = asked.result
    if not asked.is_failed():
        raise AssertionError(f"{what} is {_named(asked)}, not failed\n\n{failures(state)}".rstrip())
    if error is not None and not isinstance(result, error):
        raise AssertionError(f"{what} raised no {error.__name__}\n\n{failures(state)}".rstrip())
    if match and not re.search(
        match, f"{asked.message}\n{result}" if task else f"{asked.message}\n{failures(state)}"
    ):
        raise AssertionError(f"{what} does not say `{match}`\n\n{failures(state)}".rstrip())
    return result


def assert_state(state: State, task: str, kind: type[State]) -> Any:
    """A task ended in a state of this class, such as `flowkit.state.Skipped`, or of one below it.

    Args:
        task: its key.

    Returns:
        The value of the task.

    Raises:
        AssertionError: it ended otherwise, with what failed.
    """
    __tracebackhide__ = True
    asked = states_of(state)[task]
    if not isinstance(asked, kind):
        raise AssertionError(
            f"the task `{task}` is {_named(asked)}, not {kind.__name__}\n\n{failures(state)}".rstrip()
        )
    return asked.result


def lines(state: State, task: str | None = None) -> list[Line]:
    """What tasks printed and logged, in order: all of a run, or one with its children where it is mapped."""
    found = states_of(state).lines
    if task is None:
        return list(found)
    node, index = states_of(state).find(task)
    key = states_of(state).outcome.plan.key(node, index)
    return [line for line in found if line.task == key or line.task.startswith(f"{key}[")]


def output(state: State, task: str | None = None) -> str:
    """The same as text, a line each."""
    return "".join(f"{line.text}\n" for line in lines(state, task))


def states_of(state: State) -> TestedStates:
    """The states of its tasks.

    Raises:
        UsageError: it is not the state of a run by `flowkit.testing`.
    """
    if not isinstance(state.result, TestedStates):
        raise UsageError("this is not the state of a run by `flowkit.testing.run` or the fixture `flow_run`")
    return state.result


def failures(state: State) -> str:
    """What failed in a run, a paragraph each, with the frames of the user's own code; secrets are masked."""
    if not isinstance(state.result, TestedStates):
        return f"{state.message or ''}\n"
    outcome = state.result.outcome
    plan, details = outcome.plan, outcome.engine.details
    failed = [
        mark for mark in sorted(details) if details[mark].failure and outcome.states.of(*mark).is_failed()
    ]
    parts = [_told(plan.key(*mark), details[mark].failure) for mark in failed[:_MOST]]
    if len(failed) > _MOST:
        parts.append(f"and {len(failed) - _MOST} more failed")
    left = [
        plan.keys[node] for node in range(plan.size) if outcome.engine.machine.status[node] == TRIGGER_FAILED
    ]
    if left:
        parts.append(f"not run: {', '.join(left)}")
    return MASK.text("\n\n".join(parts)) or f"{state.message or ''}"


def _told(key: str, failure: Failure | None) -> str:
    assert failure is not None
    text = failure.traceback.rstrip() if failure.place else failure.message
    return f"`{key}` failed:\n{text}" + (f"\nhint: {failure.hint}" if failure.hint else "")


def _named(state: State) -> str:
    name = type(state).__name__
    return f"{name} ({state.message})" if state.message else name
