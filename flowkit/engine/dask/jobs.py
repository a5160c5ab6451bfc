"""Calls on their way to a cluster, and how many of them travel together."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.attempt import Attempt
from flowkit.engine.dask.held import Held
from flowkit.engine.errand import Errand
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from distributed import Future

_TOGETHER = 0.05  # seconds that the calls of one message take
_MOST = 256  # calls
_SURE = 0.2  # seconds in which what happens on a worker is heard of
RESOURCE = "dask-resource:"


@dataclass(slots=True, eq=False)
class Ready:
    """A call that is ready to be sent.

    Attributes:
        function: its number.
        alone: whether no other may travel with it.
        is_suspect: whether a worker died that had it, among others: from then on it is sent so that it is
            known when it begins.
    """

    attempt: Attempt
    arguments: dict[str, Any]
    function: int = -1
    alone: bool = False
    is_suspect: bool = False

    @property
    def call(self) -> Call:
        return self.attempt.call


class Packed(NamedTuple):
    """What of a call is sent: where its arguments are large they go before, and `place` says where they are
    among what goes with it."""

    errand: Errand
    held: list[Held]
    given: list[Future]
    place: int = -1


@dataclass(slots=True, eq=False)
class Job:
    """Calls that were sent together.

    Attributes:
        waits: those whose answers have not come.
        worker, thread, pid, begun: where and when it has begun, as far as that was said.
        given_up: whether nobody waits for it any more.
    """

    number: int
    waits: dict[Call, Ready]
    future: Future
    held: list[Held] = field(default_factory=list)
    worker: str = ""
    thread: int = 0
    pid: int = 0
    begun: float = 0.0
    given_up: bool = False


class Out:
    """The jobs that are out, and which runs where, as far as that was said."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._job_of: dict[Call, Job] = {}
        self._latest: dict[tuple[str, int], int] = {}  # which has begun last, by worker and thread
        self._doubtful: set[str] = set()  # workers that died with a job of which nobody knows whether it ran

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        """Those of now."""
        return iter(list(self._jobs.values()))

    def add(self, job: Job) -> None:
        """A job was sent."""
        self._jobs[job.number] = job
        self._job_of.update(dict.fromkeys(job.waits, job))

    def drop(self, job: Job) -> bool:
        """A job is over; False where that is known."""
        if self._jobs.pop(job.number, None) is None:
            return False
        for call in job.waits:
            if self._job_of.get(call) is job:
                del self._job_of[call]
        return True

    def of(self, call: Call) -> Job | None:
        """The job that has a call."""
        return self._job_of.get(call)

    def begun(self, said: dict[str, Any], now: float) -> Job | None:
        """It was said that a job has begun; None where it is over."""
        job = self._jobs.get(said["number"])
        if job is not None:
            job.worker, job.thread, job.pid, job.begun = said["worker"], said["thread"], said["pid"], now
            self._latest[job.worker, job.thread] = job.number
        return job

    def ended_its_worker(self, job: Job, worker: str, then: float) -> bool:
        """Whether a job that was dropped because a worker died then is what ran there.

        It did if it was the last to begin there. One that began a moment ago may have ended, and the next
        have killed the worker, before either was said.
        """
        if not job.worker:
            self._doubtful.add(worker)
            return False
        if self._latest.get((job.worker, job.thread)) != job.number:
            return False
        if any(ready.is_suspect for ready in job.waits.values()) or then - job.begun > _SURE:
            return True
        return worker not in self._doubtful and all(other.worker for other in self._jobs.values())


class Pace:
    """How long calls take, by function, so that short ones travel together."""

    def __init__(self) -> None:
        self._took: dict[int, float] = {}
        self._last = 1

    def learn(self, function: int, seconds: float, calls: int) -> None:
        """So many calls of a function took that long."""
        each = seconds / calls
        before = self._took.get(function)
        self._took[function] = each if before is None else (before + each) / 2
        self._last = self.size(function)

    def size(self, function: int) -> int:
        """How many calls of a function make a message."""
        took = self._took.get(function)
        return 1 if took is None else max(1, min(_MOST, int(_TOGETHER / max(took, 1e-6))))

    @property
    def appetite(self) -> int:
        """How many calls a message takes, as the last ones did."""
        return self._last

    def cut(self, ready: deque[Ready], free: int) -> list[Ready]:
        """Take what makes the next message, so that there is some for each of the free places."""
        first = ready.popleft()
        taken = [first]
        if first.alone or first.is_suspect:
            return taken
        most = min(self.size(first.function), math.ceil((len(ready) + 1) / free))
        while len(taken) < most and ready:
            other = ready[0]
            if other.function != first.function or other.alone or other.is_suspect:
                break
            taken.append(ready.popleft())
        return taken


def resources_of(tags: Any) -> dict[str, float]:
    """What tags like `dask-resource:GPU=1` ask for.

    Raises:
        ValueError: one is not written so; it is named.
    """
    found = {}
    for tag in tags:
        if tag.startswith(RESOURCE):
            name, equals, amount = tag.removeprefix(RESOURCE).partition("=")
            try:
                found[name] = float(amount)
            except ValueError:
                equals = ""
            if not (name and equals):
                raise ValueError(f"the tag `{tag}` is not like `dask-resource:GPU=1`")
    return found
