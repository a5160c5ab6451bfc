"""The key that what is kept is signed with; it lies outside of what others could write.

Guarantees: made once, 0600, in the user's own configuration folder; two processes that make it at once end
with the same one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

SIZE = 32
FILE = "key"


def load(folder: Path | None) -> bytes | None:
    """The key of this user, made where it is missing; None where none can be kept.

    Args:
        folder: the user's configuration folder of flowkit; None without a home.
    """
    if folder is None:
        return None
    path = folder / FILE
    try:
        return _read(path) or _made(path)
    except OSError:
        return None


def _read(path: Path) -> bytes | None:
    """The key; None where there is none, or one that others could have made."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(opened, "rb") as file:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise OSError(None, "the key may be read by others")
        key = file.read(SIZE + 1)
    return key if len(key) == SIZE else None


def _made(path: Path) -> bytes | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{FILE}-{os.getpid()}-{secrets.token_hex(4)}")
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(opened)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # fails where another process was quicker: then its key counts
        if _read(path) is None:  # what is there is torn: nothing can have been signed with it
            temporary.replace(path)
        _sync(path.parent)  # what is signed with it may be on disk soon
    finally:
        temporary.unlink(missing_ok=True)
    return _read(path)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
