"""Threads that tasks start: each belongs to the call that started it, while a run captures.

A new thread knows nothing of the context that it was started in, so what it prints would be nobody's.
`Thread.start` hands the call on, and `ThreadPoolExecutor.submit` that of whoever submits, as the threads of
a pool may serve one task after another. The rest of the context is not handed on: a task must not compute
otherwise under flowkit than without.

Guarantees: threads that no task starts, and those of flowkit itself, are as they would be. When nobody
captures any more both classes are as they were; what others have put on top meanwhile stays, and what of
ours is below it then does nothing. Relies on: one thread at a time in `follow` and `give_back`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import CURRENT
from flowkit.errors import FlowkitError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from flowkit.engine.engine import Engine
    from flowkit.plan.events import Call

_Method = Callable[..., Any]

_followed: set[Engine] = set()
_before: dict[_Method, _Method] = {}  # what stood where each of ours was put


def follow(engine: Engine) -> None:
    """From now on threads that an engine's tasks start belong to the call that starts them."""
    _followed.add(engine)
    for cls, name, around in _replaced():
        found = vars(cls)[name]
        if found not in _before:
            ours = functools.wraps(found)(around(found))
            _before[ours] = found
            setattr(cls, name, ours)


def forget(engine: Engine) -> None:
    """Follow an engine's tasks no more."""
    _followed.discard(engine)


def give_back() -> None:
    """Put back what was replaced, where nobody is followed any more and nobody else stands on top."""
    if _followed:
        return
    for cls, name, _ in _replaced():
        while (ours := vars(cls)[name]) in _before:
            setattr(cls, name, _before.pop(ours))


def start_apart(thread: threading.Thread) -> None:
    """Start a thread of flowkit's own, which belongs to no task.

    Raises:
        FlowkitError: the system gives no more of them.
    """
    try:
        Context().run(thread.start)
    except RuntimeError as error:
        raise FlowkitError(
            f"a thread cannot be started: {error}",
            hints=("end other programs, or raise the limit of processes (`ulimit -u`)",),
        ) from error


def _replaced() -> list[tuple[type, str, Callable[[_Method], _Method]]]:
    from concurrent.futures import ThreadPoolExecutor  # 1 ms that only those who capture need

    return [(threading.Thread, "start", _starting), (ThreadPoolExecutor, "submit", _submitting)]


def _starting(before: _Method) -> _Method:
    def start(thread: threading.Thread, *args: Any, **kwargs: Any) -> None:
        current = CURRENT.get()
        if current is not None and _is_followed(current):
            _hand_on(current, thread)
        before(thread, *args, **kwargs)

    return start


def _hand_on(current: tuple[Engine, Call], thread: threading.Thread) -> None:
    """Have a thread carry out what it would, as part of a call."""
    own, run = vars(thread).get("run"), thread.run

    def run_in_call() -> None:
        # A function of a thread that has the thread would keep it in memory until the collector comes.
        if own is None:
            del thread.run
        else:
            thread.run = own  # type: ignore[method-assign]
        CURRENT.set(current)  # and leave it: Python reports what `run` raises after it, in this thread
        run()

    thread.run = run_in_call  # type: ignore[method-assign]


def _submitting(before: _Method) -> _Method:
    def submit(
        pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        if not _followed:
            return before(pool, function, *args, **kwargs)  # type: ignore[no-any-return]
        current = CURRENT.get()

        def call(*args: Any, **kwargs: Any) -> Any:
            CURRENT.set(current)  # and leave it: the callbacks of the future are called after it
            return function(*args, **kwargs)

        return before(pool, call, *args, **kwargs)  # type: ignore[no-any-return]

    return submit


def _is_followed(current: tuple[Engine, Call] | None) -> bool:
    """Whether somebody captures what a call prints, or what the one does that its run is part of."""
    while current is not None:
        if current[0] in _followed:
            return True
        current = current[0].parent
    return False
