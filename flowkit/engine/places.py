"""Results that are written where a user says so, and taken from there: classic's `result` and `target`.

Guarantees: nothing follows from a task before its result is written. Source of the rules: Prefect classic,
13.5 to 13.9. Corrected: asking is enough, there is no switch besides, and None is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.context import names_with
from flowkit.plan.events import Call
from flowkit.plan.plan import Placed

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


class Found(NamedTuple):
    """A value that was there, and where that was."""

    value: Any
    location: str


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
            Exception: the template has a name that is not known, or the place cannot be read.
        """
        placed = self._engine.plan.placed[call[0]]
        if placed.target is None:
            return None
        result = self._result(placed).format(**names_with(arguments))
        if not result.exists(result.location):
            return None
        read = self.written[call[0], call[1]] = result.read(result.location)
        return Found(read.value, str(result.location))

    def write(self, call: Call, arguments: Mapping[str, Any], value: Any) -> None:
        """Write the value of a call, where that is asked for.

        Raises:
            Exception: it cannot be written.
        """
        placed = self._engine.plan.placed[call[0]]
        if placed.writes:
            self.written[call[0], call[1]] = self._result(placed).write(value, **names_with(arguments))

    def _result(self, placed: Placed) -> Any:
        result = placed.result if placed.result is not None else self._default
        return result.at(placed.target) if placed.target is not None else result
