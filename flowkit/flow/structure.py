"""Values and collections as tasks, so that a list of results is a result.

Source of the rules: Prefect classic, 2.7 to 2.9. A collection without a task inside is one constant.
Nothing recurses: a list may be nested as deep as memory allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.mapping import EdgeAnnotation
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow

_CONTAINERS = (list, tuple, set, dict)


class Constant(Task):
    """A value that is known when the flow is written."""

    __slots__ = ("value",)

    def __init__(self, value: Any, name: str | None = None) -> None:
        super().__init__(name=name or _shown(value))
        self.value = value
        self.auto_generated = True

    def run(self) -> Any:
        """The value itself."""
        return self.value


class Value(Task):
    """A value as it is: makes a task of what is mapped, flattened or gated differently from its source."""

    def __init__(self) -> None:
        super().__init__(name="value")
        self.auto_generated = True

    def run(self, value: Any) -> Any:
        """The value itself."""
        return value


class Collection(Task):
    """Base of the tasks that gather results; their arguments are named `task_1`, `task_2`, …"""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.auto_generated = True

    def gather(self, flow: Flow, items: Iterable[Any]) -> Task:
        """Add this task to the flow with these items."""
        flow.add_task(self)
        for number, item in enumerate(items, 1):
            flow.connect(item, self, f"task_{number}", False)
        return self

    @staticmethod
    def ordered(items: dict[str, Any]) -> list[Any]:
        """The items in the order of their numbers; some may be missing."""
        return [items[key] for key in sorted(items, key=lambda key: int(key[5:]))]


class List(Collection):
    """A list of results, in order."""

    def run(self, **items: Any) -> list[Any]:
        """The items as a list."""
        return self.ordered(items)


class Tuple(Collection):
    """A tuple of results, in order."""

    def run(self, **items: Any) -> tuple[Any, ...]:
        """The items as a tuple."""
        return tuple(self.ordered(items))


class Set(Collection):
    """A set of results."""

    def run(self, **items: Any) -> set[Any]:
        """The items as a set."""
        return set(self.ordered(items))


class Dict(Collection):
    """A dict of results; the keys are constants."""

    def __init__(self, keys: Iterable[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self.keys = tuple(keys)

    def run(self, **items: Any) -> dict[Any, Any]:
        """The items under their keys."""
        return dict(zip(self.keys, self.ordered(items), strict=True))


def as_task(value: Any, flow: Flow) -> Task:
    """The task that gives `value`: itself, a collection of tasks, or a constant."""
    if isinstance(value, Task):
        return value
    if isinstance(value, EdgeAnnotation):
        raise CallError(f"`{type(value).__name__}` goes around an argument of a task, nowhere else")
    holders = containers_with_tasks(value)
    if not holders:
        return Constant(value)
    made: dict[int, Task] = {}
    for container in holders:
        items = _items(container)
        if any(isinstance(item, EdgeAnnotation) for item in items):
            raise CallError(
                "`unmapped`, `mapped` and `flatten` go around an argument, not inside a collection"
            )
        made[id(container)] = _collection(container).gather(
            flow, [made.get(id(item), item) if isinstance(item, _CONTAINERS) else item for item in items]
        )
    return made[id(value)]


def containers_with_tasks(value: Any) -> list[Any]:
    """The containers within `value` that hold a task, directly or deeper, inner ones first.

    Raises:
        DefinitionError: a container holds itself and a task.
        CallError: a task is the key of a dict.
    """
    if not isinstance(value, _CONTAINERS):
        return []
    holding: set[int] = set()
    open_: set[int] = set()
    done: set[int] = set()
    found: list[Any] = []
    cyclic = False
    stack: list[tuple[Any, bool]] = [(value, False)]
    while stack:
        container, visited = stack.pop()
        mark = id(container)
        if visited:
            open_.discard(mark)
            done.add(mark)
            if any(
                isinstance(item, Task | EdgeAnnotation) or id(item) in holding for item in _items(container)
            ):
                holding.add(mark)
                found.append(container)
            continue
        if mark in open_ or mark in done:
            cyclic = cyclic or mark in open_
            continue
        open_.add(mark)
        stack.append((container, True))
        stack.extend((item, False) for item in _items(container) if isinstance(item, _CONTAINERS))
    if cyclic and found:
        raise DefinitionError("an argument is a collection that holds itself, and tasks too")
    return found


def _items(container: Any) -> Iterable[Any]:
    if not isinstance(container, dict):
        return container  # type: ignore[no-any-return]
    for key in container:
        if isinstance(key, Task):
            raise CallError(
                f"the task `{key.name}` is the key of a dict; only values can be results of tasks"
            )
    return container.values()


def _collection(container: Any) -> Collection:
    if isinstance(container, dict):
        return Dict(container)
    kinds: dict[type, type[Collection]] = {list: List, tuple: Tuple, set: Set}
    for kind, made in kinds.items():
        if isinstance(container, kind):
            return made()
    raise AssertionError(type(container))


def _shown(value: Any) -> str:
    """A short name for a constant; large or odd values are named by their type."""
    if type(value) is str:
        return repr(value) if len(value) < 40 else repr(value[:37] + "…")
    if type(value) in (bool, float, type(None)) or (type(value) is int and abs(value) < 10**30):
        return repr(value)
    return type(value).__name__
