"""The crew of a lane on a Dask cluster: one thread that sends calls out and takes what comes of them.

What may wait goes to a few threads beside it: looking results up, handlers, large values that are stored.

Guarantees: each call is answered once, also where workers die, the scheduler does, or the run is stopped; a
worker that dies costs a failed attempt only the call that is known to have begun on it: others, whose
answers had not come, are sent again, one by one.
Relies on: there.py.
"""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from flowkit.engine.attempt import Attempt
from flowkit.engine.capture import Line
from flowkit.engine.context import logger_of
from flowkit.engine.dask import there
from flowkit.engine.dask.cluster import Cluster, Where, keep_ctrl_c_away, levels_of_tasks
from flowkit.engine.dask.endings import Endings, within
from flowkit.engine.dask.hands import Hands
from flowkit.engine.dask.jobs import Job, Out, Pace, Ready
from flowkit.engine.dask.mail import Mail
from flowkit.engine.dask.staff import Staff
from flowkit.engine.errand import Answer, Errands
from flowkit.engine.mask import MASK
from flowkit.engine.processes.family import end_family
from flowkit.engine.task_threads import start_apart
from flowkit.errors import FlowkitError, UsageError
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane
    from flowkit.engine.worker import Finished

_BEGINNING, _ENDING = 16, 4  # threads
_PATIENCE = 0.4  # seconds that a run which was asked to stop waits for its cluster
_CLOSING = 5.0  # seconds that others do
_MOMENT = 0.05


class DaskCrew:
    """See the module."""

    def __init__(self, lane: Lane, where: Where) -> None:
        self.soft = "" if where.can_kill else "; a Dask worker cannot stop it, so it goes on there"
        self._lane = lane
        self._engine = lane.engine
        self._where = where
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._errands = Errands(lane.engine)
        self._ready: deque[Ready] = deque()
        self._out = Out()
        self._beginning = 0  # calls whose arguments are made by a hand
        self._finished: list[Finished] = []
        self._pace = Pace()
        self._threads = 0
        self._staff = Staff(lambda why: self._inbox.put(functools.partial(self._have_nobody, why)))
        self._cluster: Cluster | None = None
        self._is_over = False
        self._home = threading.Event()  # what is wanted of the cluster is here
        self._closed = threading.Event()
        self._begin_hands = Hands(_BEGINNING, self._engine.broke)
        self._end_hands = Hands(_ENDING, self._engine.broke)
        self._slow = self._engine.worker.slow
        self._unsaid: set[int] = set()  # jobs that were given up before it was said that they had begun
        start_apart(threading.Thread(target=self._work, name="flowkit-dask", daemon=True))

    # -- the contract of a crew ---------------------------------------------------------------

    def step(self) -> bool:
        return False

    def ask(self) -> None:
        """Tasks have the grace time to end by themselves."""

    def abandon(self, call: Call) -> None:
        self._inbox.put(lambda: self._give_up(call))

    def stop(self, grace: float) -> list[str]:
        self._inbox.put(self._leave)
        engine = self._engine
        # What is fetched may be large; who has enough of it says so by a signal.
        while not self._home.wait(_MOMENT) and not (engine.asked_to_stop or engine.interrupts.happened):
            pass
        is_asked = engine.asked_to_stop or engine.interrupts.happened is not None
        if not self._closed.wait(_PATIENCE if is_asked else _CLOSING):
            self._staff.end()
        return [f"dask at {job.worker}" for job in self._out if job.worker]

    def ring(self) -> None:
        """There is more to take. Called with the engine's lock held."""
        self._inbox.put(None)

    # -- the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        keep_ctrl_c_away()
        try:
            self._open()
            while not self._is_over:
                self._fill()
                self._hear()
        except FlowkitError as error:
            if not self._engine.asked_to_stop:
                self._engine.strand(error)
        except BaseException as error:
            if self._cluster is None or self._cluster.is_there:
                self._engine.broke(error)
            else:  # whatever was asked of it just now
                self._engine.strand(self._gone())
        finally:
            self._close()

    def _open(self) -> None:
        cluster = self._cluster = Cluster(self._where, self._staff)
        client, engine = cluster.client, self._engine
        self._endings = Endings(engine, self._errands, client, self._lane.name)
        self._mail = Mail(engine, self._errands, cluster, can_kill=self._where.can_kill)
        header = pickle.dumps(self._errands.header(), 5)
        post = there.Post(engine.run_id, header, engine.finding, client.id, levels_of_tasks())
        client.subscribe_topic(there.TOPIC, self._noted)
        client.subscribe_topic("all", self._noticed)
        try:
            client.register_plugin(there.Watch())
            client.register_plugin(post)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(
                f"the Dask cluster at `{cluster.address}` cannot take part: {type(error).__name__}: {error}",
                hints=("have the same flowkit on its scheduler and its workers",),
            ) from error
        self._count_threads()
        if not self._threads:
            logger_of("").warning(
                "The Dask cluster at %s has no workers yet; the run waits for them.", cluster.address
            )

    def _hear(self) -> None:
        """Wait for something to happen, and take in all that has."""
        said = self._inbox.get()
        while True:
            if said is not None:
                said()
            try:
                said = self._inbox.get_nowait()
            except Empty:
                return

    def _leave(self) -> None:
        self._is_over = True

    def _close(self) -> None:
        cluster, engine = self._cluster, self._engine
        try:
            if cluster is not None:
                if not (engine.asked_to_stop or engine.forgets or engine.stranded):
                    self._endings.bring_home()
                self._home.set()
                cluster.close()
        finally:
            self._begin_hands.stop()
            self._end_hands.stop()
            self._home.set()
            self._closed.set()

    # -- taking calls -------------------------------------------------------------------------

    @property
    def _places(self) -> int:
        """How many more messages may be out: some more than there are threads, so that none waits,
        and a cluster that adapts sees that more would be of use."""
        return 2 * max(self._threads, self._where.most) - len(self._out)

    def _fill(self) -> None:
        while not self._is_over:
            finished, self._finished = self._finished, []
            places = self._places
            most = places * self._pace.appetite - len(self._ready) - self._beginning
            calls = self._lane.trade(finished, max(0, most), self)
            for call in calls:
                self._take(call)
            while self._ready and (free := self._places) > 0:
                self._send(self._pace.cut(self._ready, free))
            if not self._finished:
                return

    def _take(self, call: Call) -> None:
        attempt = self._engine.worker.begun(call, self._lane.name)
        if call[0] in self._engine.plan.timeouts:
            self._lane.limit(call, float("inf"))  # until it begins there
        if call[0] not in self._slow:
            self._begun(attempt, self._begin(attempt))
            return
        self._beginning += 1

        def begin() -> None:
            arguments = self._begin(attempt)
            self._inbox.put(lambda: self._begun_apart(attempt, arguments))

        self._begin_hands.do(begin)

    def _begin(self, attempt: Attempt) -> dict[str, Any] | None:
        arguments: dict[str, Any] | None = within(self._engine, attempt, attempt.begin)
        return arguments

    def _begun_apart(self, attempt: Attempt, arguments: dict[str, Any] | None) -> None:
        self._beginning -= 1
        self._begun(attempt, arguments)

    def _begun(self, attempt: Attempt, arguments: dict[str, Any] | None) -> None:
        if arguments is None:
            assert attempt.finished is not None
            self._finished.append(attempt.finished)
            return
        try:
            self._ready.append(self._mail.known(Ready(attempt, arguments)))
        except (TypeError, ValueError) as error:  # it cannot be sent
            self._fail(attempt, error)

    # -- sending ------------------------------------------------------------------------------

    def _send(self, taken: list[Ready]) -> None:
        assert self._cluster is not None
        if not self._cluster.is_there:
            self._lose_scheduler()
        jobs, refused = self._mail.send(taken)
        for attempt, error in refused:
            self._fail(attempt, error)
        for job in jobs:
            self._out.add(job)
            asyncio.run_coroutine_threadsafe(self._follow(job), self._cluster.client.loop.asyncio_loop)

    async def _follow(self, job: Job) -> None:
        """In dask's own thread: wait for what comes of a job."""
        try:
            report = await job.future
        except BaseException as error:
            then = self._engine.clock()
            ending = await self._staff.ending(_worker_of(error))
            self._inbox.put(functools.partial(self._failed, job, error, then, ending))
        else:
            self._inbox.put(functools.partial(self._answered, job, report))

    # -- what comes back ----------------------------------------------------------------------

    def _answered(self, job: Job, data: bytes) -> None:
        if not self._out.drop(job):
            return
        report = there.Report(*pickle.loads(data))
        self._say(report.lines, report.secrets)
        if report.answers and job.waits:
            function = next(iter(job.waits.values())).function
            self._pace.learn(function, report.took, len(report.answers))
        for answer in report.answers:
            ready = job.waits.pop(answer.call)
            self._end(ready.attempt, answer, report)
        if not job.given_up:
            self._ready.extendleft(reversed(job.waits.values()))  # were not begun

    def _say(self, lines: list[Line], secrets: list[Any]) -> None:
        for value in secrets:
            MASK.add(value)
        for line in lines:
            self._engine.say(line)

    def _end(self, attempt: Attempt, answer: Answer, report: there.Report) -> None:
        step, is_slow = self._endings.step(attempt, answer, report)
        if not is_slow:
            self._finished.append(within(self._engine, attempt, step))
            return

        def end() -> None:
            finished = within(self._engine, attempt, step)
            self._inbox.put(lambda: self._finished.append(finished))

        self._end_hands.do(end)

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        self._finished.append(within(self._engine, attempt, functools.partial(attempt.raised, error)))

    def _failed(self, job: Job, error: BaseException, then: float, ending: str) -> None:
        if not self._out.drop(job):
            return
        assert self._cluster is not None
        if not self._cluster.is_there:
            self._lose_scheduler()
        if job.given_up:
            return
        if worker := _worker_of(error):
            self._mourn(job, worker, then, ending)
        elif isinstance(error, asyncio.CancelledError | CancelledError):
            for held in job.held:
                held.is_lost = held.is_lost or held.future is None or held.future.status != "finished"
            self._send_again(job)
        else:
            for ready in job.waits.values():
                self._fail(ready.attempt, error)

    def _mourn(self, job: Job, worker: str, then: float, ending: str) -> None:
        """A worker died that had a job; when, and how as far as that is known.

        Where it may have been another that ended the worker, the job is made again, and said beforehand then.
        """
        if self._out.ended_its_worker(job, worker, then):
            ready = next(iter(job.waits.values()))
            self._fail(ready.attempt, self._endings.died(ready.call, worker, ending))
            return
        for each in job.waits.values():
            each.is_suspect = True
        self._send_again(job)

    def _send_again(self, job: Job) -> None:
        self._ready.extendleft(reversed(job.waits.values()))

    def _have_nobody(self, why: str) -> None:
        raise FlowkitError(f"no worker of the Dask cluster is left, and none can be started: {why}")

    def _lose_scheduler(self) -> None:
        raise self._gone()

    def _gone(self) -> FlowkitError:
        assert self._cluster is not None
        said = f"the Dask scheduler at `{self._cluster.address}` is gone"
        return FlowkitError(said, hints=("see its log for why",))

    # -- what is heard of workers, in dask's own thread -----------------------------------------

    def _noted(self, event: tuple[float, Any]) -> None:
        said = event[1]
        if not isinstance(said, dict):
            return
        if said.get("run") == self._engine.run_id:
            self._inbox.put(functools.partial(self._has_begun, said))
        elif "said" in said:
            self._inbox.put(lambda: self._say(*pickle.loads(said["said"])))

    def _noticed(self, event: tuple[float, Any]) -> None:
        said = event[1]
        if isinstance(said, dict) and said.get("action") in ("add-worker", "remove-worker"):
            self._inbox.put(self._count_threads)
            lost = {*said.get("lost-scattered-tasks", ())}
            if lost:
                self._inbox.put(functools.partial(self._lost, lost))

    def _count_threads(self) -> None:
        assert self._cluster is not None
        if not self._cluster.is_there:
            self._lose_scheduler()
        try:
            self._threads = self._cluster.threads
        except (OSError, TimeoutError):
            self._lose_scheduler()

    def _has_begun(self, said: dict[str, Any]) -> None:
        job = self._out.begun(said, self._engine.clock())
        if job is None:
            if said["number"] in self._unsaid:
                end_family(said["pid"])
            return
        if job.given_up:
            self._kill(job)
            return
        for call in job.waits:
            limit = self._engine.plan.timeouts.get(call[0])
            if limit is not None:
                self._lane.limit(call, self._engine.clock() + limit)

    def _lost(self, keys: set[str]) -> None:
        """Values that are gone with their worker: calls that take them must have them otherwise."""
        self._endings.lose(keys)
        for job in self._out:
            if any(held.is_lost for held in job.held) and not job.given_up:
                self._out.drop(job)
                job.future.cancel()
                self._send_again(job)

    # -- giving up ----------------------------------------------------------------------------

    def _give_up(self, call: Call) -> None:
        job = self._out.of(call)
        if job is None:
            self._ready = deque(ready for ready in self._ready if ready.call != call)
            return
        job.given_up = True
        if self._where.can_kill and job.worker:
            self._kill(job)
        elif not job.worker:
            if self._where.can_kill:
                self._unsaid.add(job.number)
            job.future.cancel()

    def _kill(self, job: Job) -> None:
        """End the worker of a job, which has no other; what it has of values is brought here before."""
        if not self._where.can_kill:
            return
        self._out.drop(job)
        values = [] if self._engine.asked_to_stop else self._endings.only_at(job.worker)
        if not values:
            end_family(job.pid)
            return

        def rescue() -> None:
            self._endings.rescue(values)
            end_family(job.pid)

        self._end_hands.do(rescue)


def _worker_of(error: BaseException) -> str:
    """The address of the worker that an error says has died, or ""."""
    from distributed import KilledWorker

    return error.last_worker.address if isinstance(error, KilledWorker) else ""
