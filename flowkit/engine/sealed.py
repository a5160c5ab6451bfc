"""Values as bytes: what crosses to another process and back, and is opened only by who needs it.

Buffers of arrays and frames are not copied into the pickle (its protocol 5, out of band): whoever carries a
sealed value to somewhere else decides how they get there.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from flowkit.errors import FlowkitError

PROTOCOL = 5
_CLOSED: Any = object()
_APART = 64 * 1024  # bytes from which a buffer travels beside the pickle


class UnsealableError(TypeError):
    """A value that neither pickle nor cloudpickle takes."""


class OpeningError(FlowkitError):
    """Bytes that cannot be unpickled here; the text says why."""


class Closed:
    """A value that was made, or is to be used, elsewhere, and is not looked at on its way.

    Attributes:
        kind: the name of the value's type.
        size: bytes.
    """

    __slots__ = ()

    def open(self) -> Any:
        """The value, always the same.

        Raises:
            OpeningError: it cannot be had.
        """
        raise NotImplementedError

    def parts(self) -> tuple[Any, tuple[Any, ...]]:
        """Its pickle, and the buffers that it refers to.

        Raises:
            OpeningError: it cannot be had.
        """
        raise NotImplementedError


def is_closed(value: Any) -> bool:
    """Whether a value has to be opened before somebody may look at it; asks nothing of the value itself."""
    return issubclass(type(value), Closed)


class Sealed(Closed):
    """A value as bytes that are at hand.

    Whoever unpickles a value with sealed ones in it has what is in them.

    Attributes:
        data: the pickle.
        buffers: what it refers to beside it, in order: whatever has the buffer protocol.
        kind: the name of the value's type.
    """

    __slots__ = ("_opened", "buffers", "data", "kind")

    def __init__(self, data: Any, buffers: Sequence[Any] = (), kind: str = "") -> None:
        self.data = data.raw() if type(data) is pickle.PickleBuffer else data  # see `message`
        self.buffers = tuple(buffers)
        self.kind = kind
        self._opened: Any = _CLOSED

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data) + sum(memoryview(buffer).nbytes for buffer in self.buffers)

    @property
    def message(self) -> tuple[Any, tuple[Any, ...], str]:
        """Data, buffers and kind; the data as a buffer too, where a message with it should not copy it."""
        data = self.data if len(self.data) < _APART else pickle.PickleBuffer(self.data)
        return data, self.buffers, self.kind

    def open(self) -> Any:
        """The value, always the same.

        Raises:
            OpeningError: it cannot be unpickled.
        """
        if self._opened is _CLOSED:
            self._opened = opened(self.data, self.buffers)
        return self._opened

    def parts(self) -> tuple[Any, tuple[Any, ...]]:
        return self.data, self.buffers

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        data, buffers, _ = self.message
        return opened, (data, tuple(map(pickle.PickleBuffer, buffers)))

    def __repr__(self) -> str:
        return f"<Sealed {self.kind or 'value'}: {self.size} bytes>"


def sealed(value: Any, *, away: bool = False) -> Sealed:
    """A value as bytes: by pickle, where it can, else by cloudpickle, which takes functions and classes of
    scripts and closures too.

    Args:
        away: this is the other process, whose `__main__` has the classes of the script: they are known by
            name where the value goes.

    Raises:
        UnsealableError: neither takes it; the text is what pickle says.
    """
    if type(value) is Sealed:
        return value
    buffers: list[pickle.PickleBuffer] = []

    def is_within(buffer: pickle.PickleBuffer) -> bool:
        try:
            if buffer.raw().nbytes < _APART:
                return True
        except BufferError:  # it is not in one piece
            return True
        buffers.append(buffer)
        return False

    refused: Exception | None = None
    try:
        data = pickle.dumps(value, PROTOCOL, buffer_callback=is_within)
        if away or b"__main__" not in data:  # which is another module elsewhere
            return Sealed(data, buffers, type(value).__name__)
    except Exception as error:
        refused = error
    buffers.clear()
    if refused is not None and "'_io." in str(refused):  # cloudpickle would give what is in the file instead
        raise UnsealableError(f"a `{type(value).__name__}` cannot be pickled: {_short(refused)}") from refused
    try:
        from flowkit.engine import by_value  # 10 ms that only such values need

        data = by_value.dumps(value, PROTOCOL, buffer_callback=is_within)
    except Exception as error:
        said = refused or error
        raise UnsealableError(f"a `{type(value).__name__}` cannot be pickled: {_short(said)}") from error
    return Sealed(data, buffers, type(value).__name__)


def opened(data: Any, buffers: Sequence[Any] = ()) -> Any:
    """What was sealed.

    Raises:
        OpeningError: it cannot be unpickled.
    """
    try:
        return pickle.loads(data, buffers=buffers)
    except OpeningError:
        raise
    except Exception as error:
        raise OpeningError(f"it cannot be unpickled: {_short(error)}") from error


def unsealed(value: Any) -> Any:
    """A value, opened where it is sealed."""
    return value.open() if is_closed(value) else value


def _short(error: BaseException) -> str:
    try:
        text = str(error)[:300]
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
