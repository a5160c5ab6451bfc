"""Values and collections as tasks, so that a list of results is a result.

Source of the rules: Prefect classic, 2.7 to 2.9. A collection without a task inside is one constant.
Nothing recurses: a list may be nested as deep as memory allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient, manners
from flowkit.flow.mapping import EdgeAnnotation
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow

_CONTAINERS = (list, tuple, set, dict)


class Constant(Task):
    """A value that is known when the flow is written."""

    __slots__ = ("auto_generated", "value")

    def __init__(self, value: Any, name: str | None = None) -> None:
        super().__init__(name=name or _shown(value))
        self.value = value
        self.auto_generated = False
        self.is_carrier = True

    def run(self) -> Any:
        """The value itself."""
        return self.value


class Collection(Task):
    """Base of the tasks that gather results; their arguments are named `arg_1`, `arg_2`, …"""

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.auto_generated = self.is_carrier = True

    def gather(self, flow: Flow, items: Iterable[Any], mapped: bool = False) -> Self:
        """Add this task to the flow with these items."""
        flow.add_task(self)
        for number, item in enumerate(items, 1):
            flow.connect(item, self, f"arg_{number}", mapped)
        return self

    def bind(
        self,
        *items: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **named: Any,
    ) -> Self:
        """Add this very task, not a copy, with these items, and return it."""
        named |= {f"arg_{number}": item for number, item in enumerate(items, 1)}
        return super().bind(mapped=mapped, upstream_tasks=upstream_tasks, flow=flow, **named)

    @staticmethod
    def ordered(items: dict[str, Any]) -> list[Any]:
        """The items in the order of their numbers; some may be missing."""
        return [items[key] for key in sorted(items, key=lambda key: int(key.partition("_")[2]))]


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


class Dict(Task):
    """A dict of results: of a list of keys, which are constants, and a `List` of values."""

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.auto_generated = self.is_carrier = True

    def run(self, keys: list[Any], values: list[Any]) -> dict[Any, Any]:
        """The values under their keys.

        Raises:
            ValueError: there are more of the one than of the other.
        """
        return dict(zip(keys, values, strict=True))


def as_task(value: Any, flow: Flow) -> Task:
    """The task that gives `value`: itself, a collection of tasks, or a constant."""
    if isinstance(value, Task):
        return value
    if isinstance(value, EdgeAnnotation):
        raise CallError(f"`{type(value).__name__}` goes around an argument of a task, nowhere else")
    holders = containers_with_tasks(value)
    if not holders:
        constant = Constant(value)
        constant.auto_generated = True
        return constant
    made = {id(item): _Gathering(item, flow) for item in _as_written(value, holders, flow)}
    for container in holders:
        made[id(container)].connect([made.get(id(item), item) for item in _items(container)])
    return made[id(value)].task


def task_of(x: Any, flow: Flow | None = None) -> Task:
    """The task that gives `x`, in this flow, or in the one that is being written.

    Raises:
        CallError: `x` holds tasks, and there is no flow.
    """
    if isinstance(x, Task) or not containers_with_tasks(x):
        return as_task(x, flow)  # type: ignore[arg-type]
    return as_task(x, ambient.flow_for(type(x).__name__, flow))


class _Gathering:
    """The tasks that give a container: added to the flow when this is made, connected later.

    The order in which they are added is that of their slugs.
    """

    def __init__(self, container: Any, flow: Flow) -> None:
        self._container, self._flow = container, flow
        self.task: Task
        self._items: Collection
        if isinstance(container, dict):
            self.task, self._items = Dict(), List()
            flow.add_task(self.task)
        else:
            kind = next(made for kept, made in _KINDS.items() if isinstance(container, kept))
            self.task = self._items = kind()
        flow.add_task(self._items)

    def connect(self, items: Iterable[Any]) -> None:
        """Connect it to its items."""
        self._items.gather(
            self._flow, [item.task if isinstance(item, _Gathering) else item for item in items]
        )
        if self.task is not self._items:
            self.task.bind(list(self._container), self._items, flow=self._flow)


def _as_written(value: Any, holders: list[Any], flow: Flow) -> Iterator[Any]:
    """These containers within `value`, each before what is in it; tasks are added to the flow on the way."""
    left = {id(container) for container in holders}
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Task) and type(item) is not Constant:
            flow.add_task(item)
        elif id(item) in left:
            left.remove(id(item))
            yield item
            stack += reversed(list(_items(item)))


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
        if isinstance(key, Task) and not manners.classic:
            raise CallError(
                f"the task `{key.name}` is the key of a dict; only values can be results of tasks"
            )
    return container.values()


_KINDS: dict[type, type[Collection]] = {list: List, tuple: Tuple, set: Set}
_SHORT = 8  # characters; the name of a constant is what Prefect classic calls it


def _shown(value: Any) -> str:
    """The name of a constant: how it is written where that is short, else `Constant[type]`."""
    if _may_be_short(value):
        try:
            shown = repr(value)
        except Exception:  # the user's code
            shown = ""
        if 0 < len(shown) <= _SHORT:
            return shown
    return f"Constant[{type(value).__name__}]"


def _may_be_short(value: Any, depth: int = 0) -> bool:
    """Whether it is worth writing a value out: what is large costs more than its name is worth."""
    if isinstance(value, str | bytes):
        return len(value) <= _SHORT
    if isinstance(value, int):
        return value.bit_length() < 32
    if isinstance(value, (*_CONTAINERS, frozenset)):
        return depth < 4 and len(value) < 3 and all(_may_be_short(item, depth + 1) for item in value)
    return True
