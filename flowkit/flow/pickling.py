"""Pickling of tasks made by `@task`: the decorated name stands for the task, no longer for the function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from typing import Any

# Whether functions of a script are pickled as they are, by a pickler that can.
WHOLE: ContextVar[bool] = ContextVar("flowkit_whole", default=False)


@dataclass(frozen=True)
class Decorated:
    """A function that its module knows as a task: found again by the task's name."""

    module: str
    name: str

    @classmethod
    def of(cls, run: Callable[..., Any]) -> Decorated | Callable[..., Any]:
        """What to pickle for `run`: itself, unless its name leads to a task that holds it."""
        module, name = getattr(run, "__module__", None), getattr(run, "__qualname__", None)
        if module == "__main__" and WHOLE.get():
            return run
        if isinstance(module, str) and isinstance(name, str) and module in sys.modules:
            found = cls(module, name)
            if getattr(found.task(sys.modules[module]), "run", None) is run:
                return found
        return run

    def found(self) -> Any:
        """The task.

        Raises:
            AttributeError: its module does not have it any more, or is another one, as of a script.
        """
        found = self.task()
        if found is None:
            raise AttributeError(f"the module `{self.module}` has no task `{self.name}`")
        return found

    def task(self, module: Any = None) -> Any:
        """The task, or None where the name leads nowhere."""
        start = importlib.import_module(self.module) if module is None else module
        return reduce(lambda found, part: getattr(found, part, None), self.name.split("."), start)
