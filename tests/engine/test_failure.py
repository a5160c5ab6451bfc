"""From a live exception to what can be kept and shown of it, whatever the exception does."""

from __future__ import annotations

import functools
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import flowkit
from flowkit.engine.executors import LocalExecutor, ProcessExecutor, ThreadExecutor
from flowkit.engine.failure import describe
from flowkit.plan.failure import Failure, document_of, failure_in


class Hostile(BaseException):
    """Raises whenever it is looked at."""

    def _raise(self, *args: object) -> Any:
        raise SystemExit("hands off")

    __str__ = __repr__ = __reduce__ = __eq__ = _raise
    __hash__ = BaseException.__hash__


class PickyError(Exception):
    """Cannot be made from its `args`, so it cannot be unpickled."""

    def __init__(self, first: int, *, second: int) -> None:
        super().__init__(f"{first} and {second}")


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The exception as it is after it was raised."""
    try:
        raise error from cause
    except BaseException as found:
        return found


EXCEPTIONS = {
    "plain": ValueError("no"),
    "hostile": Hostile(),
    "picky": PickyError(1, second=2),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "generator": GeneratorExit(),
    "stop": StopIteration("x"),
    "group": BaseExceptionGroup(
        "many", [ValueError("a"), Hostile(), ExceptionGroup("in", [OSError(2, "x")])]
    ),
    "syntax": SyntaxError("bad", ("f.py", 1, 1, "x =", 1, 2)),
    "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "surrogate": ValueError("\udcff"),
    "no text": ValueError(),
}


@pytest.mark.parametrize("error", EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_every_exception_has_a_description_that_can_be_sent(error: BaseException) -> None:
    found = describe(caught(error))
    assert pickle.loads(pickle.dumps(found)) == found
    assert type(error).__name__ in found.type_name
    assert found.traceback.startswith("Traceback (most recent call last):")
    assert str(found)


def test_what_looks_like_a_secret_is_covered_in_every_message_and_stays_in_the_users_code() -> None:
    error = caught(
        ExceptionGroup("at a://u:hush@h", [OSError("password='hush'")]),
        cause=ValueError("Basic aHVzaDpodXNo"),
    )
    error.add_note("with Bearer hush123")
    found = json.dumps(document_of(describe(error)))
    assert found.count("hush") == 0
    try:
        raise ValueError("postgres://bob:S3CRET@host/db")
    except ValueError as raised:
        written = describe(raised)
    assert written.message == "postgres://bob:•••@host/db"
    assert any("bob:S3CRET@" in line for line in written.frames[-1].source)


def test_a_text_that_cannot_be_had_is_said_so() -> None:
    found = describe(caught(Hostile()))
    assert found.message == "<its text cannot be had: `__str__` raised SystemExit>"


def test_an_exception_that_cannot_be_pickled_is_described_in_full() -> None:
    found = describe(caught(PickyError(1, second=2), cause=ValueError(lambda: None)))
    assert found.message == "1 and 2"
    assert "was the direct cause" in found.traceback


def test_a_message_of_ten_megabytes_is_cut_and_its_length_said() -> None:
    found = describe(caught(ValueError("x" * 10_000_000)))
    assert len(found.message) < 11_000
    assert found.message.endswith("(10000000 characters)")
    assert len(found.traceback) < 25_000


def test_a_very_deep_traceback_is_cut_to_its_last_frames() -> None:
    def down(depth: int) -> None:
        if not depth:
            raise ValueError("at the bottom")
        down(depth - 1)

    with pytest.raises(ValueError) as raised:
        down(900)
    found = describe(raised.value)
    assert found.traceback.count("down(depth - 1)") < 100
    assert found.place.endswith("in down")
    assert "at the bottom" in found.traceback


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    found = describe(first)
    assert found.traceback.count("ValueError: first") == 1
    assert found.traceback.count("ValueError: second") == 1


def test_a_very_long_chain_of_causes_is_cut() -> None:
    error = ValueError("0")
    for number in range(1000):
        error = caught(ValueError(str(number)), cause=error)  # type: ignore[assignment]
    assert describe(error).traceback.count("ValueError") <= 10


def test_causes_come_first_and_suppressed_ones_not_at_all() -> None:
    def wrap(error: BaseException | None) -> Failure:
        try:
            try:
                raise KeyError("inner")
            except KeyError:
                raise ValueError("outer") from error
        except ValueError as found:
            return describe(found)

    explicit = wrap(OSError("cause"))
    assert explicit.traceback.index("OSError: cause") < explicit.traceback.index("ValueError: outer")
    assert "inner" not in wrap(None).traceback.replace('KeyError("inner")', "")


def test_the_members_of_a_group_are_listed() -> None:
    found = describe(caught(ExceptionGroup("both", [ValueError("a"), KeyError("b")])))
    assert "1: ValueError: a" in found.traceback
    assert "2: KeyError: 'b'" in found.traceback


def test_no_frame_of_flowkit_is_shown(carry_out: Any) -> None:
    @flowkit.task
    def fail() -> None:
        raise ValueError("no")

    with flowkit.Flow("fails") as flow:
        fail()
    outcome = carry_out(flow)
    found = outcome.engine.details[0, -1].failure
    assert str(Path(flowkit.__file__).parent) not in found.traceback
    assert found.traceback.count("  File ") == 1
    assert found.place == f"{__file__}:{fail.run.__code__.co_firstlineno + 2} in fail"


def test_the_type_is_named_with_its_module_where_it_is_not_a_builtin() -> None:
    assert describe(ValueError()).type_name == "ValueError"
    assert describe(pickle.PickleError()).type_name == "_pickle.PickleError"


def test_a_failure_is_shown_as_its_type_and_message() -> None:
    assert str(describe(ValueError("no"))) == "ValueError: no"
    assert str(describe(ValueError())) == "ValueError"


def test_a_failure_is_the_same_once_written_and_read() -> None:
    for error in EXCEPTIONS.values():
        failure = describe(caught(error, KeyError("cause")))
        assert failure_in(json.loads(json.dumps(document_of(failure)))) == failure


@pytest.mark.parametrize(
    "damage", [{"frames": [{"line": 1}]}, {"frames": 3}, {"inputs": []}, {"pid": "x"}, {"causes": [[]]}]
)
def test_what_is_damaged_is_read_as_nothing(damage: dict[str, Any]) -> None:
    assert failure_in({"kind": "error", "type_name": "E", "message": "", **damage}) is None


def test_what_an_earlier_release_has_written_is_read() -> None:
    old = {"kind": "error", "type_name": "E", "message": "no", "place": "f.py:1 in g", "traceback": "T"}
    assert failure_in(old) == Failure("error", "E", "no", "T", "f.py:1 in g")


def test_a_failure_is_bounded_however_much_there_is_to_say() -> None:
    def inner(values: dict[str, str], depth: int) -> None:
        text, rows = "x" * 500_000, [list(range(100_000))] * 1000
        if depth:
            inner({str(each): text for each in range(1000)}, depth - 1)
        for note in range(30):
            error.add_note(f"{note} {text}")
        assert rows
        raise error from ExceptionGroup(text, [OSError(text)] * 1000)

    error = ValueError("y" * 5_000_000)
    try:
        inner({}, 100)
    except ValueError as found:
        written = json.dumps(document_of(describe(found)))
    assert len(written) < 150_000


def test_what_is_short_has_no_source_and_no_values() -> None:
    failure = describe(caught(ValueError("no")), full=False)
    assert failure.frames and not failure.inputs
    assert all(not frame.source and not frame.values for frame in failure.frames)
    assert failure.place == describe(caught(ValueError("no"))).place


def passing_on(function: Any) -> Any:
    """A decorator as people write it; it refuses what is below zero."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if (-1) in (*args, *kwargs.values()):
            raise ValueError("refused before the call")
        return function(*args, **kwargs)

    return wrapper


@flowkit.task
@passing_on
@passing_on
def decorated(x: int, y: int = 2) -> None:
    z = x + y
    raise ValueError(f"within: {z}")


@pytest.mark.parametrize("executor", [LocalExecutor, ThreadExecutor, ProcessExecutor])
@pytest.mark.parametrize(
    ("x", "inputs"), [(1, (("x", "1"), ("y", "2"))), (-1, (("x", "-1"),))], ids=["within", "before"]
)
def test_the_inputs_of_a_decorated_task_are_those_of_its_own_function(
    carry_out: Any, executor: Any, x: int, inputs: Any
) -> None:
    with flowkit.Flow("f") as flow:
        decorated(x)
    outcome = carry_out(flow, executor())
    [failure] = [each.failure for each in outcome.engine.details.values() if each.failure is not None]
    assert failure.inputs == inputs
