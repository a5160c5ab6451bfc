"""What is said between a worker and its runner, besides errands and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# To the worker.
HELLO, CALLS, GO_ON, LEAVE = 0, 1, 2, 3
# From it. ENOUGH: it does not begin what is left, as that was taken back, or lacks what it waits for.
# VALUE: the next call has returned a plain value, about which nothing must be known.
# REPORTED: how far a call says that it is.
ANSWER, PRINTED, LOGGED, WARNED, WRITTEN, SECRETS, ENOUGH, VALUE, REPORTED = range(9)


STOPPED = 3  # the kind of an answer: the task was interrupted


class Hello(NamedTuple):
    """What a worker is told first.

    Attributes:
        finding: what is called to find the modules of tasks, pickled; None: nothing.
        header: of the run, pickled.
        levels: of loggers, by name; "" is the root.
        disabled: the level up to which nothing is logged.
        filters: of warnings, pickled; None: those that are there.
    """

    finding: bytes | None
    header: bytes
    levels: Mapping[str, int]
    disabled: int
    filters: bytes | None


class Work(NamedTuple):
    """Errands, and what must be known for them that was not told before.

    Attributes:
        functions: number and `Parts` of each.
        abouts: node and fields of the `About` of each.
        errands: the fields of each.
        is_claimed: whether each is claimed before it begins, as it may be taken back.
    """

    functions: Sequence[tuple[int, Any]]
    abouts: Sequence[tuple[int, tuple[Any, ...]]]
    errands: Sequence[tuple[Any, ...]]
    is_claimed: bool
