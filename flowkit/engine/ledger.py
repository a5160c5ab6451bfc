"""What the engine asks of whoever remembers: two small protocols; it knows no store.

What is kept of a value is the store's business, and opaque here but for its `size` in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from flowkit.plan.events import Call, Row

if TYPE_CHECKING:
    from flowkit.engine.capture import Line
    from flowkit.engine.outcome import Outcome


class Kept(Protocol):
    """What is kept of a value."""

    @property
    def size(self) -> int:
        """Bytes that wait to be written."""

    @property
    def is_kept(self) -> bool:
        """Whether the value can be had again."""

    def drop(self) -> None:
        """It is never written, as its attempt was given up or the ledger is broken."""


class Ledger(Protocol):
    """Remembers what happened. All calls come from one thread at a time."""

    def append(
        self,
        rows: Sequence[Row],
        kept: Mapping[tuple[int, int], Any],
        values: Any,
        lines: Sequence[tuple[float, Line]],
    ) -> None:
        """Commit rows, as in plan/events.py, with the results of those that succeeded.

        Args:
            kept: what `Results.keep` gave, by node and child; what is not in it is a plain value.
            values: of the nodes; for a mapped one the list of its children's.

        Raises:
            FlowkitError: nothing of it was written; the run ends.
        """

    def wish(self) -> str:
        """Why another process has asked the run to end, where it has written that; else ""."""

    def end(self, outcome: Outcome) -> None:
        """Commit how the run ended, and let go of what was held; also where `append` has raised.

        Raises:
            FlowkitError: it could not be written.
        """


class Results(Protocol):
    """Keeps values and finds them again. Called from any thread."""

    @property
    def plain(self) -> frozenset[type]:
        """Values of exactly these types are kept as they are, without a call of `keep`."""

    def keep(self, node: int, index: int, value: Any) -> Any:
        """What is kept of a value, made now, before anything may change it; None: the value itself.

        Raises:
            OSError: it cannot be written.
        """

    def load(self, node: int, index: int) -> Any:
        """A value of this run, or of the one that it goes on with, that is not in memory any more.

        Raises:
            FlowkitError: it cannot be had.
        """

    def at_hand(self, call: Call, values: Sequence[Any]) -> tuple[Any, str] | None:
        """Value and origin of a result that is there already, for a call whose task asks for that.

        Only what is had at once: without waiting for anybody, without code of the user's, and what is kept
        of the value is the value itself; None: ask `found`.

        Args:
            values: the arguments, in the order of the plan's `refs`.
        """

    def found(self, call: Call, arguments: dict[str, Any]) -> Hit | Making:
        """What there is already of a call whose task asks for that; waits while another makes it."""


class Hit:
    """A result that is there already.

    Attributes:
        kept: what is kept of the value; None: the value itself.
        origin: what it was made from; see `Detail`.
    """

    __slots__ = ("kept", "origin", "value")

    def __init__(self, value: Any, kept: Any, origin: str) -> None:
        self.value = value
        self.kept = kept
        self.origin = origin


class Making(Protocol):
    """A result that is not there: the call is to be carried out; then `made` or `drop` must follow."""

    @property
    def origin(self) -> str:
        """What the result is made from; see `Detail`."""

    def made(self, value: Any, kept: Any) -> Any:
        """The call gave this value; returns what is to be kept, which becomes the entry too."""

    def drop(self) -> None:
        """The call gave none: let others try."""
