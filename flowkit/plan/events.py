"""What crosses the border between the machine, the workers and the observers: plain tuples.

A row is `(node, index, attempt, status, started, ended, worker, detail)`:

- `node`: the task's number in the plan; `index`: the child of a mapped task, else -1.
- `attempt`: 1, 2, …; 0 for what was decided without an attempt.
- `status`: a `Status`. RUNNING is the start of an attempt; there is none where a result was at hand.
  RETRYING, LOOPED and PAUSED are the end of one that is followed by another, EXPANDED the moment when a
  mapped task knows its children (`attempt` is their number).
- `started`, `ended`: seconds of the run's monotonic clock.
- `worker`: the name of who ran it, or None.
- `detail`: None, a `Detail`, or the reason in words of what was decided without an attempt.

A finished attempt is reported as the very row that is remembered and shown.
"""

from __future__ import annotations

from math import isfinite
from operator import index
from typing import Any, NamedTuple

from flowkit.plan.failure import Failure as Failure

Row = tuple[int, int, int, int, float, float, str | None, Any]
Call = tuple[int, int, int]

RUN: Call = (-1, -1, 0)  # stands for a call where something is the run's, not one of its tasks'
OPEN, SHUT, BROKEN = 1, 0, -1


class Report(NamedTuple):
    """How far an attempt is, as it says itself.

    Attributes:
        done: how much is.
        total: of how much; None: that is not known.
    """

    done: float
    total: float | None = None

    @classmethod
    def of(cls, done: Any, total: Any = None) -> Report:
        """A report of numbers of any kind, also of numpy's; what is infinite, or nothing, is no total.

        Raises:
            TypeError: one is no number.
        """
        much, whole = _number(done), 0.0 if total is None else _number(total)
        return cls(much if isfinite(much) else 0, whole if isfinite(whole) and whole > 0 else None)


def _number(given: Any) -> float:
    try:
        return index(given)
    except TypeError:
        if isinstance(given, str | bytes):
            raise
        return float(given)


class Iteration(NamedTuple):
    """An iteration of a task that loops.

    Attributes:
        number: which one, from 1.
        result: what the next one finds.
    """

    number: int
    result: Any = None


class Detail(NamedTuple):
    """The few facts about an attempt that the machine decides by.

    Attributes:
        length: of the result, where something is mapped over it; -1: it cannot be mapped over.
        flat: the elements of its elements, where something is mapped over it flattened; -1: none.
        matches: for each value that gates expect of it: OPEN, SHUT or BROKEN.
        retry_in: seconds until another attempt, where the task's policy allows one.
        failure: why it did not succeed.
        message: what a raised signal said.
        origin: of a task with a cache, what its result was made from, as it is kept, a JSON object: the `key`
            of the entry; the `inputs` of the call, a list of name, digest and upstream; of a value that was
            found `run`, `attempt` and `made`, in seconds since 1970; `files`: a digest of what lies at the
            paths in the value; `missed`: why an entry that was there was not used. "": there is none.
        iteration: the one that this attempt was, where another follows.
        state: what a signal or a state handler has given for the end, where it is more than its status.
        memory: bytes, the most that its process had meanwhile; 0: that is not known.
    """

    length: int = -1
    flat: int = -1
    matches: tuple[int, ...] = ()
    retry_in: float | None = None
    failure: Failure | None = None
    message: str = ""
    origin: str = ""
    iteration: Iteration | None = None
    state: Any = None
    memory: int = 0
