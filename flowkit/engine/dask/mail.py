"""What goes to a cluster: functions once, then messages of calls, with the values that they take."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import logger_of
from flowkit.engine.dask import there
from flowkit.engine.dask.cluster import Cluster
from flowkit.engine.dask.held import TAKEN, Held, Kept
from flowkit.engine.dask.jobs import Job, Packed, Ready, resources_of
from flowkit.engine.errand import About, Errands
from flowkit.errors import FlowkitError

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.engine import Engine

_APART = 256 * 1024  # bytes of arguments that go to the cluster before their call
_SHOWN = 13  # characters of the run's id in keys

Refused = tuple["Attempt", BaseException]


class Mail:
    """Sends the calls of one run.

    Args:
        can_kill: whether a call that takes too long is killed, so that it need not be left behind there.
    """

    def __init__(self, engine: Engine, errands: Errands, cluster: Cluster, *, can_kill: bool) -> None:
        self._engine = engine
        self._errands = errands
        self._cluster = cluster
        self._can_kill = can_kill
        self._abouts: dict[int, About] = {}
        self._functions: dict[int, Any] = {}
        self._resources: dict[int, dict[str, float]] = {}
        self._sent = 0

    def known(self, ready: Ready) -> Ready:
        """A call of which is known how it travels.

        Raises:
            UnsendableError: its function cannot be sent.
            ValueError: a tag that asks for a resource is not written so.
        """
        node = ready.call[0]
        if node not in self._abouts:
            self._learn(node)
        ready.function = self._abouts[node].function
        ready.alone = node in self._engine.plan.timeouts or bool(self._resources[node])
        return ready

    def _learn(self, node: int) -> None:
        self._resources[node] = resources = resources_of(self._engine.plan.tasks[node].tags)
        about = self._errands.about(node)
        if about.function not in self._functions:
            data = pickle.dumps(self._errands.function(about.function), 5)
            self._functions[about.function] = self._cluster.client.submit(
                there.same, Kept(data), key=self._key("function", about.function, there.CODE), pure=False
            )
        self._abouts[node] = about
        if resources:
            self._say_where_missing(node, resources)

    def _say_where_missing(self, node: int, asked: dict[str, float]) -> None:
        offers = self._cluster.resources
        if not any(all(offer.get(name, 0) >= much for name, much in asked.items()) for offer in offers):
            wanted = ", ".join(f"{name}={much:g}" for name, much in asked.items())
            key = self._engine.plan.keys[node]
            logger_of("").warning("No worker of the Dask cluster offers %s; %s waits for one.", wanted, key)

    def send(self, taken: list[Ready]) -> tuple[list[Job], list[Refused]]:
        """Send calls that were to travel together, and do, but for those that take values from there.

        Returns:
            The jobs that were made of them; the attempts whose arguments cannot be sent, each with why.
        """
        together: list[tuple[Ready, Packed]] = []
        jobs: list[Job] = []
        refused: list[Refused] = []
        for ready in taken:
            try:
                packed = self._packed(ready)
            except (TypeError, FlowkitError) as error:
                refused.append((ready.attempt, error))
                continue
            if packed.given and len(taken) > 1:  # it should run where its values are
                jobs.append(self._job([(ready, packed)]))
            else:
                together.append((ready, packed))
        if together:
            jobs.append(self._job(together))
        return jobs, refused

    def _packed(self, ready: Ready) -> Packed:
        """What is sent of a call.

        Raises:
            UnsendableError: an argument cannot be sent.
        """
        taken: dict[int, Held] = {}
        token = TAKEN.set(taken)
        try:
            errand = self._errands.errand(ready.call, ready.arguments)
        finally:
            TAKEN.reset(token)
        if type(errand.arguments) is not tuple:
            return Packed(errand, [], [])
        data, buffers, kind = errand.arguments
        held = list(taken.values())
        given = [each.future for each in held if each.future is not None]
        is_small = memoryview(data).nbytes + sum(memoryview(buffer).nbytes for buffer in buffers) < _APART
        if is_small or not self._cluster.threads:  # a value needs a worker to be sent to
            return Packed(errand, held, given)
        whole = self._cluster.client.scatter(Kept(data, buffers), hash=False)
        return Packed(errand._replace(arguments=(b"", (), kind)), held, [*given, whole], len(given))

    def _job(self, packed: list[tuple[Ready, Packed]]) -> Job:
        plan = self._engine.plan
        first, what = packed[0]
        node, alone = first.call[0], len(packed) == 1
        # Time counts from then on: a task may keep its worker from saying anything once it has begun.
        is_said_first = first.is_suspect or node in plan.timeouts
        self._sent += 1
        message = there.Message(
            number=self._sent,
            begins=0 if not alone else 2 if is_said_first else 1,
            limit=None if self._can_kill else plan.timeouts.get(node),
            abouts=[(node, self._abouts[node]) for node in {ready.call[0] for ready, _ in packed}],
            functions=[first.function],
            errands=[(each.errand, each.place) for _, each in packed],
        )
        future = self._cluster.client.submit(
            there.work,
            self._engine.run_id,
            pickle.dumps(tuple(message), 5),
            [self._functions[first.function]],
            what.given if alone else [],
            key=self._key(plan.keys[node], self._sent),
            pure=False,
            resources=self._resources[node] or None,
        )
        waits = {ready.call: ready for ready, _ in packed}
        return Job(self._sent, waits, future, what.held if alone else [])

    def _key(self, name: str, number: int, mark: str = there.MARK) -> tuple[str, int]:
        return f"{name}-{mark}{self._engine.run_id[:_SHOWN]}", number
