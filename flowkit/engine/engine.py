"""The engine: a monitor around the machine. Workers call it themselves and go on with what became ready.

One lock guards the machine, the values and the lanes. Nothing of the user's runs while it is held. The
thread that called `run` has the signals and the deadlines, and carries inline tasks out; a recorder
thread tells observers what happened.

Guarantees: a run ends: by its tasks, by its time limit, or within the grace time after a signal; what
was accepted before is kept. Relies on: executors keep their contract (executors/base.py).
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowkit.engine import collector, descriptors, fork, pace
from flowkit.engine.capture import Capture, Line, let_through
from flowkit.engine.child_runs import ChildRuns
from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.earlier import Earlier
from flowkit.engine.executors.base import Crew, Executor
from flowkit.engine.flow_handling import FlowHandling
from flowkit.engine.interrupts import GRACE, Interrupts
from flowkit.engine.lane import Bell, Lane
from flowkit.engine.ledger import Ledger, Results
from flowkit.engine.limiting import slots_of
from flowkit.engine.manner import USUAL, Manner
from flowkit.engine.mask import MASK
from flowkit.engine.masking import masked
from flowkit.engine.observers import Observer
from flowkit.engine.outcome import Outcome, States
from flowkit.engine.places import Places
from flowkit.engine.recorder import Recorder
from flowkit.engine.release import GONE, Release
from flowkit.engine.rounds import FIRST, Round
from flowkit.engine.sealed import OpeningError, is_closed
from flowkit.engine.signals import TRIGGERFAIL
from flowkit.engine.stop_notices import StopNotices
from flowkit.engine.worker import Finished, Worker, timed_out
from flowkit.errors import BugError, FlowkitError
from flowkit.flow.edge import Edge
from flowkit.plan.events import Call, Detail, Report, Row
from flowkit.plan.facts import known_rows
from flowkit.plan.machine_of import machine_of
from flowkit.plan.plan import Plan
from flowkit.plan.state import State
from flowkit.plan.status import CACHED, CANCELLED, MAPPED, TRIGGER_FAILED
from flowkit.plan.verdicts import NOTHING_TO_MAP
from flowkit.plan.waiting import mark_of

if TYPE_CHECKING:
    from flowkit.plan.limits import Limits

_PATIENCE = 10.0  # seconds after which it is said that child runs are waited for
_LONGER = 0.25  # seconds that a child run has beyond the grace time of its tasks, to write its end


class Engine:
    """One run of a plan.

    Args:
        plan: what to run.
        executors: one for each lane of the plan, in order.
        parameters: the value of each parameter.
        observers: who is told.
        fail_fast: start nothing any more after the first failure.
        timeout: seconds for the whole run.
        capture: take over what tasks print, and give it to the observers; `echo`: let it through too.
        switch_interval: seconds after which a thread gives way, during the run; None: as it is.
        run_id, number: what the run is called; the number only where it is remembered.
        ledger, results: who remembers; None: nobody, and values stay in memory.
        earlier: what is known already of these tasks.
        forgets: nobody asks for values after the run, so that those that were not kept need not stay.
        careful: nothing is called before its start is committed, so that what ends the process is known.
        place: where the results of tasks lie that have a target and say nothing else.
        manner: what else is asked for.
        finding: what another process calls to find the modules of tasks; it can be pickled.
        limits: what calls share; `slots`: the folder of those that other runs of the machine share too.
        clock: seconds of a monotonic clock.
        rest: how the thread that drives the run waits for its bell, at most so many seconds; None: for ever.
    """

    def __init__(
        self,
        plan: Plan,
        executors: Sequence[Executor],
        *,
        parameters: Mapping[str, Any] | None = None,
        observers: Sequence[Observer] = (),
        fail_fast: bool = False,
        timeout: float | None = None,
        capture: bool = False,
        echo: bool = False,
        switch_interval: float | None = 0.0005,
        run_id: str | None = None,
        number: int | None = None,
        ledger: Ledger | None = None,
        results: Results | None = None,
        earlier: Earlier | None = None,
        forgets: bool = False,
        careful: bool = False,
        place: Any = None,
        manner: Manner = USUAL,
        finding: Callable[[], None] | None = None,
        limits: Limits | None = None,
        slots: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[Bell, float | None], object] = Bell.wait,
    ) -> None:
        self.plan: Plan = plan
        self.machine = machine_of(
            plan,
            limits,
            fail_fast=fail_fast,
            handled=frozenset(range(plan.size)) if manner.task_handlers else plan.handled,
            one_pass=manner.one_pass,
        )
        self.manner: Manner = manner
        self.finding = finding
        self.machine.asks = not manner.context.get("resume")
        self.machine.patient = manner.ask is not None and not manner.one_pass
        self._flow_handling: FlowHandling | None = None
        if plan.followed is not None:
            self._flow_handling = FlowHandling(plan.followed, manner.flow_handlers)
        # What a task has raised that comes out of the run.
        self.let_out: BaseException | None = None
        # Why a lane can carry nothing out any more, if that has happened.
        self.stranded: FlowkitError | None = None
        self._final: State | None = None
        # Where tasks stand that have looped, or were paused.
        self.rounds: dict[tuple[int, int], Round] = {}
        self.parameters: dict[str, Any] = dict(parameters or {})
        self.values: list[Any] = [None] * plan.size + plan.constants
        self.places = Places(self, place) if plan.placed else None
        # What tasks have put into their context.
        self.noted: dict[Call, Mapping[str, Any]] = {}
        # What is kept of results that are not plain values, until the recorder takes it.
        self.kept: dict[tuple[int, int], Any] = {}
        self.results = results
        self.careful = careful and ledger is not None
        self.details: dict[tuple[int, int], Detail] = {}
        self.run_id: str = manner.run_id or run_id or str(uuid.uuid4())
        self.run_name: str = manner.run_name or self.run_id
        self.number = number
        self.started_at: datetime = datetime.now(UTC)
        self.clock = clock
        self._rest = rest
        self.lock = threading.Lock()
        # The lanes whose tasks run in other processes.
        self.away = frozenset([number for number, executor in enumerate(executors) if executor.is_away])
        self.worker = Worker(self)
        self.lanes = [Lane(self, number, name) for number, name in enumerate(plan.lanes)]
        # The engine and the call that this run is part of, or None.
        self.parent: tuple[Engine, Call] | None = CURRENT.get()
        self.interrupts: Interrupts = Interrupts(
            self.ring, self._end_now, self.parent[0].interrupts if self.parent is not None else None
        )
        self.stop_notices = StopNotices()
        self.children = ChildRuns(self)
        release = Release(self, unkept=forgets) if results is not None else None
        self.recorder = Recorder(self, observers, ledger, release)
        self.earlier = earlier or Earlier()
        self._release = release
        self.forgets = forgets
        self._executors = executors
        # Whether others than the workers of one lane may have to be woken at any hand-over.
        self.watchful = len(self.lanes) > 1 or slots is not None
        self.slots = slots_of(self, slots) if slots is not None else None
        self._crews: list[Crew] = []
        self.timeout = timeout
        self._limit = float("inf")
        self._capture = (
            Capture(self, self.recorder.put, echo=echo, room=self.recorder.wait_for_lines)
            if capture
            else None
        )
        self._switch_interval = switch_interval
        self._bell = Bell()
        self._alarm = float("inf")
        self._give_up_at = float("inf")
        self._timed_out = False
        self.started = 0.0
        self._gone = False
        self._bug: BaseException | None = None
        self._left_behind: list[str] = []
        self.left_calls: dict[str, Call] = {}  # by the workers that could not be stopped with them
        self._ending = threading.Lock()
        self._ended: Outcome | None = None

    # -- the run ------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Run the plan to its end.

        Raises:
            BugError: a bug of flowkit.
        """
        pace.quicken(self._switch_interval)
        collector.put_off(self.plan.size)
        self.started = self.clock()
        if self.timeout is not None:
            self._limit = self.started + self.timeout
        fork.running(self)
        descriptors.came(self)
        try:
            # Also around the end: a signal that comes while it is written must not tear it.
            with self.interrupts.handled():
                try:
                    self._open()
                    self._begin()
                    self._drive()
                    self._wait_for_children()
                    self._close()
                finally:
                    self._give_up()
                    if self.slots is not None:
                        self.slots.stop()
                    grace = 0.0 if self.asked_to_stop else GRACE
                    self._left_behind += self.children.end(grace)
                    outcome = self._end()
        finally:
            descriptors.went(self)
            fork.ended(self)
            collector.restore()
            pace.restore()
        return outcome

    def _open(self) -> None:
        """Tell the flow's handlers that the run starts; where one of them says no, no task does."""
        if self._flow_handling is not None:
            self._final = self._flow_handling.begin(self.manner.before)
            if self._final is not None:
                self._flow_handling = None
                self.machine.stopping = True

    def _close(self) -> None:
        """Tell the flow's handlers how the run has ended, before anyone else hears of it."""
        if self._flow_handling is not None and self.interrupts.happened is None and self.let_out is None:
            self._final = self._flow_handling.end(self._outcome())

    def _end(self) -> Outcome:
        """Commit and tell how the run ended, once."""
        with self._ending:
            if self._ended is None:
                if self._capture is not None:
                    self._capture.stop()
                self.recorder.stop()
                outcome = self._ended = self._outcome()
                if outcome.interrupted is not None and not outcome.told:
                    outcome = self._ended = replace(outcome, told=self.recorder.wish())
                self.recorder.end(outcome)
                if self.recorder.broken is not outcome.broken:  # the very last line of the ledger
                    self._ended = self._outcome()
            return self._ended

    def _end_now(self) -> None:
        """End the run from another thread than the one that drives it, which a task does not let go."""
        self._give_up()
        self._end()

    def _outcome(self) -> Outcome:
        cut_short = CANCELLED in self.machine.status or self.children.were_cut_short
        return Outcome(
            engine=self,
            duration=self.clock() - self.started,
            interrupted=self.interrupts.happened if cut_short else None,
            timed_out=self._timed_out and cut_short,
            left_behind=tuple(self._left_behind),
            broken=self.recorder.broken,
            final=self._final,
        )

    def let_go(self) -> None:
        """This is a copy in a forked child: its signals and streams are its own, and it runs nothing."""
        self._gone = True
        self.lock = threading.Lock()  # another thread may have had it, which is not here
        self.stop_notices = StopNotices()
        if self.slots is not None:
            self.slots.let_go()
        self.interrupts.restore()
        if self._capture is not None:
            self._capture.let_go()

    def _give_up(self) -> None:
        """Where the run is not over, a second signal or a bug ended it: the workers must not go on."""
        with self.lock:
            left = [] if self.machine.over else self.machine.abandon(self.clock())
            self.rouse()
        for call in left:
            if self._crews:
                self._crew_of(call).abandon(call)
            self.stop_notices.give_up(call)

    def _begin(self) -> None:
        for row, value in known_rows(self.plan, self.parameters):
            self.machine.replay(row)
            self.values[row[0]] = value
        self._take_earlier()
        self.machine.start(self.clock())
        self.recorder.begin()
        if self._capture is not None:
            self._capture.start()
        self._crews = [
            executor.start(lane) for executor, lane in zip(self._executors, self.lanes, strict=True)
        ]

    def _take_earlier(self) -> None:
        """Take what is known as given."""
        earlier, machine, values = self.earlier, self.machine, self.values
        for row in earlier.rows:
            node, index = row[0], row[1]
            value = earlier.values.get((node, index), GONE)
            if index < 0 and row[3] != MAPPED:
                values[node] = value
            elif index >= 0:
                children = values[node] = values[node] or []
                children += [None] * (index + 1 - len(children))
                children[index] = value
            machine.replay(row)
            if row[7] is not None and row[7].state is not None:
                self.details[node, index] = row[7]
        self.worker.look_up({row[0] for row in earlier.rows})
        for mark, (attempt, forgiven) in earlier.attempts.items():
            machine.go_on(mark[0], mark[1], attempt, forgiven, earlier.waits.get(mark))
        self.rounds.update(earlier.rounds)
        for mark in earlier.resumed:
            machine.let_on(*mark)

    def _drive(self) -> None:
        """Signals, deadlines, and the inline tasks, until the run is over."""
        while not self._is_over():
            self.attend()
            if not sum(crew.step() for crew in self._crews) and not self._asked_on():
                self._sleep()
        for crew in self._crews:
            self._left_behind += crew.stop(0.0)

    def _wait_for_children(self) -> None:
        """Until the runs that tasks have started are over, or must be given up."""
        say_at = self.clock() + _PATIENCE
        while going_on := self.children.going_on():
            self.attend()
            now = self.clock()
            if self.interrupts.insisted or now >= self._give_up_at + _LONGER:
                return
            if now >= say_at:
                say_at = float("inf")
                logger_of("").info(
                    "All tasks of %s have ended; it waits for the run %s.",
                    self.plan.name,
                    ", ".join(run.said for run in going_on),
                )
            until = self._give_up_at + _LONGER if self.asked_to_stop else self._limit
            self._bell.wait(min(say_at, until) - now)

    def _is_over(self) -> bool:
        if isinstance(self._bug, FlowkitError):
            raise self._bug
        if self._bug is not None:
            raise BugError(f"a worker broke: {type(self._bug).__name__}: {self._bug}") from self._bug
        with self.lock:
            if self.machine.stuck:
                raise BugError("the run is stuck: nothing runs and nothing is ready, yet not all has ended")
            return self.machine.over

    def _asked_on(self) -> bool:
        """Whether somebody was asked about what is paused, as nothing else can happen any more."""
        with self.lock:
            marks = [*self.machine.held] if self.machine.patient and self.machine.rests else []
        ask = self.manner.ask
        if not marks or ask is None:
            return False
        keys = {mark: self.plan.key(*(mark if isinstance(mark, tuple) else (mark, -1))) for mark in marks}
        chosen = [mark for mark, key in keys.items() if ask(key)]
        with self.lock:
            self.machine.patient = bool(chosen)
            self.machine.resume(chosen)
            self.rouse()
        return True

    def _sleep(self) -> None:
        """Until something happens that this thread must see to."""
        with self.lock:
            deadline = self.machine.next_deadline
            last = self._give_up_at if self.asked_to_stop else self._limit
            self._alarm = min(last, float("inf") if deadline is None else deadline)
            over = self.machine.over
        if not over and not self._ready_here():
            wait = self._alarm - self.clock()
            self._rest(self._bell, None if wait == float("inf") else wait)
        self._alarm = float("-inf")

    def _ready_here(self) -> bool:
        asked = self.interrupts.happened is not None or self._is_to_end
        return self._bug is not None or (asked and not self.machine.stopping)

    @property
    def _is_to_end(self) -> bool:
        """Whether the run cannot go on, or a task said so."""
        return self.recorder.broken is not None or self.let_out is not None or self.stranded is not None

    def _stop_where_asked(self, now: float) -> None:
        asked = self.interrupts.happened is not None or now >= self._limit or self._is_to_end
        if asked and self._give_up_at == float("inf"):
            self._timed_out = now >= self._limit and self.interrupts.happened is None
            self._give_up_at = now + GRACE
            with self.lock:
                self.machine.cancel(now)
                self.rouse()
            for crew in self._crews:
                crew.ask()
            self.stop_notices.ask()
            self.children.ask(self.interrupts.happened or signal.SIGALRM)
        if now >= self._give_up_at or self.interrupts.insisted:
            with self.lock:
                left = self.machine.abandon(now)
                self._leave(left)
                self.rouse()
            for call in left:
                self._crew_of(call).abandon(call)
                self.stop_notices.give_up(call)

    @property
    def asked_to_stop(self) -> bool:
        """Whether a signal, the run's time limit or a broken history asked for that."""
        return self._give_up_at != float("inf")

    @property
    def workers(self) -> list[int]:
        """How many calls each lane carries out at once."""
        return [executor.workers for executor in self._executors]

    def time_left(self, call: Call) -> float | None:
        """Seconds until a call that starts now, or the run, has taken too long; None: no limit."""
        limit = self.plan.timeouts.get(call[0]) if self.plan.timeouts else None
        if self.timeout is None:
            return limit
        left = self._limit - self.clock()
        return left if limit is None else min(limit, left)

    def attend(self) -> None:
        """See to what is due: a signal, the end of the run's time, of that of an attempt, a retry."""
        if self.interrupts.happened is not None or self.timeout is not None or self._is_to_end:
            self._stop_where_asked(self.clock())
        if self.machine.deadlines:
            self._end_overdue()

    def _end_overdue(self) -> None:
        """End the attempts that are past their time limit."""
        now = self.clock()
        with self.lock:
            late = self.machine.expire(now)
            self.rouse()
        for call in late:
            crew = self._crew_of(call)
            finished = timed_out(self.worker, call, now - self.plan.timeouts[call[0]], now, crew.soft)
            if self.end_for(finished):
                crew.abandon(call)

    def _leave(self, calls: Sequence[Call]) -> None:
        """These calls are given up; the lock is held."""
        if self._capture is not None:
            self._capture.leave(calls)

    def _crew_of(self, call: Call) -> Crew:
        return self._crews[self.plan.lane_of[call[0]]]

    # -- called by the workers, with the lock held --------------------------------------------

    def accept(self, finished: Finished) -> bool:
        """Take what became of a call; False, and nothing is changed, where its attempt was given up."""
        if self._gone:
            self.leave_if_forked()
        row, value, kept = finished
        if not self.machine.done(row):
            if kept is not None:
                kept.drop()
            if self._capture is not None:
                self._capture.returned(row[:3])
            return False
        node, index = row[0], row[1]
        if kept is not None:
            self.kept[node, index] = kept
            self.recorder.bytes += kept.size
        if self._capture is not None and (self._capture.begun or row[5] - row[4] > descriptors.LONG):
            self._capture.end((node, index, row[2]), settled=True)
        if index < 0:
            self.values[node] = value
        else:
            children = self.values[node]
            if children is None or len(children) <= index:
                width = self.machine.groups[node].width
                children = self.values[node] = (children or []) + [None] * (width - len(children or ()))
            children[index] = value
        detail = row[7]
        if row[3] > CANCELLED and detail is not None:
            self.rounds[node, index] = self.rounds.get((node, index), FIRST).after(row)
        if detail is not None and (detail.message or row[3] > CACHED or detail.state is not None):
            self.details[node, index] = detail
        elif self.details:
            self.details.pop((node, index), None)  # of an attempt before this one
        return True

    def accept_many(self, finished: Sequence[Finished]) -> bool:
        """As `accept`, of several calls; False where one of them was given up."""
        if len(finished) > 1 and self._accept_children(finished):
            return True
        is_accepted = True
        for each in finished:
            is_accepted = self.accept(each) and is_accepted
        return is_accepted

    def _accept_children(self, finished: Sequence[Finished]) -> bool:
        """Take them at once where they are short children of one task that have simply succeeded."""
        if self._gone or self.details or (self._capture is not None and self._capture.begun):
            return False
        rows = [row for row, _, kept in finished if kept is None and row[5] - row[4] <= descriptors.LONG]
        if len(rows) < len(finished) or not self.machine.children_done(rows):
            return False
        node = rows[0][0]
        width = self.machine.groups[node].width
        children = self.values[node]
        if children is None or len(children) < width:
            children = self.values[node] = (children or []) + [None] * (width - len(children or ()))
        for row, value, _ in finished:
            children[row[1]] = value
        return True

    def leave_if_forked(self) -> None:
        """End this process where it is a child that was forked in a task, and has returned from it."""
        if self._gone:
            os._exit(0)

    def end_lines(self, call: Call) -> None:
        """Hand on the lines that a call has begun and will not end."""
        if self._capture is not None:
            self._capture.end(call)

    def unfinished(self, call: Call) -> str:
        """The end of what a call has printed last and not ended with a line end, or "". Needs no lock."""
        return self._capture.unfinished(call) if self._capture is not None else ""

    def events_go(self, running: Collection[Call]) -> None:
        """The recorder takes the machine's events away; these calls run. The lock is held."""
        if self._capture is not None:
            self._capture.events_go(running)

    def rouse(self) -> None:
        """Wake who has something to do now."""
        machine = self.machine
        if self.slots is not None:
            self.slots.see()
        if self.recorder.asleep:
            self.recorder.wake()
        if machine.over:
            for lane in self.lanes:
                while lane.idle:
                    lane.idle.pop().ring()
            self._bell.ring()
        else:
            for lane in self.lanes:
                if lane.idle:
                    if machine.ready(lane.number):
                        lane.idle.pop().ring()
                elif lane.driven and machine.ready(lane.number):
                    self._bell.ring()
            if machine.held and machine.rests:
                self._bell.ring()
            deadline = machine.next_deadline
            if deadline is not None and deadline < self._alarm:
                self._bell.ring()

    # -- called from anywhere -----------------------------------------------------------------

    def end_for(self, finished: Finished) -> bool:
        """Take the end of a call that its worker does not say; False where it was quicker all the same."""
        self.worker.commit(finished[0], None)
        with self.lock:
            accepted = self.accept(finished)
            self._leave([finished[0][:3]] if accepted else [])
            self.rouse()
        if accepted:
            self.stop_notices.give_up(finished[0][:3])
        return accepted

    def ring(self) -> None:
        """Wake the thread that drives the run. Safe in a signal handler."""
        self._bell.ring()

    def broke(self, error: BaseException) -> None:
        """A worker met a bug of flowkit: the run ends."""
        self._bug = error
        self.ring()

    def let(self, error: BaseException) -> None:
        """A task has raised what comes out of the run, which ends."""
        if self.let_out is None:
            self.let_out = error
            self.ring()

    def strand(self, error: FlowkitError) -> None:
        """A lane can carry nothing out any more: the run ends, and can be gone on with."""
        if self.stranded is None:
            self.stranded = error
            self.ring()

    def report(self, call: Call, report: Report) -> None:
        """Take how far a call says that it is."""
        self.recorder.report(call, report)

    def say(self, line: Line) -> None:
        """Take a line that a task printed or logged in another process, as if it had been here."""
        if self._capture is not None:
            self._capture.take(line)
        elif line.stream == "log":
            logger_of(self.plan.tasks[line.call[0]].name).log(line.level, "%s", line.text)
        else:
            let_through(line)

    def stop_broken(self) -> None:
        """What happens cannot be remembered: the run ends."""
        self.ring()

    def masked(self, rows: list[Row], lines: list[tuple[float, Line]]) -> tuple[list[Row], list[Any]]:
        """Rows and lines without the secrets that are known."""
        return masked(rows, lines) if MASK else (rows, lines)

    def sealed_value_of(self, node: int, index: int = -1) -> Any:
        """The value of a task or of a child of a mapped one; None where there is none."""
        value = self.values[node]
        if value is GONE:
            value = self._loaded(node, -1)
        if index >= 0 and value is not None:
            value = value[index] if index < len(value) else None  # once: it may be let go of at any time
            if value is GONE:
                value = self._loaded(node, index)
        return self._refusal(node, index) if value is None else value

    def value_of(self, node: int, index: int = -1) -> Any:
        """As `sealed_value_of`, opened where it came sealed from elsewhere.

        Raises:
            OpeningError: it cannot be unpickled.
        """
        value = self.sealed_value_of(node, index)
        if not is_closed(value):
            return value
        try:
            return value.open()
        except OpeningError as error:
            raise OpeningError(f"the result of `{self.plan.key(node, index)}`: {error.message}") from error

    def _refusal(self, node: int, index: int) -> Any:
        """What stands for the value of a task whose trigger did not accept its upstreams; else None."""
        group = self.machine.groups.get(node)
        status = self.machine.status[node] if index < 0 or group is None else group.states[index]
        reason = self.machine.reasons.get(mark_of(node, index)) if status == TRIGGER_FAILED else None
        return None if reason in (None, NOTHING_TO_MAP) else TRIGGERFAIL(reason)

    def _loaded(self, node: int, index: int) -> Any:
        """A value that is kept elsewhere; it stays in memory for the others that take it."""
        assert self.results is not None
        value = self.results.load(node, index)
        if not self.machine.over and self._release is not None:
            if index < 0:
                self.values[node] = value
            else:
                self.values[node][index] = value
            self._release.look_up(node, index)
        return value

    def upstream_states(self, node: int, index: int) -> dict[Edge, State]:
        """How the upstreams of a task ended, for a trigger that is a function."""
        return States(self).upstream(node, index)
