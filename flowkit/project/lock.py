"""A lock between processes that dies with its holder: `flock` on a file whose existence says nothing."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowkit.errors import RegistryError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 30.0
_PAUSE = 0.01


@contextmanager
def locked(path: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the lock inside the block.

    Guarantees: one holder at a time on this machine; free again when the holder ends, however.

    Args:
        path: the lock file; made where it is missing, left there afterwards.
        patience: seconds to wait for another holder.

    Raises:
        RegistryError: when another process keeps it for longer, or the file cannot be opened.
    """
    if fcntl is None:
        raise RegistryError("the registry needs file locks as POSIX has them, which Windows lacks")
    try:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RegistryError(
            f"the lock `{path}` cannot be opened: {error.strerror}",
            hints=("`FLOWKIT_HOME` names another folder for it",),
        ) from error
    try:
        _acquire(opened, path, time.monotonic() + patience)
        yield
    finally:
        os.close(opened)


def _acquire(opened: int, path: Path, deadline: float) -> None:
    """Ask again and again, because a blocking `flock` cannot be given a limit."""
    while not _try(opened, path):
        if time.monotonic() > deadline:
            raise RegistryError(
                f"another process holds the lock `{path}`",
                hints=(f"`fuser '{path}'` shows which",),
            )
        time.sleep(_PAUSE * (0.5 + random.random()))


def _try(opened: int, path: Path) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR):
            return False
        raise RegistryError(f"`{path}` cannot be locked: {error.strerror}") from error
    return True
