"""How numpy's arrays and scalars are encoded: dtype, shape and bytes; and its functions made of Python's.

Guarantees: an array in C order and its copy in Fortran order are the same; what lies between the fields of
a record does not count; large arrays are hashed where they lie, or piece by piece, never copied whole.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from flowkit.fingerprint.objects import ordinary
from flowkit.fingerprint.plain import NoValueError, composite, text
from flowkit.fingerprint.walk import Steps

_PIECE = 1 << 16
# Of these the bytes are pointers, or are in part undefined (an 80-bit float in 128 bits).
_BY_ELEMENT = frozenset("OTgG")


def handler(cls: type) -> Callable[[Any], Steps] | None:
    """How instances of `cls` are encoded, where numpy makes them."""
    np: Any = sys.modules.get("numpy")
    if np is None or not hasattr(np, "ndarray"):
        return None
    mro = cls.__mro__
    if np.ndarray in mro:
        if "MaskedArray" in (base.__name__ for base in mro):
            return _masked
        return array if cls in (np.ndarray, np.memmap) else _derived
    if cls is np.ufunc:
        return _ufunc
    return _scalar if np.generic in mro else None


def array(value: Any) -> Steps:
    """An array; one of objects by its elements."""
    np: Any = sys.modules["numpy"]
    value = _native(value.view(np.ndarray))
    dtype = value.dtype
    shape = yield ".shape", value.shape
    if dtype.names is not None:
        fields = []
        for name in dtype.names:
            fields += [text(name), (yield f"[{name!r}]", value[name])]
        return composite(b"records", shape, *fields)
    if dtype.char in _BY_ELEMENT:
        elements = value.ravel().tolist() if dtype.char in "OT" else list(map(repr, value.ravel()))
        return composite(b"elements", text(dtype.str), shape, (yield "", elements))
    return composite(b"array", text(dtype.str), shape, _content(np, value))


def _native(value: Any) -> Any:
    """`pickle` gives numbers back in the order of bytes of the machine, so another one does not count."""
    dtype = value.dtype
    return value if dtype.isnative or dtype.names else value.astype(dtype.newbyteorder("="))


def _content(np: Any, value: Any) -> bytes:
    hashed = sha256()
    if value.nbytes == 0:
        return hashed.digest()
    if value.flags.c_contiguous:
        hashed.update(value.reshape(-1).view(np.uint8).data)
        return hashed.digest()
    flags = ["external_loop", "buffered", "zerosize_ok"]
    for piece in np.nditer(value, flags, order="C", buffersize=_PIECE):
        hashed.update(np.ascontiguousarray(piece).view(np.uint8).data)
    return hashed.digest()


def _scalar(value: Any) -> Steps:
    np: Any = sys.modules["numpy"]
    return composite(b"scalar", (yield "", np.asarray(value)))


def _ufunc(value: Any) -> Steps:
    """A function of numpy by its name; one of `frompyfunc`, by what it calls, which only `gc` says."""
    if not value.__name__.endswith(" (vectorized)"):
        return (yield from ordinary(value))
    held = [each for each in gc.get_referents(value) if each is not type(value)]
    if not held:
        raise NoValueError("it does not say which function it calls")
    return composite(b"ufunc", (yield ".nin", value.nin), (yield ".nout", value.nout), (yield "", held))


def _derived(value: Any) -> Steps:
    np: Any = sys.modules["numpy"]
    cls = yield ".__class__", type(value)
    content = yield "", value.view(np.ndarray)
    return composite(b"derived", cls, content, (yield "", getattr(value, "__dict__", None)))


def _masked(value: Any) -> Steps:
    """What lies under the mask is of no meaning."""
    np: Any = sys.modules["numpy"]
    mask = np.ma.getmaskarray(value)
    cls = yield ".__class__", type(value)
    fill = yield ".fill_value", value.fill_value
    hidden = yield ".mask", mask
    return composite(b"masked", cls, fill, hidden, (yield "", np.ma.getdata(value)[~mask]))
