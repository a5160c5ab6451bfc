"""Pausing a task from within it. Source of the rule: Prefect classic, 12.6."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flowkit.engine.context import context
from flowkit.engine.signals import PAUSE


def pause_task(message: str | None = None, duration: timedelta | None = None) -> None:
    """Pause the task that this is called in; it runs again from its beginning, and then goes on here.

    Args:
        message: what the state says.
        duration: after which it goes on by itself; default: when somebody says so.
    """
    if context.get("resume"):
        return
    at = None if duration is None else datetime.now(UTC) + duration
    raise PAUSE(message or "Pause signal raised during task execution.", start_time=at)
