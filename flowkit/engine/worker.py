"""Carrying out one call: arguments, the user's function, and what is kept of how it ended.

It takes no lock and changes nothing of the machine: it reads what has ended, which does not change any
more, and returns a row and a value. Here is what most calls need; attempt.py has the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from flowkit.engine.arguments import Arguments
from flowkit.engine.attempt import Attempt
from flowkit.engine.context import CURRENT
from flowkit.engine.failure import describe
from flowkit.engine.handling import Handling
from flowkit.engine.judging import Judging, KeepingError, TaskTimeoutError, awaited
from flowkit.plan.events import Call, Detail, Row
from flowkit.plan.status import CACHED, CANCELLED, FAILED, LOOPED, RETRYING, SUCCESS

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

Finished = tuple[Row, Any, Any]  # the row, the value, and what is kept of it where it is not plain


class Worker:
    """Carries out the calls of one engine; shared by all threads of a run.

    Attributes:
        sought: the nodes whose results are worth a look before they are called, as that is all there is to
            do where they are at hand.
        slow: the nodes whose attempts may wait, or run code of the user's, before their function or after it.
        cached_nodes: the nodes whose results are looked for.
        looks_inside: the nodes for which their arguments are looked at before they are called.
        attended: the nodes whose calls are attended to here, before or after.
        plain: values of exactly these types are kept as they are; None: nothing is kept.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plan = engine.plan
        self.values = engine.values
        self.arguments = Arguments(engine)
        self._clock = engine.clock
        results = engine.results
        self.cached_nodes = self.plan.cached if results is not None else frozenset()
        self.plain: frozenset[type] | None = results.plain if results is not None else None
        odd = (
            frozenset(self.plan.arguments)
            | frozenset(self.plan.custom)
            | frozenset(self.plan.triggers)
            | self.plan.handled
            | self.plan.merges
            | frozenset(self.plan.needs)
            | self.plan.durable
            | self.plan.placed.keys()
            | self.plan.logged
            | self.plan.run_names.keys()
            # An attempt that was given up before it read its arguments might find that they were let go.
            | frozenset(self.plan.timeouts)
        )
        # For these something is to be done here besides the call itself.
        self.attended = (
            frozenset(self.plan.custom)
            | self.plan.handled
            | self.plan.durable
            | self.plan.placed.keys()
            | self.plan.logged
            | self.plan.run_names.keys()
            | frozenset(self.plan.timeouts)
            | self.plan.unkept
            | self.cached_nodes
        )
        self._special = odd | self.plan.cached | self.plan.unkept
        self.slow: frozenset[int] = self.cached_nodes.union(
            self.plan.custom, self.plan.handled, self.plan.durable, self.plan.placed, self.plan.run_names
        )
        self.sought = set(self.cached_nodes - odd - self.plan.groups.keys())
        self.looks_inside = self.cached_nodes | self.plan.placed.keys() | self.plan.run_names.keys()
        self.judging = Judging(engine)
        self.handling = Handling(self)
        if engine.away:
            self.look_up({node for node, lane in enumerate(self.plan.lane_of) if lane in engine.away})
        if engine.careful or engine.manner.task_handlers:
            self._special = self.slow = self.attended = frozenset(range(self.plan.size))
            self.sought = set()

    def look_up(self, nodes: set[int]) -> None:
        """These values may not be in memory, or are sealed: who takes them has to look."""
        followers = {follower for node in nodes for follower in self.plan.successors[node]}
        self._special |= followers
        self.sought -= followers
        self.slow |= followers

    def look_at(self, calls: Sequence[Call]) -> list[Finished | None]:
        """The ends of those calls whose results are at hand; None for the others.

        One look is at many, as it neither waits nor runs code of the user's. What goes wrong will do so
        again in the call itself, and is told there.
        """
        assert self.engine.results is not None
        at_hand, refs, values = self.engine.results.at_hand, self.plan.refs, self.values
        now = self._clock()
        found: list[Finished | None] = []
        for call in calls:
            try:
                hit = at_hand(call, [values[ref] for ref in refs[call[0]]])
            except Exception:
                hit = None
            if hit is None:
                found.append(None)
            else:
                value, origin = hit
                found.append(((*call, CACHED, now, now, None, Detail(origin=origin)), value, None))
        return found

    def execute(self, call: Call, name: str) -> Finished:
        """Carry out a call.

        It leaves the context of the call behind; a thread that does other things too restores its own.

        Args:
            name: the worker, for the record.

        Returns:
            The row of the attempt, and the value: the result, or the exception.
        """
        node, index, attempt = call
        plan, clock = self.plan, self._clock
        CURRENT.set((self.engine, call))
        started = clock()
        kept = None
        try:
            if node in self._special:
                return Attempt(self, call, name, started).carried_out()
            values, names, task = self.values, plan.names[node], plan.tasks[node]
            given = [values[ref] for ref in plan.refs[node]]
            value = task.run(*given) if names is None else task.run(**dict(zip(names, given, strict=True)))
            if type(value) is CoroutineType:
                value = awaited(value)
            if self.plain is not None and type(value) not in self.plain:
                kept = self.kept(node, index, value)
            return (node, index, attempt, SUCCESS, started, clock(), name, None), value, kept
        except BaseException as error:
            return self.raised(call, error, started, name)

    def begun(self, call: Call, name: str) -> Attempt:
        """An attempt of a call, for who has another place for the user's function than this thread."""
        return Attempt(self, call, name, self._clock())

    def raised(
        self, call: Call, error: BaseException, started: float, name: str, ended: float = 0.0
    ) -> Finished:
        """The end of a call that raised; a raised signal may be a success."""
        ended = ended or self._clock()  # what it takes to describe it is not its own time
        if isinstance(error, self.engine.manner.lets_out) and self.engine.interrupts.happened is None:
            self.engine.let(error)
        status, detail, value = self.judging.of(call, error)
        return self.finished((*call, status, started, ended, name, detail), value)

    def finished(self, row: Row, value: Any) -> Finished:
        """An end that did not come by returning, with what is kept of its value."""
        kept = None
        if row[3] in (SUCCESS, CACHED, LOOPED) and self.plain is not None:
            try:
                kept = self.kept(row[0], row[1], value)
            except KeepingError as unkept:
                detail = Detail(failure=describe(unkept, "storage"))
                return (*row[:3], FAILED, *row[4:7], detail), unkept, None
        return row, value, kept

    def committed(self, finished: Finished) -> Finished:
        """The same; where its task asks for that, its end is on disk before anything follows from it."""
        row, value, kept = finished
        if row[0] not in self.plan.durable or self.engine.results is None:
            return finished
        good = SUCCESS <= row[3] <= CACHED
        try:
            if self.commit(row, kept or self.kept(row[0], row[1], value) if good else kept) or not good:
                return finished
            raise KeepingError("its end cannot be written")
        except KeepingError as error:
            finished = self.raised(row[:3], error, row[4], row[6] or "")
            self.commit(finished[0], None)
            return finished

    def commit(self, row: Row, kept: Any) -> bool:
        """Have an end on disk before anything follows from it, where its task asks for that; False where
        that cannot be."""
        is_end = row[3] <= CANCELLED and row[3] != RETRYING and (row[7] is None or row[7].retry_in is None)
        if row[0] in self.plan.durable and is_end and self.engine.recorder.is_durable:
            return self.engine.recorder.commit(row, kept)
        return True

    def kept(self, node: int, index: int, value: Any) -> Any:
        """What is kept of a value, made before anything else may change it.

        Raises:
            KeepingError: it cannot be written.
        """
        recorder = self.engine.recorder
        if recorder.is_full:
            recorder.wait_for_room()
        try:
            return self.engine.results.keep(node, index, value)  # type: ignore[union-attr]
        except OSError as error:
            raise KeepingError(f"its result cannot be written: {error.strerror or error}") from error


def timed_out(worker: Worker, call: Call, started: float, now: float, soft: str) -> Finished:
    """The end of an attempt by its time limit.

    Args:
        soft: what could not be stopped, in words; "" where it was.
    """
    limit = worker.plan.timeouts[call[0]]
    error = TaskTimeoutError(f"`{worker.plan.key(*call[:2])}` took longer than its {limit:g} s{soft}")
    return given_up(worker, call, error, started, now)


def given_up(worker: Worker, call: Call, error: Exception, started: float, now: float) -> Finished:
    """The end of an attempt whose own worker does not say it.

    Args:
        error: why.
    """
    node, index, attempt = call
    status, detail, value = worker.judging.of(call, error)
    finished = (node, index, attempt, status, started, now, None, detail), value, None
    if worker.engine.manner.task_handlers or node in worker.plan.handled:
        return worker.handling.ended(call, finished)
    return finished
