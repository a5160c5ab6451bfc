"""Large results as files, named by a keyed digest of their content.

Guarantees: a name that can be opened has its whole content, on disk, before any row says so; what was
altered is found out when it is read and never unpickled; 0600 in folders of 0700; a process that was
killed leaves at most temporary files and folders, which are swept away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

FOLDER = "results"
_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in its place must not hang
_OLD = 3600.0  # seconds after which nobody writes to a temporary file any more


class Writing:
    """A file that is being written; it takes what a pickler gives it."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._path = folder / f".{os.getpid()}-{secrets.token_hex(8)}.tmp"
        self._digest = blake2b(digest_size=16, key=key)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.size = 0

    def write(self, data: Any) -> None:
        """Take more bytes."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self.size += len(view)
        while view:
            view = view[os.write(self._file, view) :]

    def finish(self) -> str:
        """Put the file in its place, for good; returns its name.

        Raises:
            OSError: nothing is there then; a failed `fsync` is never tried again.
        """
        name = self._digest.hexdigest()
        place = path_of(self._folder, name)
        os.fsync(self._file)
        os.close(self._file)
        self._file = -1
        made = not place.parent.exists()
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if place.parent.is_symlink():
            raise NotADirectoryError(20, "it is a link", str(place.parent))
        self._path.replace(place)
        sync(place.parent)
        if made:
            sync(self._folder)
        return name

    def drop(self) -> None:
        """Leave nothing behind."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        with contextlib.suppress(OSError):
            self._path.unlink()


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A folder for what is needed for a moment; the system's own place where this one cannot be written to.

    Raises:
        OSError: it cannot be made.
    """
    place = folder if os.access(folder, os.W_OK) else None
    with tempfile.TemporaryDirectory(".tmp", f".{os.getpid()}-", place) as made:
        yield Path(made)


def prepare(state: Path) -> Path:
    """The folder of results below the state folder, made where it is missing.

    Raises:
        OSError: it cannot be made, or a link or a file is in its place.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(20, "it is not a folder", str(folder))
    return folder


def path_of(folder: Path, name: str) -> Path:
    """Where a file lies: in one of 256 folders, as one folder of 10⁵ files is slow."""
    return folder / name[:2] / name


def content(folder: Path, name: str, key: bytes) -> bytes | None:
    """The bytes of a file; None where it is gone, or is not what was written."""
    try:
        opened = os.open(path_of(folder, name), _READ)
        with os.fdopen(opened, "rb") as file:
            data = file.read()
    except OSError:
        return None
    return data if blake2b(data, digest_size=16, key=key).hexdigest() == name else None


def is_whole(folder: Path, name: str, key: bytes) -> bool:
    """Whether a file is there and what was written; without having all of it in memory."""
    digest = blake2b(digest_size=16, key=key)
    try:
        opened = os.open(path_of(folder, name), _READ)
        with os.fdopen(opened, "rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
    except OSError:
        return False
    return digest.hexdigest() == name


def names(folder: Path) -> Iterator[str]:
    """The names of all files."""
    for shard in _listed(folder):
        if len(shard.name) == 2 and shard.is_dir(follow_symlinks=False):
            yield from (file.name for file in _listed(Path(shard.path)))


def remove(folder: Path, name: str) -> int:
    """Remove a file; returns the bytes that this freed."""
    path = path_of(folder, name)
    try:
        size = path.lstat().st_size
        path.unlink()
    except OSError:
        return 0
    return size


def sweep(folder: Path) -> None:
    """Remove what killed writers left."""
    for entry in _listed(folder):
        if entry.name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                if not _is_writing(entry):
                    _drop(entry)


def _drop(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        Path(entry.path).unlink()


def _is_writing(entry: os.DirEntry[str]) -> bool:
    """Whether the process in the name may still write; one that was killed and whose number went to another
    process keeps its file for an hour."""
    pid = entry.name[1:].partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return time.time() - entry.stat(follow_symlinks=False).st_mtime < _OLD


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def sync(folder: Path) -> None:
    """Have what was put into a folder there after a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
