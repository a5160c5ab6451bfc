"""Results and exceptions of which nothing may be asked, and flows of a size that nobody draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from flowkit.flow.control import merge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task
from flowkit.plan.state import Failed, State, Success, TriggerFailed

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


def ended(run: Run, build: Callable[[], Task], **parameters: Any) -> State:
    """How the task that `build` makes ends."""
    with Flow("ended") as flow:
        made = build()
    state: State = run(flow, **parameters).result[made]
    return state


# -- results of which nothing may be asked ------------------------------------------------------


class Untouchable:
    """Whatever is asked of it, it raises, also what an `except Exception` lets through."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise SystemExit("I was touched.")

    __eq__ = __ne__ = __lt__ = __bool__ = __len__ = __iter__ = __hash__ = _refuse
    __repr__ = __str__ = __getitem__ = __contains__ = __call__ = __await__ = _refuse
    __getattr__ = _refuse


def untouched(value: Any, thing: Untouchable) -> bool:
    """Whether the value is the thing, looked at without touching it."""
    return value is thing


@pytest.mark.parametrize("executed", [True, False], ids=["result", "constant"])
def test_a_value_passes_through_untouched(run: Run, executed: bool) -> None:
    thing = Untouchable()
    make = task(lambda: thing)
    with Flow("f") as flow:
        first: Any = make() if executed else thing
        second = give(first)
        joined = merge(second, second)
        ordered = give.copy(trigger="always_run")(second, upstream_tasks=[second])
        asked = give.copy(trigger=lambda states: len(states) == 1)(second)
        last = task(untouched)(second, first)
    state = run(flow)
    for made in (second, joined, ordered, asked):
        assert untouched(state.result[made].result, thing)
    assert state.result[last].result is True


def test_a_value_inside_collections_and_children_is_untouched(run: Run) -> None:
    thing = Untouchable()
    make = task(lambda *, _=None: thing)
    with Flow("f") as flow:
        listed = give([make(), {"k": (make(),)}])
        children = task(lambda x: thing).map([1, 2])
        followed = give.map(children)
        whole = task(lambda x, y: y).map([1], unmapped(children))
        reduced = give(children)
        spread = give.map([make(), make()])
    state = run(flow)
    first, second = state.result[listed].result
    assert untouched(first, thing) and untouched(second["k"][0], thing)
    for made in (children, followed, reduced, spread):
        found = state.result[made].result
        assert type(found) is list and len(found) == 2
        assert all(untouched(value, thing) for value in found)
    assert untouched(state.result[whole].result[0][1], thing)


def test_a_parameter_s_value_is_untouched(run: Run) -> None:
    thing = Untouchable()
    with Flow("f") as flow:
        made = give(Parameter("x", default=None))
    assert untouched(run(flow, x=thing).result[made].result, thing)


class Long:
    """Has a length and elements, one of which cannot be had, and no truth."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        if index == 1:
            raise ValueError("lost")
        return index

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __iter__(self) -> Iterator[int]:
        raise ValueError("not from the start")


def test_a_sequence_is_mapped_over_by_its_length_and_index(run: Run) -> None:
    state = ended(run, lambda: give.map(task(Long)()))
    assert [type(child) for child in state.map_states] == [Success, Failed, Success]  # type: ignore[attr-defined]
    assert state.result[::2] == [0, 2]


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_length_that_raises_is_no_length(run: Run, error: type[BaseException]) -> None:
    class Broken:
        def __len__(self) -> int:
            raise error

        def __getitem__(self, index: int) -> int:
            return index

    with Flow("f") as flow:
        source = task(Broken)()
        made = give.map(source)
    state = run(flow)
    assert state.is_failed()
    assert not state.result[made].is_successful()


# -- exceptions ---------------------------------------------------------------------------------


class Own(BaseException):
    """Derived from what `except Exception` lets through."""


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class WordlessError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class DeafError(Exception):
    def __eq__(self, other: object) -> bool:
        raise ValueError

    __bool__ = __len__ = __iter__ = __hash__ = __eq__  # type: ignore[assignment]


ALWAYS = [
    ValueError,
    Own,
    SystemExit,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    MemoryError,
    RecursionError,
]
ODD = [SpeechlessError, WordlessError, DeafError]


def failing(error: Callable[[], BaseException]) -> Task:
    def run() -> None:
        raise error()

    return task(run)


@pytest.mark.parametrize("error", [*ALWAYS, *ODD])
def test_whatever_a_task_raises_is_its_failure_alone(run: Run, error: type[BaseException]) -> None:
    with Flow("f") as flow:
        bad, good = failing(error)(), give(5)
        behind = give(bad)
        handled = give.copy(trigger="all_failed")(bad)
    state = run(flow)
    assert state.is_failed()
    assert type(state.result[bad]) is Failed
    assert type(state.result[bad].result) is error
    assert error.__name__ in str(state.result[bad].message)
    assert type(state.result[behind]) is TriggerFailed
    assert state.result[good].result == 5
    assert state.result[handled].result is state.result[bad].result


@pytest.mark.parametrize("error", [*ALWAYS, *ODD])
def test_whatever_a_task_raises_is_tried_again(run: Run, error: type[BaseException]) -> None:
    attempts: list[int] = []

    @task(max_retries=1, retry_delay=0)
    def once() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise error
        return "done"

    assert ended(run, once).result == "done"


def test_a_keyboard_interrupt_of_the_task_s_own_is_a_failure_in_a_thread(run_threads: Run) -> None:
    with Flow("f") as flow:
        bad, good = failing(KeyboardInterrupt)(), give(5)
    state = run_threads(flow)
    assert type(state.result[bad]) is Failed
    assert isinstance(state.result[bad].result, KeyboardInterrupt)
    assert state.result[good].result == 5


@pytest.mark.parametrize("error", [ValueError, SystemExit, Own, GeneratorExit])
def test_whatever_a_coroutine_raises_is_its_failure_alone(run: Run, error: type[BaseException]) -> None:
    @task
    async def fail() -> None:
        raise error

    state = ended(run, fail)
    assert type(state) is Failed and isinstance(state.result, error)


def test_an_exception_without_text_has_a_sentence_in_its_place(run: Run) -> None:
    message = str(ended(run, failing(SpeechlessError)).message)
    assert "SpeechlessError" in message and "`__str__` raised RuntimeError" in message


def test_a_group_of_exceptions_is_a_failure(run: Run) -> None:
    def error() -> BaseException:
        return BaseExceptionGroup(
            "two", [SystemExit("a"), ExceptionGroup("more", [SpeechlessError(), KeyError()])]
        )

    state = ended(run, failing(error))
    assert isinstance(state.result, BaseExceptionGroup)
    assert str(state.message).startswith("BaseExceptionGroup: two (2 sub-exceptions)")


def test_causes_that_go_in_a_circle_do_not_hang(run: Run) -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    first.__context__ = second.__context__ = first
    assert ended(run, failing(lambda: first)).message == "Error during execution of task: ValueError('a')"


def test_very_many_causes_do_not_recurse(run: Run) -> None:
    error = last = ValueError("first")
    for number in range(10_000):
        last.__cause__ = ValueError(number)
        last = last.__cause__
    assert ended(run, failing(lambda: error)).message == "Error during execution of task: ValueError('first')"
    link: BaseException | None = error
    while link is not None:  # freeing the chain at once would recurse
        following, link.__cause__ = link.__cause__, None
        link = following


def test_a_message_of_ten_megabytes_is_shortened_and_the_exception_is_whole(run: Run) -> None:
    state = ended(run, failing(lambda: ValueError("x" * 10_000_000)))
    assert len(str(state.message)) < 20_000
    assert "(10000000 characters)" in str(state.message)
    assert len(state.result.args[0]) == 10_000_000


def test_a_traceback_of_many_frames_is_a_failure(run: Run) -> None:
    def endless(depth: int) -> int:
        return endless(depth + 1) + 1

    state = ended(run, failing(lambda: ValueError(endless(0))))
    assert isinstance(state.result, RecursionError)


# -- size ---------------------------------------------------------------------------------------


def test_a_chain_of_a_hundred_thousand_runs_without_recursion(run_inline: Run, run_threads: Run) -> None:
    @task
    def add_one(x: int) -> int:
        return x + 1

    with Flow("chain") as flow:
        last = give(0)
        for _ in range(100_000):
            last = add_one(last)
    for run in (run_inline, run_threads):
        assert run(flow).result[last].result == 100_000


def test_a_failure_goes_down_a_long_chain_without_recursion(run: Run) -> None:
    with Flow("f") as flow:
        last = failing(ValueError)()
        for _ in range(20_000):
            last = give(last)
    assert type(run(flow).result[last]) is TriggerFailed


def test_a_task_may_wait_for_ten_thousand_others(run: Run) -> None:
    with Flow("f") as flow:
        made = task(lambda: "done")(upstream_tasks=[give(number) for number in range(10_000)])
    assert run(flow).result[made].result == "done"
