"""What tasks share of a process, and may change: put back after each, so that the next one finds what it
would have found without them.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import locale
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any

_SIGNALS = tuple(
    map(
        int,
        (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1),
    )
)
_handler: Callable[[int], Any] = importlib.import_module("_signal").getsignal  # `signal` makes enums of it
_TIMES = ("time", "monotonic", "perf_counter", "sleep", "time_ns", "monotonic_ns")
_times = attrgetter(*_TIMES)
_OUTPUTS = (1, 2)
# A flag that pipes ignore and nobody else sets: by it our outputs are told from others, at a quarter of what
# `fstat` costs.
_MARK = getattr(os, "O_NOATIME", 0)


class Surroundings:
    """As they are now: folder, environment, umask, module path, handlers of the usual signals, locale, the
    level that `logging.disable` has, the functions of `time`, descriptors 1 and 2; and that `random` has no
    seed.

    Each errand pays for `restore`, so it looks at what is cheap to look at, and has itself told of the rest.
    """

    def __init__(self) -> None:
        self._folder = _folder()
        self._environment = dict(_environment())
        self._umask = _umask()
        self._path = list(sys.path)
        self._handlers = [_handler(number) for number in _SIGNALS]
        self._locale = _SETLOCALE(locale.LC_ALL)
        self._disabled = logging.root.manager.disable
        self._times = _times(time)
        self._copies = _COPIES or [_marked(os.dup(fd)) for fd in _OUTPUTS]
        _COPIES[:] = self._copies
        self._outputs = [_sign(fd) for fd in self._copies]
        _watch()

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
        if [*map(_handler, _SIGNALS)] != self._handlers:
            for number, handler in zip(_SIGNALS, self._handlers, strict=True):
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if logging.root.manager.disable != self._disabled:
            logging.disable(self._disabled)
        if _times(time) != self._times:
            for name, function in zip(_TIMES, self._times, strict=True):
                setattr(time, name, function)
        if [*map(_sign, _OUTPUTS)] != self._outputs:
            for fd, copy in zip(_OUTPUTS, self._copies, strict=True):
                os.dup2(copy, fd)
        if _SEED in _called:
            _SEED()
        if _SETLOCALE in _called:
            _SETLOCALE(locale.LC_ALL, self._locale)
        _called.clear()


_COPIES: list[int] = []  # of the outputs
_SEED, _SETLOCALE = random.seed, locale.setlocale
_called: set[Callable[..., Any]] = set()


def _watch() -> None:
    """Notice who sets a seed or a locale for all: to look for one would cost more than most tasks."""
    random.seed, locale.setlocale = _seed, _setlocale


def _seed(*arguments: Any, **options: Any) -> None:
    _called.add(_SEED)
    _SEED(*arguments, **options)


def _setlocale(*arguments: Any, **options: Any) -> str:
    _called.add(_SETLOCALE)
    return _SETLOCALE(*arguments, **options)


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


def _marked(fd: int) -> int:
    """The same, as one of ours, where the system has the mark."""
    if _MARK:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | _MARK)
    return fd


def _sign(fd: int) -> Any:
    """What tells a descriptor of ours from those of others."""
    try:
        if _MARK:
            return fcntl.fcntl(fd, fcntl.F_GETFL) & _MARK
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
