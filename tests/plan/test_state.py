"""States: what they know, how they are told apart, pickled and written. Prefect classic, group 11."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from flowkit import state as states
from flowkit.errors import UsageError
from flowkit.plan.state import CLASSES, State, status_of
from flowkit.plan.status import SUCCESS, Status
from flowkit.state import (
    Cached,
    Cancelled,
    ClientFailed,
    Failed,
    Finished,
    Looped,
    Mapped,
    NoResult,
    Paused,
    Pending,
    Queued,
    Retrying,
    Scheduled,
    Skipped,
    Submitted,
    Success,
)

ALL = State.children(include_self=True)
CHECKS = {
    "Cached": {"cached", "finished", "successful"},
    "Cancelled": {"cancelled", "finished"},
    "Cancelling": {"running"},
    "ClientFailed": {"meta_state"},
    "Failed": {"failed", "finished"},
    "Finished": {"finished"},
    "Looped": {"finished", "looped"},
    "Mapped": {"finished", "mapped", "successful"},
    "Paused": {"pending", "scheduled"},
    "Pending": {"pending"},
    "Queued": {"meta_state", "queued", "scheduled"},
    "Resume": {"pending", "scheduled"},
    "Retrying": {"pending", "retrying", "scheduled"},
    "Running": {"running"},
    "Scheduled": {"pending", "scheduled"},
    "Skipped": {"finished", "skipped", "successful"},
    "State": set[str](),
    "Submitted": {"meta_state", "submitted"},
    "Success": {"finished", "successful"},
    "TimedOut": {"failed", "finished"},
    "TriggerFailed": {"failed", "finished"},
    "ValidationFailed": {"failed", "finished"},
}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_state_answers_the_questions_that_fit(kind: type[State]) -> None:
    state = kind("m")
    found = {name[3:] for name in dir(State) if name.startswith("is_") and getattr(state, name)()}
    assert found == CHECKS[kind.__name__]
    assert repr(state) == f'<{kind.__name__}: "m">' and repr(kind()) == f"<{kind.__name__}>"
    assert state.result is None and state.context == {} and state.cached_inputs == {}


def test_each_state_has_a_colour_of_its_own() -> None:
    colors = [kind.color for kind in ALL]
    assert len(set(colors)) == len(colors)


def test_children_and_parents_leave_out_what_is_private() -> None:
    assert Scheduled.children(names_only=True) == ["Paused", "Resume", "Retrying"]
    assert Failed.parents(names_only=True) == ["Finished", "State"]
    assert Failed.parents(include_self=True)[0] is Failed
    assert "_MetaState" not in State.children(names_only=True)
    assert set(State.children(names_only=True)) | {"State", "NoResult"} == set(states.__all__)


def test_states_are_equal_by_class_result_and_attributes() -> None:
    assert Success("a", 1, context={"tags": []}) == Success("b", 1)
    assert Success(result=1) != Success(result=2)
    assert Success(cached_inputs={"a": 1}) != Success(cached_inputs={"a": 2})
    assert Success(result=1) != Cached(result=1)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert Retrying(start_time=at, run_count=2) == Retrying(start_time=at, run_count=2)
    assert Retrying(start_time=at, run_count=2) != Retrying(start_time=at, run_count=3)
    assert len({Success(result=1), Success(result=1)}) == 2


def test_times_and_counts_have_the_defaults_of_classic() -> None:
    assert Scheduled().start_time is not None and Paused().start_time is None
    assert (Retrying().run_count, Looped().loop_count) == (1, 1)
    assert Mapped(map_states=[Success()]).n_map_states == 1
    assert Mapped(n_map_states=3).n_map_states == 3
    cached = Cached(cached_result_expiration=datetime(2026, 1, 1, tzinfo=UTC), hashed_inputs={"x": "1"})
    assert cached.hashed_inputs == {"x": "1"} and cached.cached_parameters is None


def test_meta_states_never_nest() -> None:
    inner = Pending()
    assert Submitted(state=Queued(state=ClientFailed(state=inner))).state is inner


def test_no_result_is_one_and_shows_as_none() -> None:
    assert Success()._result is NoResult and Success(result=None)._result is None
    assert pickle.loads(pickle.dumps(NoResult)) is NoResult
    assert not NoResult and repr(NoResult) == "<NoResultType: None>"


class UnpicklableError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("no")


def test_an_exception_that_cannot_be_pickled_becomes_a_sentence_and_other_results_raise() -> None:
    found = pickle.loads(pickle.dumps(Failed("m", UnpicklableError("hi"))))
    assert found.message == "m" and "UnpicklableError('hi')" in found.result
    with pytest.raises(TypeError):
        pickle.dumps(Success(result=(each for each in [1])))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_state_comes_back_from_json_without_its_value(kind: type[State]) -> None:
    state = kind("m", result=object(), context={"tags": ["a"]})
    document = json.loads(json.dumps(state.serialize()))
    found = State.deserialize(document)
    assert type(found) is kind and found.message == "m" and found.context == {"tags": ["a"]}
    assert found.result is None
    state.result = None
    assert found == state


def test_what_a_state_is_about_and_how_many_children_there_are_come_back_too() -> None:
    found = State.deserialize(Submitted(state=Looped(loop_count=4)).serialize())
    assert isinstance(found, Submitted) and found.state == Looped(loop_count=4)
    mapped = State.deserialize(Mapped(map_states=[Success()]).serialize())
    assert isinstance(mapped, Mapped) and mapped.n_map_states == 1 and mapped.map_states == []


def test_a_state_of_the_user_s_own_is_written_as_its_base() -> None:
    class Mine(Skipped):
        pass

    assert type(State.deserialize(Mine("m").serialize())) is Skipped
    with pytest.raises(UsageError, match="there is no state `Any`"):
        State.deserialize({"type": "Any"})


def test_every_status_has_a_state_and_every_end_its_status() -> None:
    assert CLASSES.keys() == {int(status) for status in Status}
    for status in Status:
        if status.ended:
            assert status_of(CLASSES[status]()) == status

    class Mine(Success):
        pass

    assert status_of(Mine()) == SUCCESS and status_of(Finished()) == SUCCESS
    assert not Status.LOOPED.ended and not Status.PAUSED.bad
    assert isinstance(Cancelled(), Finished)
