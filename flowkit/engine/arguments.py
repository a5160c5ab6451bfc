"""Making the arguments of a call from what its upstreams gave, where that is not just looking them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowkit.engine.release import GONE
from flowkit.engine.sealed import is_closed
from flowkit.plan.facts import elements, flattened, flattened_children
from flowkit.plan.plan import CHILD, ELEMENT, FLAT_ELEMENT, FLAT_WHOLE, Argument
from flowkit.plan.status import CACHED, SKIPPED, SUCCESS

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


class Arguments:
    """The arguments of the calls of one run.

    Attributes:
        flat: the elements of the elements of values, while somebody may take them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._plan = engine.plan
        self.flat: dict[int, list[Any]] = {}

    def of(self, node: int, index: int, *, closed: bool = False) -> dict[str, Any]:
        """The arguments of a task, or of a child of a mapped one.

        Args:
            closed: what came sealed from elsewhere stays so, as far as it is passed on whole.
        """
        plan, values = self._plan, self._engine.values
        look = self._engine.sealed_value_of if closed else self._engine.value_of
        if node not in plan.arguments and node not in plan.merges:
            found = {}
            for name, ref in zip(self._names(node), plan.refs[node], strict=False):
                value = values[ref]
                found[name] = look(ref) if self._is_elsewhere(value, ref) else value
            return found
        given = {
            argument.name: self._made(argument, index, look)
            for argument in plan.arguments.get(node, ())
            if not (node in plan.merges and self._was_skipped(argument, index))
        }
        for name, ref in zip(self._names(node), plan.refs[node], strict=False):
            if not (node in plan.merges and ref < plan.size and self._engine.machine.status[ref] == SKIPPED):
                value = values[ref]
                given[name] = look(ref) if self._is_elsewhere(value, ref) else value
        return given

    def ahead(self, node: int, places: Mapping[int, int]) -> tuple[dict[str, Any], dict[str, int]]:
        """Of a plain task, the arguments that are there, as `of` gives them when closed, and those that come
        from calls which are sent together with it.

        Args:
            places: of these, by node.

        Returns:
            Values, and places, by name.
        """
        values, look = self._engine.values, self._engine.sealed_value_of
        given: dict[str, Any] = {}
        awaited: dict[str, int] = {}
        for name, ref in zip(self._names(node), self._plan.refs[node], strict=False):
            if ref in places:
                awaited[name] = places[ref]
            else:
                value = values[ref]
                given[name] = look(ref) if self._is_elsewhere(value, ref) else value
        return given, awaited

    def of_children(self, node: int, indexes: Sequence[int], *, closed: bool = False) -> list[dict[str, Any]]:
        """As `of`, of several children of one mapped task."""
        if node in self._plan.merges:
            return [self.of(node, index, closed=closed) for index in indexes]
        look = self._engine.sealed_value_of if closed else self._engine.value_of
        of_all = self._of_all(node, look)
        found = [of_all.copy() for _ in indexes]
        for argument in self._plan.arguments.get(node, ()):
            name = argument.name
            if argument.mode == ELEMENT:
                elements_of = self._engine.value_of(argument.source)
                for given, index in zip(found, indexes, strict=True):
                    given[name] = elements_of[index]
            else:
                for given, index in zip(found, indexes, strict=True):
                    given[name] = self._made(argument, index, look)
        return found

    def _of_all(self, node: int, look: Callable[..., Any]) -> dict[str, Any]:
        """What all children of a mapped task are given."""
        values = self._engine.values
        return {
            name: look(ref) if self._is_elsewhere(values[ref], ref) else values[ref]
            for name, ref in zip(self._names(node), self._plan.refs[node], strict=False)
        }

    def _is_elsewhere(self, value: Any, ref: int) -> bool:
        """Whether a value is not what is in memory: it was let go, is sealed, or its task has given none."""
        return value is GONE or is_closed(value) or (value is None and ref < self._plan.size)

    def _names(self, node: int) -> tuple[str, ...]:
        return self._plan.names[node] or self._plan.tasks[node]._signature.names

    def _made(self, argument: Argument, index: int, look: Callable[..., Any]) -> Any:
        source, mode = argument.source, argument.mode
        if mode == CHILD:
            return look(source, index)
        if mode == ELEMENT:
            return self._engine.value_of(source)[index]
        if mode == FLAT_ELEMENT:
            return self._flattened(source)[index]
        if mode == FLAT_WHOLE:
            return self._taken_apart(source, self._whole(source, self._engine.value_of))
        return self._whole(source, look)

    def _taken_apart(self, source: int, whole: Any) -> Any:
        """A flattened value; one that has no elements as it is."""
        if source in self._engine.machine.groups:
            return flattened_children(whole)
        found = elements(whole)
        return whole if found is None else flattened(found)

    def _whole(self, source: int, look: Callable[..., Any]) -> Any:
        """A value; of a mapped task, a list of those of its children, new for each who asks."""
        group = self._engine.machine.groups.get(source)
        if group is None:
            return look(source)
        return [look(source, index) for index in range(group.width)]

    def _flattened(self, source: int) -> list[Any]:
        """The elements of the elements, computed once; two threads that race compute the same."""
        found = self.flat.get(source)
        if found is None:
            group = self._engine.machine.groups.get(source)
            if group is None:
                found = flattened(elements(self._engine.value_of(source)) or [])
            else:
                found = []
                for index in range(group.width):
                    value = self._engine.value_of(source, index)
                    inner = elements(value) if group.states[index] in (SUCCESS, CACHED) else None
                    found += [value] if inner is None else inner
            self.flat[source] = found
        return found

    def _was_skipped(self, argument: Argument, index: int) -> bool:
        machine = self._engine.machine
        group = machine.groups.get(argument.source)
        if group is not None and argument.mode == CHILD:
            return group.states[index] == SKIPPED
        return machine.status[argument.source] == SKIPPED
