"""What runs on a Dask cluster: on its workers a desk for each run, which carries calls out; on its scheduler
a watch over what becomes of them. Imported where dask is, on the cluster and here.

Guarantees: what comes back is bytes, so that nothing of the user's is opened by dask; a call that has begun
alone was said before, so that it is known which one took its worker with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from distributed import SchedulerPlugin, WorkerPlugin, get_worker

from flowkit.engine.away import Office
from flowkit.engine.capture import Line
from flowkit.engine.clocks import Clock, clock_here
from flowkit.engine.context import CURRENT
from flowkit.engine.dask.held import GIVEN, Kept, kept
from flowkit.engine.dask.said import HANDLER, Said
from flowkit.engine.errand import SEALED, About, Answer, Errand, Header
from flowkit.engine.task_threads import start_apart
from flowkit.errors import UsageError

TOPIC = "flowkit"
MARK = "0flowkit."  # in the keys of our calls; not alphabetic, so that dask names them by what comes before
CODE = "0flowkit-code."  # the same in the keys of functions
HELD = 3  # the kind of an answer whose value stays there: `payload` is its key, its size, and its type's name
LARGE = 64 * 1024  # bytes from which a result stays on the cluster
LONGEST = 0.1  # seconds after which no further call of a batch is begun
_PATIENCE = 60.0  # seconds for the scheduler to answer


class Message(NamedTuple):
    """One or more calls.

    Attributes:
        number: of the message, in its run.
        begins: how it is said that it begins: 0 not at all, 1 on the way, 2 before anything else happens.
        limit: seconds after which a call no longer keeps others waiting, as nothing can stop it; or None.
        abouts: of the nodes.
        functions: the numbers of the functions that go with it.
        errands: each with the place of its arguments among what goes with it, or -1 where it has them.
    """

    number: int
    begins: int
    limit: float | None
    abouts: list[tuple[int, About]]
    functions: list[int]
    errands: list[tuple[Errand, int]]


class Report(NamedTuple):
    """What came of a message.

    Attributes:
        answers: of the calls that were carried out; the others were not begun.
        worker: its address, and the thread.
        took: seconds in all.
        clock: of where its times are from.
        secrets: what must not be shown, where that was not told before.
    """

    answers: list[Answer]
    lines: list[Line]
    worker: tuple[str, int]
    took: float
    clock: Clock
    secrets: list[Any]


def versions() -> dict[str, str]:
    """What must be the same here and on the cluster."""
    return {"flowkit": version("flowkit-runner"), "Python": ".".join(map(str, sys.version_info[:2]))}


class Desk:
    """Carries out the calls of one run in this process."""

    def __init__(self, header: Header, client: str, worker: Any) -> None:
        self._said = Said(worker, client, lambda: self._office.new_secrets())
        self._office = Office(header, self._said.put)
        self._known: set[int] = set()
        self._client = client
        self._clock = clock_here()
        self.users = 0

    def close(self) -> None:
        """The run is over."""
        if self._office.capture is not None:
            self._office.capture.stop()

    def take(self, message: Message, functions: Sequence[Kept], held: Sequence[Kept]) -> Report:
        """Carry out the calls of a message."""
        started = time.monotonic()
        for number, function in zip(message.functions, functions, strict=True):
            if number not in self._known:
                self._office.learn_function(number, function.open())
                self._known.add(number)
        for node, about in message.abouts:
            self._office.learn_node(node, about)
        answers: list[Answer] = []
        for errand, place in message.errands:
            if answers and time.monotonic() - started > LONGEST:
                break
            if place >= 0:
                errand = errand._replace(arguments=(held[place].data, held[place].buffers, "dict"))
            if message.limit is None:
                answers.append(self._carried_out(errand, held))
            else:
                answers += self._within(message.limit, errand, held)
        lines, secrets = self._said.rest()
        worker = (get_worker().address, threading.get_ident())
        took = time.monotonic() - started
        return Report(answers, lines, worker, took, self._clock, secrets)

    def _carried_out(self, errand: Errand, held: Sequence[Kept]) -> Answer:
        token, pid = GIVEN.set(held), os.getpid()
        try:
            answer = self._office.carry_out(errand)
            if os.getpid() != pid:  # a child that was forked in the task, and has returned from it
                os._exit(0)
        finally:
            GIVEN.reset(token)
            CURRENT.set(None)
        if answer.kind == SEALED:
            data, buffers, kind = answer.payload
            if memoryview(data).nbytes >= LARGE or buffers:
                return answer._replace(kind=HELD, payload=(*self._put(kept(data, buffers)), kind))
        return answer

    def _within(self, limit: float, errand: Errand, held: Sequence[Kept]) -> list[Answer]:
        """Carry out in a thread of its own, which is left behind where it takes too long."""
        found: list[Answer] = []
        thread = threading.Thread(
            target=lambda: found.append(self._carried_out(errand, held)), name="flowkit-limited", daemon=True
        )
        start_apart(thread)
        thread.join(limit)
        return found

    def _put(self, value: Kept) -> tuple[str, int]:
        """Have a value stay in this worker's memory, wanted by the client of the run: its key and its size.

        As `Client.scatter` does it, without a client of this worker's own. The scheduler is told first: what
        a worker has that it does not know of, it has removed.
        """
        worker, size = get_worker(), sys.getsizeof(value)
        key = f"value-{MARK}{os.urandom(8).hex()}"

        async def put() -> None:
            await worker.scheduler.update_data(
                who_has={key: [worker.address]}, nbytes={key: size}, client=self._client
            )
            worker.update_data({key: value})

        asyncio.run_coroutine_threadsafe(put(), worker.loop.asyncio_loop).result(_PATIENCE)
        return key, size


_desks: dict[str, Desk] = {}
_opening = threading.Lock()


def work(run: str, message: bytes, functions: list[Kept], held: list[Kept]) -> bytes:
    """What dask calls: a pickled `Message` to a pickled `Report`."""
    asked = Message(*pickle.loads(message))
    _say_begun(run, asked)
    desk = _desks.get(run)
    if desk is None:
        raise UsageError("this worker knows nothing of the run, which may be over")
    return pickle.dumps(tuple(desk.take(asked, functions, held)), 5)


def _say_begun(run: str, asked: Message) -> None:
    if not asked.begins:
        return
    worker = get_worker()
    said = {
        "run": run,
        "number": asked.number,
        "worker": worker.address,
        "pid": os.getpid(),
        "thread": threading.get_ident(),
    }
    if asked.begins == 1:
        worker.log_event(TOPIC, said)
    else:

        async def say() -> None:
            await worker.scheduler.log_event(topic=TOPIC, msg=said)

        asyncio.run_coroutine_threadsafe(say(), worker.loop.asyncio_loop).result(_PATIENCE)


def same(value: Kept) -> Kept:
    """What dask calls for what goes with messages, so that it can be had again where it is lost."""
    return value


class Post(WorkerPlugin):  # type: ignore[misc]
    """Has a desk for one run on each worker, also on those that come later.

    Args:
        header: pickled.
        finding: as in `Engine`.
        client: the id of the client that the run has.
        levels: of loggers, by name; "" is the root. A worker of many runs has those of the latest.
    """

    def __init__(
        self,
        run: str,
        header: bytes,
        finding: Callable[[], None] | None,
        client: str,
        levels: Mapping[str, int],
    ) -> None:
        self.name = f"flowkit-{client}"
        self._run = run
        self._header = header
        self._finding = finding
        self._client = client
        self._levels = levels
        self._versions = versions()

    def setup(self, worker: Any) -> None:
        """Called by dask in the worker's loop.

        Raises:
            UsageError: versions do not fit.
        """
        for what, there in versions().items():
            if there != self._versions[what]:
                raise UsageError(
                    f"the Dask worker at `{worker.address}` has {what} {there}, this process has "
                    f"{self._versions[what]}",
                    hints=("have the same versions of both on all machines",),
                )
        for name, level in self._levels.items():
            logging.getLogger(name or None).setLevel(level)
        with _opening:
            desk = _desks.get(self._run)
            if desk is None:
                if self._finding is not None:
                    self._finding()
                desk = _desks[self._run] = Desk(pickle.loads(self._header), self._client, worker)
            desk.users += 1

    def teardown(self, worker: Any) -> None:
        """Called by dask when the run is over, or its client gone."""
        with _opening:
            desk = _desks.get(self._run)
            if desk is not None:
                desk.users -= 1
                if not desk.users:
                    del _desks[self._run]
                    desk.close()


class Watch(SchedulerPlugin):  # type: ignore[misc]
    """Sees to it that a call is never made twice because its worker died, that functions are, that desks go
    with their run, and that it hears what tasks say.

    Dask tries a task again on another worker until a few have died of it; here that is an attempt, and what
    follows from it is decided where the run is.
    """

    name = TOPIC
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Called by dask."""
        self._scheduler = scheduler
        scheduler.handlers[HANDLER] = self.pass_on

    async def pass_on(self, client: str, data: bytes) -> None:
        """Called by a worker: give a client what tasks have said, and keep nothing of it."""
        event = (time.time(), {"client": client, "said": data})
        self._scheduler.report({"op": "event", "topic": TOPIC, "event": event}, client=client)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Called by dask: a task has another state."""
        if finish != "processing" or not isinstance(key, tuple):
            return
        if MARK in str(key[0]):
            self._scheduler.tasks[key].suspicious = self._scheduler.allowed_failures
        elif CODE in str(key[0]):  # is made again wherever its worker dies: it never killed one
            self._scheduler.tasks[key].suspicious = 0

    def remove_client(self, scheduler: Any, client: str) -> None:
        """Called by dask: a client is gone, perhaps without a word."""
        name = f"flowkit-{client}"
        if name in scheduler.worker_plugins:
            self._going = asyncio.ensure_future(scheduler.unregister_worker_plugin(None, name))
