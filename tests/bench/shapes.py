"""The five shapes that are measured: flows of tasks that do nothing, and give a small number or a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flowkit import Flow, task
from flowkit.flow.task import FunctionTask

WIDTH = 16
_TEXT = "a line of text such as a record has " * 20


def number() -> int:
    """The small result."""
    return 1


def record() -> dict[str, Any]:
    """The large one: pickled it has a kilobyte."""
    return {
        "id": 4711,
        "name": "one of many",
        "when": "2026-11-22T06:00:00",
        "values": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5],
        "labels": {"kind": "measured", "unit": "mm", "place": "north"},
        "text": _TEXT[:800],
    }


class Tasks(NamedTuple):
    """The tasks that shapes are made of, all with one kind of result."""

    one: FunctionTask
    follow: FunctionTask
    join: FunctionTask
    blend: FunctionTask
    gather: FunctionTask


def _tasks(make: Callable[[], Any]) -> Tasks:
    def one() -> Any:
        return make()

    def follow(value: Any) -> Any:
        return make()

    def join(left: Any, right: Any) -> Any:
        return make()

    def blend(left: Any, middle: Any, right: Any) -> Any:
        return make()

    def gather(values: list[Any]) -> Any:
        return make()

    return Tasks(*map(task, (one, follow, join, blend, gather)))


RESULTS = {"number": number, "record": record}
_TASKS = {name: _tasks(make) for name, make in RESULTS.items()}


def _chain(tasks: Tasks, size: int) -> None:
    made = tasks.one()
    for _ in range(size - 1):
        made = tasks.follow(made)


def _fan(tasks: Tasks, size: int) -> None:
    source = tasks.one()
    tasks.gather([tasks.follow(source) for _ in range(size - 2)])


def _stencil(tasks: Tasks, size: int) -> None:
    row = [tasks.one() for _ in range(WIDTH)]
    for _ in range(size // WIDTH - 1):
        row = [tasks.blend(row[at - 1], row[at], row[(at + 1) % WIDTH]) for at in range(WIDTH)]


def _tree(tasks: Tasks, size: int) -> None:
    row = [tasks.one() for _ in range(size // 2)]
    while len(row) > 1:
        row = [tasks.join(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)] + row[len(row) & ~1 :]


def _independent(tasks: Tasks, size: int) -> None:
    for _ in range(size):
        tasks.one()


_WRITE: dict[str, Callable[[Tasks, int], Any]] = {
    "chain": _chain,
    "fan": _fan,
    "stencil": _stencil,
    "tree": _tree,
    "independent": _independent,
}
SHAPES = tuple(_WRITE)


def build(shape: str, size: int, result: str = "number") -> Flow:
    """A flow of about so many tasks.

    Args:
        result: what each gives: `number` or `record`.
    """
    with Flow(shape) as flow:
        _WRITE[shape](_TASKS[result], size)
    return flow
