"""What a path is worth: the content of the file, or of all files of the folder, and its text.

Guarantees: a path inside the root counts as the same one in another checkout; nothing waits, for only plain
files are opened; a link to a folder is not followed, so there is no circle.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flowkit.fingerprint.plain import composite, text


def place_of(path: Path, root: Path | None) -> str:
    """The text of a path; below the root where it lies there, as it was given otherwise."""
    if root is not None and path.is_absolute() and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


def by_place(path: Path, root: Path | None) -> bytes:
    """The token of a path that is not looked at."""
    return composite(b"place", text(place_of(path, root)))


def by_content(path: Path, root: Path | None) -> bytes:
    """The token of a path by its text and what lies there.

    Raises:
        OSError: what lies there cannot be read.
    """
    return composite(b"content", text(place_of(path, root)), content(path))


def content(path: Path) -> bytes:
    """The token of what lies at a path, without its name."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return b"missing"
    if stat.S_ISDIR(mode):
        return composite(b"folder", *_entries(path))
    return b"file" + _file(path) if stat.S_ISREG(mode) else b"kind%d" % stat.S_IFMT(mode)


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _entries(folder: Path) -> Iterator[bytes]:
    """A token for each thing below a folder, in the order of the names."""
    for where, folders, files in os.walk(folder, onerror=_refuse):
        folders.sort()
        for name in sorted(folders + files):
            path = Path(where, name)
            yield text(path.relative_to(folder).as_posix())
            if name not in folders:
                yield content(path)
            else:
                yield text(str(path.readlink())) if path.is_symlink() else b"folder"


def _refuse(error: OSError) -> None:
    raise error
