"""Files that are read whole and replaced whole: a reader sees the old or the new, never a mixture."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def read(path: Path, limit: int) -> bytes:
    """The bytes of a regular file, opened once.

    Raises:
        OSError: also for what is not a regular file (a pipe would hang), and above `limit` bytes.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(None, "it is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(None, f"it has {found.st_size:,} bytes, more than {limit:,}")
    return data


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def replace(path: Path, data: bytes) -> None:
    """Make `path` hold `data`; a symbolic link stays, and its target is replaced.

    Guarantees: mode 0600 from the first byte; on disk when this returns; the old file stays as it
    was when anything fails; other hard links of the old file are untouched.
    Relies on: the caller's lock. Temporary files that killed writers left are removed here.

    Raises:
        OSError: nothing has changed then.
    """
    import tempfile  # as dear as all else here, and readers never write

    target = _target(path)
    _sweep(target)
    opened, name = tempfile.mkstemp(prefix=_prefix(target), suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(opened)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _target(path: Path) -> Path:
    """What a write to `path` replaces; a link that another user planted is refused."""
    if not path.is_symlink():
        return path
    if path.lstat().st_uid not in (os.getuid(), 0):
        raise OSError(None, "it is a symbolic link that another user made")
    return path.resolve()


def _prefix(target: Path) -> str:
    return f".{target.name}."


def _sweep(target: Path) -> None:
    for leftover in target.parent.glob(f"{_prefix(target)}*.tmp"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
