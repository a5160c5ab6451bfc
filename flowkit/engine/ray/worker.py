"""A worker on Ray: a thread here, which sends calls to an actor of its own there.

Small calls of mapped tasks travel in batches. Where an actor dies, the call that it had is one failed
attempt. Of a batch nobody knows which call it was: those without an answer are called once more, alone, so
that none is blamed for another.

Guarantees: a call that is given up ends with its actor, however it waits. What was answered is not called
again.
Relies on: where an actor is killed, or dies, the stream of its answers ends with an error.
"""

from __future__ import annotations

import re
import threading
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.clocks import Clock, in_our_time
from flowkit.engine.context import CURRENT
from flowkit.engine.errand import PLAIN, Answer, Errand, UnsendableError
from flowkit.engine.judging import StoppedError
from flowkit.engine.mask import MASK
from flowkit.engine.ray.desk import Entry, News, sending
from flowkit.engine.task_threads import start_apart
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.ray.crew import RayCrew
    from flowkit.engine.worker import Finished

_QUICK = 0.005  # seconds: calls that take longer travel alone
_AT_ONCE = 0.05  # seconds that a batch takes
_MOST = 500  # calls in a batch
_LATEST = 0.2  # how much the last call counts for what one takes


class RayFailedError(Exception):
    """Ray could not carry a call out; the text says why."""


class Pending(NamedTuple):
    """A call that is to be carried out.

    Attributes:
        context: in which the steps of its attempt are taken.
    """

    attempt: Attempt
    arguments: dict[str, Any]
    context: Context


class _Actor:
    """What is known of an actor.

    Attributes:
        known: the nodes that it was told of; `functions`: those of them.
        was_killed: whether its death is no fault of what it did.
    """

    def __init__(self, handle: Any, options: dict[str, Any]) -> None:
        self.handle = handle
        self.options = options
        self.known: set[int] = set()
        self.functions: set[int] = set()
        self.was_killed = False


class RayWorker:
    """See the module.

    Attributes:
        calls: those that it has; guarded by the crew.
    """

    def __init__(self, crew: RayCrew, name: str) -> None:
        self.name = name
        self.calls: set[Call] = set()
        self._crew = crew
        self._lane = crew.lane
        self._engine = crew.engine
        self._actor: _Actor | None = None
        self._pending: dict[Call, Pending] = {}
        self._thread = threading.Thread(target=self._work, name=f"flowkit-{name}", daemon=True)

    def start(self) -> None:
        """Begin to take calls."""
        start_apart(self._thread)

    def has_ended(self, patience: float) -> bool:
        """Whether the thread has, or does within so many seconds."""
        self._thread.join(max(0.0, patience))
        return not self._thread.is_alive()

    def kill(self) -> None:
        """End the actor, and with it what it does. The crew's guard is held."""
        if self._actor is not None:
            self._actor.was_killed = True
            self._crew.ray.kill(self._actor.handle, no_restart=True)
            self._actor = None

    # -- taking calls -------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            call = self._lane.exchange(None)
            while call is not None:
                following = self._carry_out(call)
                self._give_back_resources()
                call = following or self._lane.exchange(None)
        except BaseException as error:
            self._engine.broke(error)

    def _carry_out(self, first: Call) -> Call | None:
        """Carry out a call, and small ones after it; gives one that was taken and is not small."""
        self._hold(first)
        self._begin(first)
        following = self._add_small_ones(first) if self._is_small(first) else None
        together = True
        while self._pending:
            batch = list(self._pending) if together else list(self._pending)[:1]
            try:
                self._send(batch)
            except self._crew.ray.exceptions.RayError as error:
                together = self._see_to(batch, error)
        return following

    def _give_back_resources(self) -> None:
        """End an actor that others may wait for, as it has more than its process."""
        with self._crew.guard:
            if self._actor is not None and self._actor.options:
                self.kill()

    def _is_small(self, call: Call) -> bool:
        """Whether it takes next to no time, as those before it, and nobody waits around it."""
        node, index, _ = call
        quick = index >= 0 and self._crew.paces.get(node, 1.0) < _QUICK
        return quick and node not in self._crew.alone

    def _add_small_ones(self, first: Call) -> Call | None:
        with self._engine.lock:
            share = self._engine.machine.ready(self._lane.number) // self._crew.workers
        left = _AT_ONCE
        for _ in range(min(share, _MOST)):
            call = self._lane.turn(None)
            if call is None:
                return None
            self._hold(call)
            if not self._is_small(call):
                return call
            self._begin(call)
            left -= self._crew.paces[call[0]]
            if left < 0:
                return None
        return None

    def _hold(self, call: Call) -> None:
        with self._crew.guard:
            self.calls.add(call)

    def _begin(self, call: Call) -> None:
        attempt = self._engine.worker.begun(call, self.name)
        context = Context()
        context.run(CURRENT.set, (self._engine, call))
        arguments = context.run(attempt.begin)
        if arguments is not None:
            self._pending[call] = Pending(attempt, arguments, context)
        else:
            assert attempt.finished is not None
            self._hand_in(attempt.finished)

    # -- sending calls ------------------------------------------------------------------------

    def _send(self, calls: list[Call]) -> None:
        """Send calls of one kind of actor, and take what comes of them.

        Raises:
            RayError: the actor has died, or could not do it; the calls without an answer are pending.
        """
        refs: dict[Any, int] = {}
        errands: list[Errand] = []
        actor: _Actor | None = None
        news = News({}, {})
        options = self._crew.options.get(calls[0][0], {})
        for call in calls:
            if self._crew.options.get(call[0], {}) != options:
                break
            try:
                actor = actor or self._actor_with(options)
                self._tell(actor, news, call[0])
                errands.append(self._packed(call, refs))
            except UnsendableError as error:
                self._end_by(call, error)
        if actor is None or not errands:
            return
        with self._crew.guard:
            if actor.was_killed:
                raise self._crew.ray.exceptions.RayActorError
            method = actor.handle.carry_out.options(num_returns="streaming")
            stream = method.remote(news, errands, *refs)
        self._take_all(stream)

    def _actor_with(self, options: dict[str, Any]) -> _Actor:
        actor = self._actor
        if actor is not None and actor.options != options:
            with self._crew.guard:
                self.kill()
            actor = None
        if actor is None:
            actor = _Actor(self._crew.new_actor(options), options)
            with self._crew.guard:
                self._actor = actor
                if not self._crew.given_up.isdisjoint(self._pending):
                    self.kill()
        return actor

    def _tell(self, actor: _Actor, news: News, node: int) -> None:
        """Add what the actor must know of a node."""
        if node in actor.known:
            return
        about = self._crew.errands.about(node)
        if about.function not in actor.functions:
            news.functions[about.function] = self._crew.errands.function(about.function)
            actor.functions.add(about.function)
        news.nodes[node] = about
        actor.known.add(node)

    def _packed(self, call: Call, refs: dict[Any, int]) -> Errand:
        arguments = self._pending[call].arguments
        return sending(refs, lambda: self._crew.errands.errand(call, arguments))

    # -- what comes of them -------------------------------------------------------------------

    def _take_all(self, stream: Any) -> None:
        get = self._crew.ray.get
        for ref in stream:
            entry: Entry = get(ref)
            for value in entry.secrets:
                MASK.add(value)
            for line in entry.lines:
                self._engine.say(line)
            answer = entry.answer
            if entry.apart is not None:
                answer = answer._replace(kind=PLAIN, payload=self._crew.value_at(next(stream), *entry.apart))
            self._take(answer, entry.clock)

    def _take(self, answer: Answer, clock: Clock) -> None:
        node, took = answer.call[0], answer.ended - answer.started
        self._crew.paces[node] = took * _LATEST + self._crew.paces.get(node, took) * (1 - _LATEST)
        pending = self._pending.pop(answer.call)
        now = self._engine.clock()
        answer = in_our_time(answer, clock, self._crew.clock, pending.attempt.started, now)
        self._hand_in(pending.context.run(self._crew.errands.finish, pending.attempt, answer))

    def _see_to(self, calls: list[Call], error: Exception) -> bool:
        """An actor has died, or could not do something; gives whether the rest may go together again."""
        crew, unanswered = self._crew, [call for call in calls if call in self._pending]
        with crew.guard:
            given_up = [call for call in unanswered if call in crew.given_up]
            was_killed = self._actor is None or self._actor.was_killed
            self.kill()
        for call in given_up:
            self._end_by(call, StoppedError())
        if was_killed:
            return True
        if len(unanswered) == 1:
            self._end_by(unanswered[0], self._reason(unanswered[0], error))
        return False

    def _reason(self, call: Call, error: Exception) -> Exception:
        if not isinstance(error, self._crew.ray.exceptions.RayActorError):
            return RayFailedError(f"Ray could not carry it out: {_shown(error)}")
        died = f"its worker died ({how(str(error), self._crew.connection.session)})"
        return self._crew.deaths.of(call, died)

    def _end_by(self, call: Call, error: BaseException) -> None:
        pending = self._pending.pop(call)
        self._hand_in(pending.context.run(pending.attempt.raised, error))

    def _hand_in(self, finished: Finished) -> None:
        call = finished[0][:3]
        with self._crew.guard:
            self.calls.discard(call)
            self._crew.given_up.discard(call)
        with self._engine.lock:
            self._engine.accept(finished)
            self._engine.rouse()


def how(told: str, session: str | None) -> str:
    """How a worker died, as far as Ray knows.

    Args:
        told: its error.
        session: the folder of the cluster, where that is here: there a crash names its signal.
    """
    code = re.search(r"exit code (\d+)", told)
    if code:
        return f"exit code {code[1]}"
    if "because its node has died" in told:
        return "with its node"
    pid = re.search(r"pid: (\d+)", told)
    name = _signal_of(session, pid[1]) if session is not None and pid else None
    return name or "it has crashed, left or was killed, possibly out of memory"


def _signal_of(session: str, pid: str) -> str | None:
    for path in Path(session, "logs").glob(f"worker-*-{pid}.err"):
        found = re.search(r"\*\*\* (SIG[A-Z]+) received", path.read_text(errors="replace"))
        if found:
            return found[1]
    return None


def _shown(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1][:300]}"
