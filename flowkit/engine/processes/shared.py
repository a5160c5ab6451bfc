"""Large buffers in memory that two processes share: written once, and mapped by who receives them.

Guarantees: what was sent never changes: whoever writes to a buffer that he was given writes to pages of his
own. A buffer that goes on to another process goes by its descriptor, without a copy. Memory and descriptors
are let go of with the buffer. Where there is no such memory, or no more of it, nothing is shared, and the
bytes are sent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import weakref
from typing import Any

SMALLEST = 1 << 20  # bytes from which a copy costs more than a mapping
_PIECE = 1 << 30  # bytes; one `write` takes no more than 2 GiB

_F_ADD_SEALS, _SHRINK_GROW_WRITE = 1033, 2 | 4 | 8  # of fcntl.h
_READ_WRITE, _PRIVATE = 3, 2  # of mman.h
_FAILED = ctypes.c_void_p(-1).value

_held: dict[int, int] = {}  # the descriptors of mappings, by address


def shared(view: memoryview) -> int | None:
    """The descriptor of memory that has a copy of some bytes; None: there is none to be had."""
    if not hasattr(os, "memfd_create"):
        return None
    fd = -1
    try:
        fd = os.memfd_create("flowkit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        done = 0
        while done < len(view):
            done += os.write(fd, view[done : done + _PIECE])
        _seal(fd)
        return fd
    except OSError:
        if fd >= 0:
            os.close(fd)
        return None


def _seal(fd: int) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, _F_ADD_SEALS, _SHRINK_GROW_WRITE)


def mapped(fd: int, size: int, *, holds: bool) -> Any:
    """The bytes of a descriptor, which is this function's from now on, as a buffer of that size.

    Args:
        holds: the descriptor is kept, so that the buffer can go on to others; not where few are left.

    Raises:
        OSError: it cannot be mapped.
    """
    library = _library()
    address = library.mmap(None, size, _READ_WRITE, _PRIVATE, fd, 0)
    if address == _FAILED:
        code = ctypes.get_errno()
        os.close(fd)
        raise OSError(code, os.strerror(code))
    if not holds or fd >= _scarce():
        os.close(fd)
        fd = -1
    made = (ctypes.c_char * size).from_address(address)
    if fd >= 0:
        _held[address] = fd
    weakref.finalize(made, _let_go, library, address, size).atexit = False
    return made


def descriptor_of(view: memoryview) -> int | None:
    """The descriptor that has exactly these bytes; None: there is none."""
    whole: Any = view.obj
    if not _held or not isinstance(whole, ctypes.Array) or ctypes.sizeof(whole) != view.nbytes:
        return None
    return _held.get(ctypes.addressof(whole))


def _let_go(library: Any, address: int, size: int) -> None:
    fd = _held.pop(address, -1)
    library.munmap(address, size)
    if fd >= 0:
        os.close(fd)


def _scarce() -> int:
    """The number from which on descriptors are few: the system gives the least that is free."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else int(soft) * 3 // 4


def _library() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library
