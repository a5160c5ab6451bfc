"""Values that stay on a Dask cluster: `Kept` is one there, `Held` stands for it here.

Who takes one on the cluster gets it from the worker that has it; here it is fetched when somebody looks.

Guarantees: dask moves bytes and opens nothing of the user's, so that a value that cannot be unpickled is an
error of the task that takes it. Buffers are read-only, as all who take a value share them on a worker.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flowkit.engine.sealed import Closed, OpeningError, Sealed, opened, sealed

if TYPE_CHECKING:
    from distributed import Future

_LOOK = 1.0  # seconds between two looks whether a value that is waited for was lost
_CLOSED: Any = object()

# Those that a call takes, by identity, while its arguments are sealed; None: they are opened instead.
TAKEN: ContextVar[dict[int, Held] | None] = ContextVar("flowkit_taken", default=None)
# What stands for them on the worker, in the same order.
GIVEN: ContextVar[Sequence[Kept]] = ContextVar("flowkit_given", default=())


class LostValueError(OpeningError):
    """The worker that had a value is gone, and there is no other copy."""


class Kept:
    """A pickle with its buffers, in the memory of a worker."""

    __slots__ = ("__weakref__", "buffers", "data")

    def __init__(self, data: Any, buffers: Sequence[Any] = ()) -> None:
        self.data = data.raw() if type(data) is pickle.PickleBuffer else data
        self.buffers = tuple(buffers)

    def open(self) -> Any:
        """The value, new each time, but for the buffers.

        Raises:
            OpeningError: it cannot be unpickled.
        """
        return opened(self.data, self.buffers)

    def __sizeof__(self) -> int:  # what dask asks for
        return len(self.data) + sum(memoryview(buffer).nbytes for buffer in self.buffers)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        around = pickle.PickleBuffer if protocol >= 5 else bytes
        return Kept, (around(self.data), tuple(map(around, self.buffers)))


def kept(data: Any, buffers: Sequence[Any]) -> Kept:
    """What stays on a worker of a value that was sealed there."""
    return Kept(data, [pickle.PickleBuffer(buffer).raw().toreadonly() for buffer in buffers])


def given(place: int) -> Any:
    """On a worker: the value that stands at this place of what the call takes."""
    return GIVEN.get()[place].open()


class Held(Closed):
    """A value on the cluster.

    Args:
        future: of its `Kept`.
        kind: the name of the value's type.
        size: bytes.
        worker: where it was made.

    Attributes:
        again: gives the value where the cluster has lost it; None: nothing does.
        is_lost: whether the worker that had it is known to be gone.
    """

    __slots__ = ("__weakref__", "_brought", "_opened", "again", "future", "is_lost", "kind", "size", "worker")

    def __init__(self, future: Future, kind: str, size: int, worker: str) -> None:
        self.future: Future | None = future
        self.kind = kind
        self.size = size
        self.is_lost = False
        self.worker = worker
        self.again: Callable[[], Any] | None = None
        self._brought: Sealed | None = None
        self._opened: Any = _CLOSED

    def parts(self) -> tuple[Any, tuple[Any, ...]]:
        """Its pickle and buffers; fetched.

        Raises:
            LostValueError: nobody has it any more.
        """
        if self._brought is not None:
            return self._brought.parts()
        try:
            found = self._fetched()
        except LostValueError:
            if self.again is None:
                raise
            return sealed(self.open()).parts()
        return found.data, found.buffers

    def open(self) -> Any:
        if self._opened is _CLOSED:
            if self._brought is not None:
                self._opened = self._brought.open()
            else:
                self._opened = self._looked_up()
        return self._opened

    def bring(self, most: float = float("inf")) -> None:
        """Have it here, as who has it there will be gone.

        Args:
            most: seconds to wait for it.

        Raises:
            LostValueError: nobody has it any more, or does not give it in time.
        """
        if self._brought is None and self._opened is _CLOSED:
            found = self._fetched(most)
            self._brought = Sealed(found.data, found.buffers, self.kind)
        self.future = None

    def _looked_up(self) -> Any:
        try:
            return self._fetched().open()
        except LostValueError:
            if self.again is None:
                raise
            return self.again()

    def _fetched(self, most: float = float("inf")) -> Kept:
        future = self.future
        if future is None or self.is_lost:
            raise LostValueError(_lost(self.kind))
        try:
            waited = asyncio.run_coroutine_threadsafe(_result(future), future.client.loop.asyncio_loop)
            until = time.monotonic() + most
            while True:
                try:
                    return waited.result(min(_LOOK, max(0.0, until - time.monotonic())))
                except TimeoutError:
                    if self.is_lost or waited.done() or time.monotonic() >= until:
                        waited.cancel()
                        raise LostValueError(_lost(self.kind)) from None
        except OpeningError:
            raise
        except BaseException as error:  # cancelled, as the client has no connection any more, say
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise LostValueError(_lost(self.kind)) from error

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        taken = TAKEN.get()
        if taken is None or self.future is None or self.is_lost:
            data, buffers = self.parts()
            return opened, (data, tuple(map(pickle.PickleBuffer, buffers)))
        taken.setdefault(id(self), self)
        return given, (list(taken).index(id(self)),)

    def __repr__(self) -> str:
        return f"<Held {self.kind}: {self.size} bytes on the cluster>"


async def _result(future: Future) -> Kept:
    found: Kept = await future
    return found


def _lost(kind: str) -> str:
    return f"the Dask worker that had it, a `{kind}`, is gone, and no other copy is kept"
