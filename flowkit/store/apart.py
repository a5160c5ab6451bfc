"""A pickle whose buffers lie beside it, as one piece of bytes.

`start (4) · number of buffers (4) · length of the pickle and of each buffer (8 each) · pickle · buffers`, the
numbers little-endian. No pickle begins as `start` does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

_START = b"fkb\x01"


def parts(data: Any, buffers: Sequence[Any]) -> Iterator[Any]:
    """The piece, in parts, none of them copied."""
    views = [memoryview(each).cast("B") for each in (data, *buffers)]
    sizes = [len(view) for view in views]
    yield _START + struct.pack(f"<I{len(sizes)}Q", len(buffers), *sizes)
    yield from views


def taken(piece: bytes) -> tuple[bytes, list[bytearray]]:
    """The pickle and its buffers, which can be written to; of an ordinary pickle there are none.

    Raises:
        ValueError: it is cut off.
    """
    if piece[:4] != _START:
        return piece, []
    view = memoryview(piece)
    (count,) = struct.unpack_from("<I", view, 4)
    sizes = struct.unpack_from(f"<{count + 1}Q", view, 8)
    at = 8 + 8 * len(sizes)
    if at + sum(sizes) != len(view):
        raise ValueError("the buffers beside a pickle are cut off")
    found = []
    for size in sizes:
        found.append(view[at : at + size])
        at += size
    return bytes(found[0]), [bytearray(each) for each in found[1:]]
