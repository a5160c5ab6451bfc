"""The five shapes that are measured: flows of tasks that do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowkit import Flow, task

WIDTH = 16


@task
def one() -> int:
    return 1


@task
def follow(value: int) -> int:
    return value


@task
def join(left: int, right: int) -> int:
    return left


@task
def blend(left: int, middle: int, right: int) -> int:
    return middle


@task
def gather(values: list[int]) -> int:
    return 1


def _chain(size: int) -> None:
    made = one()
    for _ in range(size - 1):
        made = follow(made)


def _fan(size: int) -> None:
    source = one()
    gather([follow(source) for _ in range(size - 2)])


def _stencil(size: int) -> None:
    row = [one() for _ in range(WIDTH)]
    for _ in range(size // WIDTH - 1):
        row = [blend(row[at - 1], row[at], row[(at + 1) % WIDTH]) for at in range(WIDTH)]


def _tree(size: int) -> None:
    row = [one() for _ in range(size // 2)]
    while len(row) > 1:
        row = [join(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)] + row[len(row) & ~1 :]


def _independent(size: int) -> None:
    for _ in range(size):
        one()


_WRITE: dict[str, Callable[[int], Any]] = {
    "chain": _chain,
    "fan": _fan,
    "stencil": _stencil,
    "tree": _tree,
    "independent": _independent,
}
SHAPES = tuple(_WRITE)


def build(shape: str, size: int) -> Flow:
    """A flow of about so many tasks."""
    with Flow(shape) as flow:
        _WRITE[shape](size)
    return flow
