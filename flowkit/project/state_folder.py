"""The folder that keeps a project's state: private to its owner, or refused.

Guarantees: 0700 from the moment it exists, whatever the umask; ignored by git; never used when
another user owns it or could write into it, because what lies in it is believed later.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from flowkit.errors import RegistryError

_ELSEWHERE = "set `FLOWKIT_HOME` to a folder of your own"


def check(folder: Path) -> bool:
    """Whether the state folder exists; reading from it is safe then.

    Raises:
        RegistryError: when it is not a folder, or when others own it or may write into it.
    """
    try:
        _check_link(folder)
        found = folder.stat()
    except FileNotFoundError:
        if folder.is_symlink():
            raise _refusal(folder, "is a symbolic link to nowhere", "remove the link") from None
        return False
    except OSError as error:
        raise _refusal(folder, f"cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _refusal(folder, "is not a folder", "move the file away")
    if found.st_uid != os.getuid():
        raise _refusal(folder, "belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refusal(folder, "may be written by others", f"run `chmod 700 '{folder}'`")
    return True


def check_writable(folder: Path) -> None:
    """Refuse a state folder in which nothing can be written; one that is not there, where it cannot be made.

    Raises:
        RegistryError: it is read-only.
    """
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise _refusal(
            folder,
            "cannot be written: it is read-only"
            if there == folder
            else f"cannot be made: `{there}` is read-only",
        )


def prepare(folder: Path) -> Path:
    """Return the state folder, made where it is missing.

    Raises:
        RegistryError: when it cannot be made, or must not be used.
    """
    if not check(folder):
        _make(folder)
        check(folder)
    _ignore_itself(folder)
    return folder


def _check_link(folder: Path) -> None:
    link = folder.lstat()
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (os.getuid(), 0):
        raise _refusal(folder, "is a symbolic link that another user made")


def _make(folder: Path) -> None:
    missing = [folder, *(parent for parent in folder.parents if not parent.exists())]
    try:
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refusal(folder, f"cannot be made: {error.strerror}") from error


def _ignore_itself(folder: Path) -> None:
    try:
        opened = os.open(folder / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError:  # there already; or read-only, which whoever writes next will say
        return
    with os.fdopen(opened, "wb") as file:
        file.write(b"*\n")


def _refusal(folder: Path, why: str, *hints: str) -> RegistryError:
    return RegistryError(f"the state folder `{folder}` {why}", hints=(*hints, _ELSEWHERE))
