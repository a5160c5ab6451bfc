"""Results that are found again within a process, where no history remembers the run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from flowkit import Flow, Task, task
from flowkit.runs import process_cache

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    process_cache.forget()
    yield
    process_cache.forget()


def result_of(made: Any, *arguments: Any) -> Any:
    with Flow("alone") as flow:
        found = made(*arguments)
    return flow.run(history=False).result[found].result


def test_it_is_found_by_its_inputs() -> None:
    ran: list[int] = []

    @task(cache_for=HOUR)
    def note(x: int) -> int:
        ran.append(x)
        return 10 * x

    assert [result_of(note, x) for x in (1, 2, 1)] == [10, 20, 10]
    assert ran == [1, 2]


class Add(Task):
    """Adds what it was made with."""

    def __init__(self, n: int, ran: list[int], **options: Any) -> None:
        super().__init__(**options)
        self.n = n
        self.note = ran.append

    def run(self, x: int) -> int:
        self.note(x)
        return x + self.n


def test_two_instances_of_a_task_class_do_not_have_each_others_results() -> None:
    ran: list[int] = []
    assert result_of(Add(1, ran, cache_for=HOUR), 5) == 6
    assert result_of(Add(2, ran, cache_for=HOUR), 5) == 7
    assert ran == [5, 5]


class Plus(Task):
    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = n

    def run(self, x: int) -> int:
        RAN.append(x)
        return x + self.n


RAN: list[int] = []


def test_an_instance_like_another_has_its_result() -> None:
    with Flow("twice") as flow:
        found = Plus(1, cache_for=HOUR)(5)
    assert [flow.run(history=False).result[found].result for _ in range(2)] == [6, 6]


class Unhashable:
    __name__ = "unhashable"
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __call__(self, x: int) -> int:
        return x + 1


def test_a_function_without_a_hash_is_run() -> None:
    made = task(Unhashable().__call__, name="unhashable", cache_for=HOUR)
    assert result_of(made, 1) == 2


def test_what_has_expired_is_let_go() -> None:
    @task(cache_for=timedelta(microseconds=1))
    def give(x: int) -> int:
        if x and len(process_cache._entries):
            raise AssertionError("the old value is still there")
        return x

    assert result_of(give, 1) == 1
    assert result_of(give, 1) == 1


def test_functions_that_are_asked_for_at_once_are_told_apart() -> None:
    def answer(number: int) -> tuple[int, Any]:
        @task(cache_for=HOUR)
        def give() -> int:
            return number

        return number, result_of(give)

    with ThreadPoolExecutor(8) as pool:
        assert all(number == given for number, given in pool.map(answer, range(200)))


def test_a_validator_of_ones_own_is_asked() -> None:
    seen: list[Any] = []

    def accept(state: Any, inputs: Any, parameters: Any) -> bool:
        seen.append((state.result, dict(inputs)))
        return bool(inputs["x"] < 3)

    @task(cache_for=HOUR, cache_validator=accept)
    def note(x: int) -> int:
        return 10 * x

    assert [result_of(note, x) for x in (1, 2, 3)] == [10, 10, 30]
    assert seen == [(10, {"x": 2}), (10, {"x": 3})]
