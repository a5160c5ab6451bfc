"""The digest of a rooted graph of Python objects, whatever its depth and its cycles.

Guarantees: what two places share is worth what two equal copies are; a cycle ends in a reference back,
counted within the cycle, so that its digest does not depend on where it is met from; nothing recurses.
The cycles are found as Tarjan does it (SIAM J. Comput. 1, 1972): a strongly connected part is closed
when the walk leaves it by the node through which it came.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

Steps = Generator[tuple[str, Any], bytes, bytes]
"""The digest of one object: gives its children with the way to each, gets their tokens, returns its own."""


@dataclass(slots=True)
class _Frame:
    """An object whose children are being looked at."""

    steps: Steps
    key: int
    way: str
    place: int
    lowest: int


class Walk:
    """Walks from roots, one after the other; what was seen from one is known to the next.

    Values are held as long as the walk is, for they are known by their `id`.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._pending: list[Any] = []
        self._tokens: dict[int, bytes] = {}
        self._circles: dict[int, int] = {}
        self._held: list[Any] = []
        self._count = 0

    def leaf(self, value: Any) -> bytes | None:
        """The token of a value without children, else None."""
        raise NotImplementedError

    def steps(self, value: Any) -> Steps:
        """The way through one object; see `Steps`."""
        raise NotImplementedError

    def wrong(self, value: Any, error: Exception, ways: list[str]) -> Exception:
        """What to raise for a failure at `value`, which is reached from the root by `ways`."""
        raise NotImplementedError

    def token(self, root: Any) -> bytes:
        """The token of a value: a leaf's own, or one with the digest of all that it reaches."""
        known = self._known(root, None)
        if known is not None:
            return known
        frames = [self._enter(root, "")]
        answer: bytes | None = None
        try:
            while True:
                frame = frames[-1]
                try:
                    way, child = frame.steps.send(answer)  # type: ignore[arg-type]
                except StopIteration as ended:
                    answer = ended.value
                    frames.pop()
                    self._leave(frame, ended.value, frames)
                    if not frames:
                        return ended.value  # type: ignore[no-any-return]
                    continue
                answer = self._known(child, frame)
                if answer is None:
                    frames.append(self._enter(child, way))
        except Exception as error:
            value = self._pending[frames[-1].place]
            ways = [frame.way for frame in frames]
            self._forget_pending()
            raise self.wrong(value, error, ways) from error

    def _known(self, child: Any, parent: _Frame | None) -> bytes | None:
        leaf = self.leaf(child)
        if leaf is not None:
            return leaf
        key = id(child)
        place = self._open.get(key)
        if place is not None and parent is not None:
            parent.lowest = min(parent.lowest, place)
            return b"^%d;" % (parent.place - place)
        token = self._tokens.get(key)
        if token is None or parent is None:
            return token
        # Within a cycle nothing known from an earlier walk through it may shorten the way.
        circle = self._circles.get(key)
        return None if circle is not None and circle == self._circles.get(parent.key) else token

    def _enter(self, value: Any, way: str) -> _Frame:
        place = len(self._pending)
        self._open[id(value)] = place
        self._pending.append(value)
        return _Frame(self.steps(value), id(value), way, place, place)

    def _leave(self, frame: _Frame, token: bytes, frames: list[_Frame]) -> None:
        if frame.lowest < frame.place:
            frames[-1].lowest = min(frames[-1].lowest, frame.lowest)
            return
        part = self._pending[frame.place :]
        del self._pending[frame.place :]
        for value in part:
            del self._open[id(value)]
        if len(part) > 1:
            self._count += 1
            self._circles.update((id(value), self._count) for value in part)
            self._held.extend(part)
        else:
            self._held.append(part[0])
        self._tokens[frame.key] = token

    def _forget_pending(self) -> None:
        self._pending.clear()
        self._open.clear()
