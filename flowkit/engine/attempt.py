"""One attempt of a call that is more than a look at values.

What comes before the user's function and what comes after it are two steps, so that whoever has a place for
the call can be in between: this thread, a loop, another process. `carried_out` takes all of them at once.

Guarantees: however it goes, an attempt that was begun has an end, which is in `finished`; where something
was being made for others, they are told that it was, or that it was not.
Relies on: each step is taken by one thread at a time, in the context of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import name_run
from flowkit.engine.failure import message_of, type_name
from flowkit.engine.judging import Instead, KeepingError, TriggerRefusedError, TriggerSignal, called
from flowkit.engine.ledger import Hit, Making
from flowkit.engine.places import Found
from flowkit.engine.sealed import unsealed
from flowkit.engine.signals import Signal
from flowkit.errors import UsageError
from flowkit.plan.events import Call, Detail
from flowkit.plan.facts import detail_of
from flowkit.plan.status import CACHED, SUCCESS
from flowkit.plan.waiting import mark_of

if TYPE_CHECKING:
    from flowkit.engine.worker import Finished, Worker


class Attempt:
    """See the module.

    Attributes:
        started: the moment, by the run's clock.
        finished: its end; None as long as the user's function is to be called.
    """

    __slots__ = (
        "_arguments",
        "_engine",
        "_making",
        "_plan",
        "_worker",
        "call",
        "finished",
        "name",
        "started",
    )

    def __init__(self, worker: Worker, call: Call, name: str, started: float) -> None:
        self._worker = worker
        self._engine = worker.engine
        self._plan = worker.plan
        self._arguments: dict[str, Any] = {}
        self._making: Making | None = None
        self.call = call
        self.name = name
        self.started = started
        self.finished: Finished | None = None

    def carried_out(self) -> Finished:
        """All of it, here and now."""
        arguments = self.begin()
        if arguments is not None:
            try:
                value = called(self._plan.tasks[self.call[0]].run, arguments)
            except BaseException as error:
                return self.raised(error)
            return self.returned(value)
        assert self.finished is not None
        return self.finished

    def begin(self) -> dict[str, Any] | None:
        """What to call the user's function with; None: it need not be called, or must not."""
        try:
            proposed = self._proposed()
            if proposed is None:
                return self._prepared()
            decided = self._worker.handling.decided(self.call, proposed, self.name, self.started)
            self._close(lambda: decided, told=False)
        except BaseException as error:
            self.raised(error)
        return None

    def returned(
        self, value: Any, facts: Detail | None = None, times: tuple[float, float] | None = None
    ) -> Finished:
        """The user's function has returned.

        Args:
            facts: what must be known of the value, where that was found out elsewhere.
            times: when it began and ended, where that was elsewhere.
        """
        self.started, ended = times or (self.started, 0.0)
        return self._close(lambda: self._ended(value, facts, ended))

    def raised(self, error: BaseException, times: tuple[float, float] | None = None) -> Finished:
        """The user's function has raised, or could not be called.

        Args:
            times: as for `returned`.
        """
        self.started, ended = times or (self.started, 0.0)
        return self._close(lambda: self._failed(error, ended), told=not isinstance(error, Instead))

    # -- before the call ----------------------------------------------------------------------

    @property
    def _is_handled(self) -> bool:
        return bool(self._engine.manner.task_handlers) or self.call[0] in self._plan.handled

    def _proposed(self) -> tuple[int, str] | None:
        """What was decided about it without an attempt, where its handlers are to be asked about that."""
        return self._engine.machine.proposed.get(mark_of(*self.call[:2])) if self._is_handled else None

    def _prepared(self) -> dict[str, Any] | None:
        node, index, _ = self.call
        engine, plan, worker = self._engine, self._plan, self._worker
        if engine.careful:
            engine.recorder.settle()
        if node in plan.custom:
            self._ask_trigger()
        closed = plan.lane_of[node] in engine.away and node not in worker.looks_inside
        arguments = self._arguments = worker.arguments.of(node, index, closed=closed)
        if node in plan.run_names:
            name_run(plan.run_names[node], arguments)
        there = self._there() if node in plan.placed else None
        if there is not None:
            self._close(lambda: self._at_target(there))
            return None
        if node in worker.cached_nodes:
            found = engine.results.found(self.call, arguments)  # type: ignore[union-attr]
            if isinstance(found, Hit):
                self._close(lambda: self._hit(found))
                return None
            self._making = found
        if self._is_handled:
            worker.handling.begun(self.call)
        return arguments

    def _ask_trigger(self) -> None:
        """Raise where a trigger of the user's does not accept how the upstreams ended."""
        node, index, _ = self.call
        trigger: Any = self._plan.tasks[node].trigger
        try:
            accepted = trigger(self._engine.upstream_states(node, index))
        except Signal as signal:
            raise TriggerSignal(signal) from signal
        except Exception as error:
            raise TriggerRefusedError(
                f"its trigger raised {type_name(error)}: {message_of(error)}"
            ) from error
        if not accepted:
            raise TriggerRefusedError(
                f"its trigger `{getattr(trigger, '__name__', trigger)}` did not accept its upstreams"
            )

    def _there(self) -> Found | None:
        """What lies at its target, if anything does."""
        assert self._engine.places is not None
        try:
            return self._engine.places.found(self.call, self._arguments)
        except UsageError as error:
            raise KeepingError(str(error)) from error

    # -- after it -----------------------------------------------------------------------------

    def _close(self, end: Callable[[], Finished], *, told: bool = True) -> Finished:
        """Its end, once its handlers were told, committed where its task asks for that."""
        worker = self._worker
        try:
            try:
                finished = self._or_failed(end)
                if told and self._is_handled:
                    row, value, kept = finished
                    finished = worker.handling.told(self.call, (row, unsealed(value), kept))
            finally:
                if self.call[0] in self._plan.logged:  # the last line too, where it has no line end
                    self._engine.end_lines(self.call)
            finished = worker.committed(finished)
        except BaseException as error:
            finished = worker.raised(self.call, error, self.started, self.name)
        self.finished = finished
        return finished

    def _or_failed(self, end: Callable[[], Finished]) -> Finished:
        try:
            return end()
        except BaseException as error:
            return self._failed(error, 0.0)

    def _failed(self, error: BaseException, ended: float) -> Finished:
        origin = ""
        if self._making is not None:  # so it can be told from a later one
            origin = self._making.origin
            self._making.drop()
            self._making = None
        row, value, kept = self._worker.raised(self.call, error, self.started, self.name, ended)
        if origin:
            row = (*row[:7], row[7]._replace(origin=origin))
        return row, value, kept

    def _at_target(self, there: Found) -> Finished:
        node, index, _ = self.call
        kept = self._worker.kept(node, index, there.value) if self._worker.plain is not None else None
        row, value, kept = self._with_facts(CACHED, there.value, kept, None, 0.0)
        said = (row[7] or Detail())._replace(message=f"Found at its target `{there.location}`.")
        return (*row[:7], said), value, kept

    def _hit(self, found: Hit) -> Finished:
        row, value, kept = self._with_facts(CACHED, found.value, found.kept, None, 0.0)
        return (*row[:7], _of(row[7], found.origin)), value, kept

    def _ended(self, value: Any, facts: Detail | None, ended: float) -> Finished:
        node, index, _ = self.call
        worker, making, kept = self._worker, self._making, None
        if making is not None:
            kept = worker.kept(node, index, value)
            try:
                kept = making.made(unsealed(value), kept)
            except BaseException:
                kept.drop()
                raise
            self._making = None
        elif worker.plain is not None and (type(value) not in worker.plain or node in self._plan.unkept):
            kept = worker.kept(node, index, value)
        try:
            if node in self._plan.placed:
                self._write(value)
            row, value, kept = self._with_facts(SUCCESS, value, kept, facts, ended)
        except BaseException:  # its time is over, say: others must not wait for its entry
            if kept is not None:
                kept.drop()
            raise
        return ((*row[:7], _of(row[7], making.origin)) if making is not None else row), value, kept

    def _with_facts(self, status: int, value: Any, kept: Any, facts: Detail | None, ended: float) -> Finished:
        node, index, attempt = self.call
        needs = self._plan.needs.get(node)
        if needs and facts is None:
            facts = detail_of(needs, unsealed(value), child=index >= 0)
        at = ended or self._engine.clock()
        return (node, index, attempt, status, self.started, at, self.name, facts), value, kept

    def _write(self, value: Any) -> None:
        """Write a value where the user says."""
        assert self._engine.places is not None
        try:
            self._engine.places.write(self.call, self._arguments, unsealed(value))
        except Exception as error:
            raise KeepingError(
                f"its result, a `{type(value).__name__}`, cannot be written: "
                f"{type_name(error)}: {message_of(error)}"
            ) from error


def _of(detail: Detail | None, origin: str) -> Detail | None:
    """Facts, with what the result was made from."""
    return (detail or Detail())._replace(origin=origin) if origin else detail
