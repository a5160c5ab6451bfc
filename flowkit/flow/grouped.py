"""Attributes of a task that tasks share in groups, read and set as if they were the task's own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from flowkit.flow import demands, hooks, keeping, manners

if TYPE_CHECKING:
    from flowkit.flow.task import Task

# The options of each group, by the attribute that has it.
GROUPS = {
    "keeping": frozenset(field.name for field in dataclasses.fields(keeping.Keeping)),
    "hooks": frozenset(field.name for field in dataclasses.fields(hooks.Hooks)) | {"on_failure"},
    "demands": frozenset(field.name for field in dataclasses.fields(demands.Demands)),
}


class Grouped:
    """One option of a group."""

    def __init__(self, group: str, name: str) -> None:
        self.group, self.name = group, name

    def __get__(self, task: Task | None, owner: type) -> Any:
        return self if task is None else getattr(getattr(task, self.group), self.name)

    def __set__(self, task: Task, value: Any) -> None:
        if hasattr(task, self.group):
            task._set_options({self.name: value})
        else:  # before `Task.__init__`, which will overwrite it and say so
            task.__dict__[self.name] = value


class Ours(Grouped):
    """An option that Prefect classic does not have: a script written for that may use the name for itself."""

    def __get__(self, task: Task | None, owner: type) -> Any:
        if manners.classic and task is not None and self.name in getattr(task, "__dict__", ()):
            return task.__dict__[self.name]
        return super().__get__(task, owner)

    def __set__(self, task: Task, value: Any) -> None:
        if manners.classic and hasattr(task, "__dict__"):
            task.__dict__[self.name] = value
        else:
            super().__set__(task, value)


class Limits(Ours):
    """`limits`, which are kept as pairs."""

    def __get__(self, task: Task | None, owner: type) -> Any:
        found = super().__get__(task, owner)
        return dict(found) if isinstance(found, tuple) else found


class Logger:
    """`task.logger` and `flow.logger`; a subclass may set its own."""

    def __get__(self, whose: Any, owner: type) -> Any:
        import logging  # 5 ms that only who logs needs

        return self if whose is None else logging.getLogger(f"flowkit.{whose.name}")
