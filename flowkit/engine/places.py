"""Results that are written where a user says so, and taken from there: classic's `result` and `target`.

Guarantees: nothing follows from a task before its result is written; a task whose place cannot be named is
not run. Source of the rules: Prefect classic, 13.5 to 13.9. Corrected: asking is enough, there is no switch
besides, and None is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.context import logger_of, names_with
from flowkit.engine.failure import message_of, type_name
from flowkit.errors import UsageError
from flowkit.plan.events import Call
from flowkit.plan.plan import Placed

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_OF_CHILDREN = {"map_index", "task_full_name", "task_run_id"}  # keys of the context that tell children apart


class Found(NamedTuple):
    """A value that was there, and where that was."""

    value: Any
    location: str


class UnreadableTargetError(Exception):
    """What lies at a target is no result; it is left there, as it may be somebody's."""


class Places:
    """The places of one run.

    Args:
        default: the place of a task that has a target and no result.

    Attributes:
        written: where the result of a call lies, with it, by node and child.
    """

    def __init__(self, engine: Engine, default: Any) -> None:
        self._engine = engine
        self._default = default
        self.written: dict[tuple[int, int], Any] = {}

    def found(self, call: Call, arguments: Mapping[str, Any]) -> Found | None:
        """What lies at the target of a call; None where it has none, or nothing lies there.

        Raises:
            UsageError: the template has a name that is not known.
            UnreadableTargetError: what lies there cannot be read.
            Exception: the place cannot be asked.
        """
        placed = self._engine.plan.placed[call[0]]
        named = self._named(call, placed, arguments)
        if placed.target is None:
            return None
        location = named.location
        if not named.exists(location):
            return None
        try:
            read = named.read(location)
        except Exception as error:
            raise UnreadableTargetError(
                f"what lies at its target `{location}` cannot be read: {type_name(error)}: "
                f"{message_of(error)}; it is left there"
            ) from error
        self.written[call[0], call[1]] = read
        return Found(read.value, str(location))

    def write(self, call: Call, arguments: Mapping[str, Any], value: Any) -> None:
        """Write the value of a call, where that is asked for.

        Raises:
            Exception: it cannot be written.
        """
        placed = self._engine.plan.placed[call[0]]
        if placed.writes:
            self.written[call[0], call[1]] = self._result(placed).write(value, **names_with(arguments))

    def _named(self, call: Call, placed: Placed, arguments: Mapping[str, Any]) -> Any:
        """The place with the name of a call; a function that is no target is not asked before there is a
        value."""
        result = self._result(placed)
        template = getattr(result, "template", None)
        if placed.target is None and not isinstance(template, str):
            return result
        names = names_with(arguments)
        if not isinstance(template, str):
            return result.format(**names)
        try:
            named = result.format(**names)
        except KeyError as error:
            known = f"there are {', '.join(sorted(names))}"
            raise UsageError(
                f"the place `{template}` names {message_of(error)}, which is not known", hints=(known,)
            ) from error
        except (LookupError, AttributeError, TypeError) as error:
            raise UsageError(f"the place `{template}` cannot be named: {message_of(error)}") from error
        if call[1] == 1:
            self._tell_of_one_place(call, template, arguments)
        return named

    def _tell_of_one_place(self, call: Call, template: str, arguments: Mapping[str, Any]) -> None:
        """Say that all children of a mapped task have one place, where they do: one would have the result of
        another."""
        fields = {name for _, name, _, _ in Formatter().parse(template) if name}
        roots = {name.partition(".")[0].partition("[")[0] for name in fields}
        if roots.isdisjoint(_OF_CHILDREN.union(arguments)):
            task = self._engine.plan.tasks[call[0]]
            logger_of(task.name).warning(
                "All children of `%s` have one place, `%s`, and so one result; put `{map_index}` into it.",
                task.name,
                template,
            )

    def _result(self, placed: Placed) -> Any:
        result = placed.result if placed.result is not None else self._default
        return result.at(placed.target) if placed.target is not None else result
