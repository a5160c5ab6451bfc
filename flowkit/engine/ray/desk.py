"""Where the tasks of a run are carried out in a worker of Ray, and how large values get there and back.

What a desk sends is a stream: an `Entry` for each call, as soon as that has ended, after one that is large
its parts, as an object of their own. So they stay in the store of the node where they were made, also when
the worker dies, and who sent the call has only a reference to them.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from flowkit.engine.away import Office
from flowkit.engine.capture import Line
from flowkit.engine.clocks import Clock, clock_here
from flowkit.engine.errand import SEALED, About, Answer, Errand, Header, Parts
from flowkit.engine.sealed import Closed, OpeningError, Sealed, opened

_APART = 64 * 1024  # bytes from which a value is an object of its own
_arrived: contextvars.ContextVar[Sequence[Parts]] = contextvars.ContextVar("arrived")
_sent: contextvars.ContextVar[dict[Any, int] | None] = contextvars.ContextVar("sent", default=None)


class News(NamedTuple):
    """What a desk must know before it carries out calls.

    Attributes:
        functions: by their numbers.
        nodes: what is the same in all calls of a node, by nodes.
    """

    functions: dict[int, Parts]
    nodes: dict[int, About]


class Entry(NamedTuple):
    """What came of a call, on its way back.

    Attributes:
        lines: what was printed and logged since the entry before.
        apart: the name of the value's type and its size in bytes, where its parts follow.
        clock: of where the times of the answer are from.
        secrets: what must not be shown, where that was not told before.
    """

    answer: Answer
    lines: Sequence[Line]
    apart: tuple[str, int] | None
    clock: Clock
    secrets: Sequence[Any]


class Desk:
    """The actor: carries out calls of one run, one after another."""

    def __init__(self, header: Header, finding: Callable[[], None] | None) -> None:
        if finding is not None:
            finding()
        self._clock = clock_here()
        self._lines: list[Line] = []
        self._office = Office(header, self._lines.append)

    def carry_out(self, news: News, errands: Sequence[Errand], *arrived: Parts) -> Iterator[Entry | Parts]:
        """Carry out calls.

        Args:
            arrived: the large values that the arguments refer to, in the order of `sending`.
        """
        for number, function in news.functions.items():
            self._office.learn_function(number, function)
        for node, about in news.nodes.items():
            self._office.learn_node(node, about)
        for errand in errands:
            context = contextvars.copy_context()
            context.run(_arrived.set, arrived)
            answer = context.run(self._office.carry_out, errand)
            parts = answer.payload if answer.kind == SEALED else None
            size = Sealed(*parts).size if parts is not None else 0
            if parts is not None and size >= _APART:
                yield self._entry(answer._replace(payload=None), (parts[2], size))
                yield parts
            else:
                yield self._entry(answer, None)

    def _entry(self, answer: Answer, apart: tuple[str, int] | None) -> Entry:
        lines, self._lines[:] = [*self._lines], []
        return Entry(answer, lines, apart, self._clock, self._office.new_secrets())


class Afar(Closed):
    """A value in Ray's object store; fetched when somebody here looks.

    Args:
        ref: to its `Parts`.
        fetch: gives what a reference is to.
    """

    __slots__ = ("__weakref__", "_brought", "_fetch", "_ref", "kind", "size")

    def __init__(self, ref: Any, kind: str, size: int, fetch: Callable[[Any], Parts]) -> None:
        self.kind = kind
        self.size = size
        self._ref = ref
        self._fetch = fetch
        self._brought: Sealed | None = None

    def bring(self) -> Sealed:
        """Have it here, from now on.

        Raises:
            OpeningError: it is lost.
        """
        if self._brought is None:
            try:
                self._brought = Sealed(*self._fetch(self._ref))
            except Exception as error:
                raise OpeningError(
                    f"a `{self.kind}` of {self.size} bytes is lost to Ray's store: {type(error).__name__}"
                ) from error
        return self._brought

    def open(self) -> Any:
        return self.bring().open()

    def parts(self) -> tuple[Any, tuple[Any, ...]]:
        return self.bring().parts()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        sent = _sent.get()
        if sent is None:
            return self.bring().__reduce__()
        return arrived, (sent.setdefault(self._ref, len(sent)),)

    def __repr__(self) -> str:
        return f"<Afar {self.kind}: {self.size} bytes in Ray's store>"


def sending(refs: dict[Any, int], pack: Callable[[], Errand]) -> Errand:
    """Pack a call, in which large values are numbers of references.

    Args:
        refs: those that go with it; is added to.
    """
    token = _sent.set(refs)
    try:
        return pack()
    finally:
        _sent.reset(token)


def arrived(number: int) -> Any:
    """The value that a number stands for, there."""
    data, buffers, _ = _arrived.get()[number]
    return opened(data, buffers)
