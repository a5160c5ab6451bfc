"""Group 11 of classic's rules, states, as whole flows."""

from __future__ import annotations

import pickle
import threading
from types import SimpleNamespace


def ended() -> SimpleNamespace:
    """The states of tasks that returned 1 and None, failed, skipped, and were mapped."""
    from prefect import Flow, task
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

    with Flow("f") as flow:
        one, none, failed, skipped = keep(1), keep(None), fail(), skip()
        after, mapped = keep(failed), keep.map([1, 2])
    result = flow.run().result
    return SimpleNamespace(
        one=result[one],
        none=result[none],
        failed=result[failed],
        skipped=result[skipped],
        after=result[after],
        mapped=result[mapped],
    )


def test_states_are_kinds_of_each_other() -> None:
    """11.1: what is successful, failed, finished or pending is so by its class."""
    from prefect.engine import state as s

    for kind, base in (
        (s.Scheduled, s.Pending),
        (s.Paused, s.Scheduled),
        (s.Resume, s.Scheduled),
        (s.Retrying, s.Scheduled),
        (s.Cancelling, s.Running),
        (s.Looped, s.Finished),
        (s.Success, s.Finished),
        (s.Cached, s.Success),
        (s.Mapped, s.Success),
        (s.Skipped, s.Success),
        (s.Failed, s.Finished),
        (s.TimedOut, s.Failed),
        (s.TriggerFailed, s.Failed),
        (s.ValidationFailed, s.Failed),
        (s.Cancelled, s.Finished),
        (s.Finished, s.State),
    ):
        assert issubclass(kind, base), kind
    assert not issubclass(s.Cancelled, s.Failed)
    states = ended()
    assert isinstance(states.skipped, s.Success)
    assert isinstance(states.after, s.Failed)


def test_states_can_be_asked() -> None:
    """11.2: each `is_…` says one thing of a state."""
    from prefect.engine import state as s

    states = ended()
    assert states.one.is_successful() and states.one.is_finished() and not states.one.is_failed()
    assert states.failed.is_failed() and states.failed.is_finished()
    assert states.skipped.is_skipped() and states.skipped.is_successful()
    assert states.mapped.is_mapped() and states.mapped.is_successful()
    assert s.Pending().is_pending() and not s.Pending().is_finished()
    assert s.Retrying().is_retrying() and s.Retrying().is_scheduled() and s.Retrying().is_pending()
    assert s.Running().is_running() and s.Cached().is_cached() and s.Looped().is_looped()
    assert s.Queued().is_queued() and s.Submitted().is_submitted() and s.Submitted().is_meta_state()
    assert not s.Cancelled().is_failed()


def test_states_have_what_happened_in_them() -> None:
    """11.3: message and result, and what their kind needs; each kind has a colour of its own."""
    from prefect.engine import state as s

    states = ended()
    assert (states.one.message, states.one.result) == ("Task run succeeded.", 1)
    assert "no" in states.failed.message
    assert isinstance(states.failed.result, ValueError)
    assert [child.result for child in states.mapped.map_states] == [1, 2]
    assert states.mapped.n_map_states == 2
    assert s.Scheduled().start_time is not None
    assert s.Paused().start_time is None
    assert (s.Retrying(run_count=2).run_count, s.Looped(loop_count=3).loop_count) == (2, 3)
    kinds = (s.Pending, s.Running, s.Success, s.Failed, s.Skipped, s.Cached, s.Mapped)
    colours = [kind.color for kind in kinds]
    assert len(set(colours)) == len(colours)


def test_states_are_equal_by_kind_and_result() -> None:
    """11.4: message and context do not matter; the hash is that of the object."""
    from prefect.engine.state import Cached, Success

    states = ended()
    assert states.one == Success("another message", result=1)
    assert states.one != Success(result=2)
    assert Success(result=1) != Cached(result=1)
    assert len({Success(result=1), Success(result=1)}) == 2


def test_kinds_of_states_can_be_listed() -> None:
    """11.5: `children` and `parents`, without what is private."""
    from prefect.engine.state import Cached, Failed, State

    assert {kind.__name__ for kind in Failed.children()} == {"TimedOut", "TriggerFailed", "ValidationFailed"}
    assert {kind.__name__ for kind in Cached.parents()} == {"Success", "Finished", "State"}
    everything = {kind.__name__ for kind in State.children()}
    assert {"Pending", "Running", "Success", "Retrying", "Mapped", "Cancelled"} <= everything
    assert not any(name.startswith("_") for name in everything)


def test_a_state_about_a_state_holds_no_other_of_its_kind() -> None:
    """11.6: Queued within Submitted is the state within it; a run takes up what they hold."""
    from prefect import Flow, task
    from prefect.engine.state import Pending, Queued, Submitted

    inner = Pending("inner")
    assert Submitted(state=Queued(state=inner)).state is inner

    @task
    def one():
        return 1

    with Flow("f") as flow:
        x = one()
    assert flow.run(task_states={x: Submitted(state=inner)}).result[x].result == 1


def test_an_exception_that_cannot_be_pickled_is_told_in_words() -> None:
    """11.7: in its place there is text; any other result that cannot be pickled raises."""
    import pytest
    from prefect import Flow, task

    @task
    def fail():
        raise RuntimeError(threading.Lock())

    @task
    def lock():
        return threading.Lock()

    with Flow("f") as flow:
        failed, good = fail(), lock()
    state = flow.run()
    told = pickle.loads(pickle.dumps(state.result[failed]))
    assert told.is_failed()
    assert "RuntimeError" in told.result
    with pytest.raises(TypeError):
        pickle.dumps(state.result[good])


def test_no_result_is_told_from_none() -> None:
    """11.8: both show as None; what is behind differs."""
    from prefect.engine.result import NoResult
    from prefect.engine.state import Success

    states = ended()
    assert states.none.result is Success().result is None
    assert Success()._result is NoResult
    assert states.none._result is not NoResult


def test_a_state_is_written_without_its_value() -> None:
    """11.9: as JSON it has kind and message, and never the value."""
    import json

    from prefect.engine.state import State

    written = json.dumps(ended().one.serialize())
    again = State.deserialize(json.loads(written))
    assert (type(again).__name__, again.message) == ("Success", "Task run succeeded.")
    assert again.result is None
