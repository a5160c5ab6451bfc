"""What is known before a run of its cache, and what is not."""

import random

from flowkit import flow, task


@task
def gen(month: int) -> list[int]:
    return [month, random.randrange(100)]


@task(cache=True)
def given(month: int) -> int:
    return month * 2


@task(cache=True)
def above(number: int) -> int:
    return number + 1


@task(cache=True)
def odd(numbers: list[int]) -> list[int]:
    return [number for number in numbers if number % 2]


@flow
def cached(month: int = 1):
    """Four tasks, three of them with a cache."""
    odd(gen(month))
    above(given(month))
