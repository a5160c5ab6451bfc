"""Having the exceptions of tasks come out of a run, to look at them where they were raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LETS_OUT: ContextVar[tuple[type[BaseException], ...]] = ContextVar("flowkit_lets_out", default=())


@contextmanager
def raise_on_exception() -> Iterator[None]:
    """In this block `flow.run()` raises the first exception of a task, signals left out, and ends there.

    Source of the rule: Prefect classic, 4.15.
    """
    token = LETS_OUT.set((Exception,))
    try:
        yield
    finally:
        LETS_OUT.reset(token)
