"""A parameter whose value is a point in time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowkit.flow.parameter import NO_DEFAULT, Parameter


class DateTimeParameter(Parameter):
    """A parameter that takes a `datetime`, or text such as `2020-01-31T12:00`; None stays None.

    What has no time zone is in UTC. Where pendulum is installed, it reads the text and the value is its
    `DateTime`, as in Prefect classic (5.6).

    Args:
        name, default, tags: as of a `Parameter`.
        required: whether a value must be given, as by default.
    """

    reads_text = True

    def __init__(
        self, name: str, default: Any = NO_DEFAULT, required: bool = True, tags: Any = None, **options: Any
    ) -> None:
        super().__init__(name, default, required, tags, **options)

    def read(self, value: Any) -> Any:
        """The point in time that a value stands for."""
        if value is None:
            return None
        try:
            import pendulum
        except ImportError:
            return _read(value)
        if isinstance(value, str):
            return pendulum.parse(value)
        if isinstance(value, datetime):
            return pendulum.instance(value)
        raise ValueError(f"must be a date and time, not `{type(value).__name__}`")

    def run(self) -> Any:
        """The default, as a point in time."""
        return self.read(self.default)


def _read(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"must be a date and time such as `2020-01-31T12:00`, not `{value}`") from None
    if not isinstance(value, datetime):
        raise ValueError(f"must be a date and time, not `{type(value).__name__}`")
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
