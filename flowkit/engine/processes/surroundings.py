"""What tasks share of a process, and may change: put back after each, so that the next one finds what it
would have found without them.
"""

from __future__ import annotations

import contextlib
import importlib
import locale
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

_SIGNALS = tuple(
    map(
        int,
        (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1),
    )
)
_handler: Callable[[int], Any] = importlib.import_module("_signal").getsignal  # `signal` makes enums of it
_TIMES = ("time", "monotonic", "perf_counter", "sleep", "time_ns", "monotonic_ns")
_OUTPUTS = (1, 2)


class Surroundings:
    """As they are now: folder, environment, umask, module path, handlers of the usual signals, locale, the
    level that `logging.disable` has, the functions of `time`, descriptors 1 and 2; and that `random` has no
    seed.
    """

    def __init__(self) -> None:
        self._folder = _folder()
        self._environment = dict(_environment())
        self._umask = _umask()
        self._path = list(sys.path)
        self._handlers = [_handler(number) for number in _SIGNALS]
        self._locale = locale.setlocale(locale.LC_ALL)
        self._disabled = logging.root.manager.disable
        self._times = [getattr(time, name) for name in _TIMES]
        self._outputs = [_same(fd) for fd in _OUTPUTS]
        self._copies = _COPIES or [os.dup(fd) for fd in _OUTPUTS]
        _COPIES[:] = self._copies
        _watch_seeds()

    def restore(self) -> None:
        """Put back what has changed."""
        environment = _environment()
        if environment != self._environment:
            environment.clear()
            os.environb.update(self._environment)
        if sys.path != self._path:
            sys.path[:] = self._path
        if _folder() != self._folder:
            with contextlib.suppress(OSError):
                os.chdir(self._folder)
        if _umask() != self._umask:
            os.umask(self._umask)
        for number, handler in zip(_SIGNALS, self._handlers, strict=True):
            if _handler(number) is not handler:
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        if logging.root.manager.disable != self._disabled:
            logging.disable(self._disabled)
        for name, function in zip(_TIMES, self._times, strict=True):
            if getattr(time, name) is not function:
                setattr(time, name, function)
        for fd, copy, same in zip(_OUTPUTS, self._copies, self._outputs, strict=True):
            if _same(fd) != same:
                os.dup2(copy, fd)
        if _seeded:
            _seeded.clear()
            _SEED()


_COPIES: list[int] = []  # of the outputs
_SEED = random.seed
_seeded: list[bool] = []


def _watch_seeds() -> None:
    """Notice a seed that is set for all: to look for one would cost more than most tasks."""
    if random.seed is not _seed:
        random.seed = _seed


def _seed(*arguments: Any, **options: Any) -> None:
    _seeded.append(True)
    _SEED(*arguments, **options)


def _environment() -> dict[bytes, bytes]:
    return os.environ._data  # type: ignore[attr-defined, no-any-return]


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


def _same(fd: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
