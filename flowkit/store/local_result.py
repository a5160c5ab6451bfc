"""Results as files below a folder.

Guarantees: a file is there whole or not, and stays through a power cut; it is 0600, in folders of 0700 where
they are made here; a pickle that others could have written, or put there, is not read.

Source of the vocabulary: Prefect classic, 14.2.
"""

from __future__ import annotations

import os
import stat
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

from flowkit.errors import DefinitionError, HistoryError
from flowkit.store import files
from flowkit.store.locations import BytesResult, Location
from flowkit.store.serializers import Serializer

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in its place must not hang


class LocalResult(BytesResult):
    """Files below a folder.

    Args:
        dir: default: `flowkit/results` where this user's programs keep their data, `~/.local/share`. It is
            no `.flowkit`, which would make a project of the home folder.
        validate_dir: refuse a folder that cannot be made.

    Raises:
        DefinitionError: the folder cannot be.
    """

    _way_out = (
        'give the folder that it may lie in as `dir`; `dir="/", validate_dir=False` lets it lie anywhere'
    )

    def __init__(
        self,
        dir: str | os.PathLike[str] | None = None,
        validate_dir: bool = True,
        value: object = None,
        location: Location | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        super().__init__(value, location, serializer)
        try:
            folder = Path(dir).expanduser().absolute() if dir is not None else _default()
        except RuntimeError:
            raise DefinitionError(
                "a `LocalResult` has no folder: you have no home", hints=("give it a `dir`",)
            ) from None
        if validate_dir and dir is not None:
            nearest = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
            if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
                raise DefinitionError(f"the folder `{folder}` of a `LocalResult` cannot be written to")
        self.dir = str(folder)

    @property
    def default_location(self) -> str:
        """A name by the time, to the microsecond."""
        return f"prefect-result-{datetime.now(UTC):%Y-%m-%dt%H-%M-%S-%f}-{uuid.uuid4().hex[:4]}"

    def _place(self) -> str:
        return f"the folder `{self.dir}`"

    def _leads_out(self, location: str, start: str) -> bool:
        is_elsewhere = location.startswith("/") and not start.startswith("/")
        if is_elsewhere and Path(location).is_relative_to(self.dir):
            is_elsewhere = False
        return is_elsewhere or super()._leads_out(location, start)

    def _path(self, location: str) -> Path:
        return Path(self.dir, location)

    def _has(self, location: str) -> bool:
        return self._path(location).exists()

    def _get(self, location: str) -> bytes:
        path = self._path(location)
        with os.fdopen(os.open(path, _READ), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise HistoryError(f"`{path}` is no file")
            if self.serializer.is_code:
                _refuse_of_others(path, found)
            return file.read()

    def _put(self, location: str, data: bytes) -> str:
        path = self._path(location)
        _refuse_links_of_others(path.parent)
        _make(path.parent)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        files.sync(path.parent)
        return str(path)


def _default() -> Path:
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".local" / "share") / "flowkit" / "results"


def _make(folder: Path) -> None:
    """Make a folder and those around it that are missing; each for this user alone, whatever the umask, and
    there after a power cut."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        files.sync(each.parent)


def _refuse_of_others(path: Path, found: os.stat_result) -> None:
    """Refuse a file that others could have written, or put in its place.

    Raises:
        HistoryError: with what to do.
    """
    _refuse_links_of_others(path)
    folder = path.parent.stat()
    if found.st_mode & _OTHERS:
        why, way = "others could have written it", f"`chmod go-w {path}`"
    elif not {found.st_uid, folder.st_uid} <= {os.getuid(), 0}:
        why, way = "another user could have written it", "copy it into a folder of your own"
    elif folder.st_mode & _OTHERS and not folder.st_mode & stat.S_ISVTX:
        why, way = "others could have put it there", f"`chmod go-w {path.parent}`"
    else:
        return
    raise HistoryError(
        f"`{path}` is not unpickled, as {why}", hints=(f"{way} where you trust it, or use `JSONSerializer`",)
    )


def _refuse_links_of_others(path: Path) -> None:
    """A link that another user has made may lead to files of one's own that have nothing to do with it.

    Raises:
        HistoryError: there is one on the way.
    """
    for each in (path, *path.parents):
        if each.is_symlink() and each.lstat().st_uid not in (os.getuid(), 0):
            raise HistoryError(f"`{each}` is a link that another user has made, and is not followed")
