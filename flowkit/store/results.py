"""Values to what is kept of them, and back.

Guarantees: a value is pickled by the worker that made it, before anything else may change it; nothing is
unpickled whose signature does not fit; what cannot be kept costs the run nothing but a second execution.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from flowkit.store import apart, files
from flowkit.store.batch import LONG, Stored, pickle_of

# Values of exactly these types cannot change, and are stored as they are.
PLAIN: frozenset[type] = frozenset({int, float, bool, type(None)})
SMALL = 64 * 1024  # bytes from which a result is a file
_LARGE = 1 << 20  # bytes of an object alone, without what it refers to
_COUNTED = frozenset({dict, list, tuple})
_FEW = 5000  # elements with which one of these is smaller than that
_SHORT = 4096  # characters up to which a text is stored as it is
PROTOCOL = 5


class Mask(Protocol):
    """Knows secrets."""

    def __bool__(self) -> bool: ...

    def holds(self, data: bytes | str) -> bool:
        """Whether one of them is in there."""


class UnreadableError(Exception):
    """A result that was kept cannot be had any more; the text says why."""


class TooLargeError(Exception):
    """More bytes than are kept of one value."""


class SecretError(Exception):
    """Bytes that hold what must not be kept."""


class Results:
    """The results of one project.

    Args:
        folder: of the files.
        key: None: only plain values are kept.
        most: bytes that are kept of one value.
        mask: knows what must not be kept; false where it knows nothing.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes | None,
        most: int = 1 << 28,
        mask: Mask | None = None,
    ) -> None:
        self.folder = folder
        self.key = key or b""
        self._most = most
        self._mask = mask

    def packed(self, value: Any) -> Stored:
        """What is kept of a value, made now; of a plain one the value itself.

        Raises:
            OSError: the disk is full or broken.
        """
        kind = type(value)
        if kind in PLAIN and (kind is not int or value.bit_length() <= LONG):
            return self._checked(Stored("p", value), str(value))
        if kind is str and len(value) <= _SHORT:
            return self._checked(Stored("p", value), value)
        return self.pickled(value)

    def _checked(self, stored: Stored, text: bytes | str) -> Stored:
        if self._mask and self._mask.holds(text):
            return Stored("x", "it holds a secret")
        return stored

    def pickled(self, value: Any) -> Stored:
        """What is kept of a value that is not plain; see `packed`."""
        if not self.key:
            return Stored("x", "there is no key to sign it with, as `flowkit doctor` says")
        spill: _Spill | None = None
        try:
            # Without what it refers to; asking for the size takes as long as a third of a small pickle.
            if (type(value) in _COUNTED and len(value) < _FEW) or sys.getsizeof(value, 0) < _LARGE:
                data = pickle.dumps(value, PROTOCOL)
                if len(data) < SMALL:
                    stored = pickle_of(data)
                    return self._checked(stored, data) if self._mask else stored
                spill = _Spill(self)
                spill.write(data)
            else:  # without a second copy of it in memory
                spill = _Spill(self)
                pickle.Pickler(spill, PROTOCOL).dump(value)
            return spill.stored()
        except OSError as error:
            if error.errno is None:  # of the user's own code, not of the disk
                return Stored("x", _why_not(value, error))
            raise OSError(error.errno, f"{error.strerror} in `{self.folder}`") from error
        except SecretError:
            return Stored("x", "it holds a secret")
        except TooLargeError:
            return Stored("x", f"it is larger than {self._most:,} bytes")
        except Exception as error:
            return Stored("x", _why_not(value, error))
        finally:
            if spill is not None:
                spill.drop()

    def forwarded(self, data: Any, buffers: Sequence[Any]) -> Stored:
        """What is kept of a value that another process has pickled.

        Args:
            data: the pickle.
            buffers: what it refers to beside it.

        Raises:
            OSError: the disk is full or broken.
        """
        if not self.key:
            return Stored("x", "there is no key to sign it with, as `flowkit doctor` says")
        spill = _Spill(self)
        try:
            for part in (data,) if not buffers else apart.parts(data, buffers):
                spill.write(part)
            return spill.stored()
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} in `{self.folder}`") from error
        except SecretError:
            return Stored("x", "it holds a secret")
        except TooLargeError:
            return Stored("x", f"it is larger than {self._most:,} bytes")
        finally:
            spill.drop()

    def touch(self, stored: Stored) -> None:
        """This run needs it too: what evicts it meanwhile leaves its file alone."""
        if stored.kind == "f":
            with contextlib.suppress(OSError):
                os.utime(files.path_of(self.folder, stored.payload))

    def loaded(self, stored: Stored) -> Any:
        """The value again.

        Raises:
            UnreadableError: it was not kept, is gone or damaged, or its class cannot be found any more.
        """
        if stored.kind == "p":
            return stored.payload
        if stored.kind == "x":
            raise UnreadableError(stored.payload or "it was not kept")
        data = stored.payload
        if stored.kind == "f":
            data = files.content(self.folder, stored.payload, self.key)
            if data is None:
                raise UnreadableError(f"its file `{stored.payload}` is gone or damaged")
        try:
            data, buffers = apart.taken(data)
            return _Unpickler(io.BytesIO(data), buffers=buffers).load()
        except Exception as error:
            raise UnreadableError(f"it cannot be unpickled: {type(error).__name__}: {error}") from error


class _Spill:
    """Takes a pickle: in memory while it is small, from then on in a file."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._parts: list[bytes] = []
        self._tail = b""
        self._size = 0
        self._file: files.Writing | None = None

    def write(self, data: Any) -> None:
        size = memoryview(data).nbytes
        self._size += size
        if self._size > self._results._most:
            raise TooLargeError
        if self._file is None and self._size < SMALL:
            self._parts.append(bytes(data))
            return
        self._refuse_secret(data)
        if self._file is None:
            self._file = files.Writing(self._results.folder, self._results.key)
            for part in self._parts:
                self._file.write(part)
            self._parts.clear()
        self._file.write(data)

    def _refuse_secret(self, data: Any) -> None:
        """A secret may lie across two writes."""
        if not self._results._mask:
            return
        whole = self._tail + b"".join(self._parts) + bytes(data)
        if self._results._mask.holds(whole):
            raise SecretError
        self._tail = whole[-_SHORT:]

    def stored(self) -> Stored:
        if self._file is not None:
            name = self._file.finish()
            self._file = None
            return Stored("f", name, self._size)
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return self._results._checked(Stored("k", data, self._size), data)

    def drop(self) -> None:
        if self._file is not None:
            self._file.drop()


class _Unpickler(pickle.Unpickler):
    """Finds the classes of a script that was run as `__main__` also where flowkit loads it."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__" and not hasattr(sys.modules["__main__"], name.partition(".")[0]):
            for found in MAIN_MODULES:
                if found in sys.modules and hasattr(sys.modules[found], name.partition(".")[0]):
                    return super().find_class(found, name)
        return super().find_class(module, name)


# Names of the modules that were loaded from flow files, the latest first.
MAIN_MODULES: list[str] = []


def _why_not(value: Any, error: Exception) -> str:
    return f"a `{type(value).__name__}` cannot be pickled: {str(error)[:200]}"
