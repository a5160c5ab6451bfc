"""Messages between two processes, over a socket: built-in types, large buffers, and descriptors.

On the wire: `descriptors (2) · buffers (2) · length (8) · size of each buffer (8 each) · pickle · buffers`,
the numbers little-endian; a buffer whose size has its highest bit set comes as a descriptor instead.

Guarantees: messages arrive whole and in order; a buffer of 1 MiB or more is not copied where it arrives.
Relies on: one thread at a time sends, and one receives.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any

from flowkit.engine.processes import shared

_HEAD = struct.Struct("<HHQ")
_SHARED = 1 << 63
_MOST_FDS = 32  # in a message
_AT_ONCE = 1 << 16  # bytes
_JOINED = 1 << 15  # bytes that are rather copied than sent apart
_ROOM = socket.CMSG_SPACE(_MOST_FDS * 4)
_CLOEXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_NOW = _CLOEXEC | int(socket.MSG_DONTWAIT)


class Link:
    """One end.

    Args:
        holds: whether buffers that come are likely to go on to somebody else.

    Attributes:
        fds: the descriptors that came with the last message, for who received it.
    """

    def __init__(self, sock: socket.socket, *, holds: bool = False) -> None:
        self._socket = sock
        self._holds = holds
        self._data = b""
        self._at = 0
        self._arrived: list[int] = []
        self.fds: list[int] = []

    def fileno(self) -> int:
        """The descriptor, to wait on; what was read and not asked for yet does not show there."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let it go."""
        self._socket.close()

    # -- out ----------------------------------------------------------------------------------

    def send(self, message: Any, fds: Sequence[int] = ()) -> None:
        """Send a message, and descriptors with it.

        Raises:
            OSError: nobody receives any more.
        """
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
        if not buffers and not fds:
            head = _HEAD.pack(0, 0, len(body))
            if len(body) <= _JOINED:
                self._socket.sendall(head + body)
            else:
                self._socket.sendall(head)
                self._socket.sendall(body)
            return
        self._send_all(body, [each.raw() for each in buffers], fds)

    def _send_all(self, body: bytes, views: list[memoryview], fds: Sequence[int]) -> None:
        sizes, going, made = [], list(fds), []
        try:
            for view in views:
                fd = None
                if view.nbytes >= shared.SMALLEST and len(going) < _MOST_FDS:
                    fd = shared.descriptor_of(view)
                    if fd is None and (fd := shared.shared(view)) is not None:
                        made.append(fd)
                if fd is not None:
                    going.append(fd)
                sizes.append(view.nbytes | (_SHARED if fd is not None else 0))
            head = _HEAD.pack(len(fds), len(sizes), len(body)) + struct.pack(f"<{len(sizes)}Q", *sizes)
            self._send_head(head, going)
            self._socket.sendall(body)
            for view, size in zip(views, sizes, strict=True):
                if not size & _SHARED:
                    self._socket.sendall(view)
        finally:
            for fd in made:
                os.close(fd)

    def _send_head(self, head: bytes, fds: list[int]) -> None:
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self._socket.sendmsg([head], beside)
        if sent < len(head):
            self._socket.sendall(head[sent:])

    # -- in -----------------------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether something of the next message is here already."""
        return len(self._data) > self._at

    def receive(self) -> Any:
        """The next message; waits for it.

        Raises:
            EOFError: nobody sends any more, or what was sent is torn.
            OSError: its buffers cannot be had here.
        """
        while len(self._data) - self._at < _HEAD.size:
            self._fill()
        plain, buffers, length = _HEAD.unpack_from(self._data, self._at)
        self._at += _HEAD.size
        if not (plain or buffers) and len(self._data) - self._at >= length:
            start = self._at
            self._at += length
            return pickle.loads(memoryview(self._data)[start : self._at])
        sizes = struct.unpack(f"<{buffers}Q", self._bytes(8 * buffers))
        body = self._bytes(length)
        wanted = plain + sum(size >> 63 for size in sizes)
        arrived, self._arrived = self._arrived[:wanted], self._arrived[wanted:]
        if len(arrived) < wanted:
            for fd in arrived:
                os.close(fd)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        self.fds = arrived[:plain]
        return pickle.loads(body, buffers=self._buffers(sizes, arrived[plain:]))

    def whole(self) -> list[Any]:
        """The messages that are here whole; what is left begins with one that is not, or has buffers."""
        data, at, found = self._data, self._at, []
        end, size, unpack, loads = len(data), _HEAD.size, _HEAD.unpack_from, pickle.loads
        view = memoryview(data)
        while end - at >= size:
            plain, buffers, length = unpack(data, at)
            start = at + size
            if plain or buffers or end - start < length:
                break
            at = start + length
            found.append(loads(view[start:at]))
        self._at = at
        return found

    def _buffers(self, sizes: Sequence[int], fds: list[int]) -> list[Any]:
        found: list[Any] = []
        for size in sizes:
            if size & _SHARED:
                found.append(shared.mapped(fds.pop(0), size & ~_SHARED, holds=self._holds))
            else:
                found.append(self._bytes(size))
        return found

    def be_patient(self, seconds: float) -> None:
        """Let `look_patiently` wait so long."""
        whole, rest = divmod(seconds, 1)
        limit = struct.pack("@ll", int(whole), int(rest * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def look_patiently(self) -> bool:
        """Whether something has come, within the time that was set by `be_patient`.

        Raises:
            EOFError: nobody sends any more.
        """
        return self._read(_CLOEXEC)

    def look(self) -> bool:
        """Whether something has come; does not wait.

        Raises:
            EOFError: nobody sends any more.
        """
        return self._read(_NOW)

    def _fill(self) -> None:
        """Read what is there; wait where there is nothing."""
        while not self._read(_CLOEXEC):
            pass

    def _read(self, flags: int) -> bool:
        try:
            chunk, beside, _, _ = self._socket.recvmsg(_AT_ONCE, _ROOM, flags)
        except BlockingIOError:
            return False
        for level, kind, data in beside:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._arrived.extend(array.array("i", data[: len(data) - len(data) % 4]))
        if not chunk:
            raise EOFError
        self._data = self._data[self._at :] + chunk if self._at < len(self._data) else chunk
        self._at = 0
        return True

    def _bytes(self, size: int) -> bytearray:
        """So many bytes, which can be written to."""
        found = bytearray(size)
        here = min(size, len(self._data) - self._at)
        found[:here] = self._data[self._at : self._at + here]
        self._at += here
        view = memoryview(found)
        while here < size:
            with contextlib.suppress(BlockingIOError):
                read = self._socket.recv_into(view[here:])
                if not read:
                    raise EOFError
                here += read
        return found
