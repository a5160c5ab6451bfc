"""What a task can ask about its own run: `flowkit.context.task_run_count`, `.map_index`, `.logger`.

Source of the keys: Prefect classic, 18.2. They are looked up when asked for, so that a task which does
not ask pays one assignment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowkit.engine.rounds import FIRST

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

# The engine and the call that this thread is carrying out.
CURRENT: ContextVar[tuple[Engine, tuple[int, int, int]] | None] = ContextVar("flowkit_call", default=None)


def logger_of(name: str) -> logging.Logger:
    """The logger of a task or of flowkit itself."""
    return logging.getLogger(f"flowkit.{name}" if name else "flowkit")


class Context:
    """The keys that are known where it is asked; outside of a task there are none."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default` where there is none."""
        return self._all().get(key, default)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        found = self._all()
        if key not in found:
            where = "outside of a task" if CURRENT.get() is None else "in this task"
            raise AttributeError(f"`flowkit.context.{key}` is not known {where}")
        return found[key]

    def __getitem__(self, key: str) -> Any:
        return self._all()[key]

    def __contains__(self, key: str) -> bool:
        return key in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __repr__(self) -> str:
        return f"<Context {sorted(self._all())}>"

    def _all(self) -> dict[str, Any]:
        current = CURRENT.get()
        if current is None:
            return {}
        engine, (node, index, attempt) = current
        task = engine.plan.tasks[node]
        again = engine.rounds.get((node, index), FIRST)
        return {
            **_dates(engine.started_at),
            "scheduled_start_time": engine.started_at,
            **engine.manner.context,
            **engine.manner.task_contexts.get(task, {}),
            "flow_name": engine.plan.name,
            "flow_run_id": engine.run_id,
            "flow_run_name": engine.run_name,
            "parameters": dict(engine.parameters),
            "task_name": task.name,
            "task_full_name": engine.plan.key(node, index),
            "task_slug": engine.plan.keys[node],
            "task_tags": set(task.tags),
            "task_run_count": attempt - again.before,
            **again.keys,
            **({"resume": True} if engine.machine.was_let_on(node, index) else {}),
            "map_index": index if index >= 0 else None,
            "logger": logger_of(task.name),
        }


def _dates(at: datetime) -> dict[str, Any]:
    """`date`, and the days around it as `YYYY-MM-DD` and without dashes."""
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}
    found: dict[str, Any] = {"date": at.astimezone(UTC)}
    for name, offset in days.items():
        day = (at + timedelta(days=offset)).strftime("%Y-%m-%d")
        found[name] = day
        found[f"{name}_nodash"] = day.replace("-", "")
    return found


context = Context()
