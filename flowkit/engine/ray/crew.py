"""The workers of a run on Ray: who has which call, what tasks ask for, and what is left when the run ends."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from flowkit.engine.clocks import clock_here
from flowkit.engine.context import logger_of
from flowkit.engine.deaths import Deaths
from flowkit.engine.errand import Errands, Header, Parts
from flowkit.engine.ray.desk import Afar, Desk
from flowkit.engine.ray.worker import RayWorker
from flowkit.engine.sealed import OpeningError
from flowkit.errors import UsageError
from flowkit.flow.task import Task
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.executors.ray import Connection
    from flowkit.engine.lane import Lane

_TAG = "ray-resource:"
_OWN_OPTIONS = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
_PATIENCE = 5.0  # seconds for threads to end whose actors are gone


class RayCrew:
    """See the module.

    Attributes:
        guard: held where is looked at, or changed, who has which call, and what was given up.
        given_up: the calls that nobody waits for any more.
        paces: seconds that a call of a node takes, as far as is known.
        deaths: of its workers.
        clock: that of this process.
        options: what the actor of a node must have.
        alone: the nodes whose calls travel alone: before or after them somebody may wait, in the end for a
            call of the same batch.
    """

    soft = ""

    def __init__(self, lane: Lane, workers: int, connection: Connection) -> None:
        self.lane = lane
        self.engine = lane.engine
        self.ray = connection.ray
        self.connection = connection
        self.errands = Errands(lane.engine)
        self.guard = Lock()
        self.given_up: set[Call] = set()
        self.paces: dict[int, float] = {}
        plan = lane.engine.plan
        self.deaths = Deaths(plan)
        self.options = {
            node: options_of(task)
            for node, task in enumerate(plan.tasks)
            if plan.lane_of[node] == lane.number and any(tag.startswith(_TAG) for tag in task.tags)
        }
        limits = getattr(lane.engine.machine, "limits", None)
        self.alone = lane.engine.worker.attended.union(limits.kind_of if limits is not None else ())
        self._see_to_resources()
        self._actors = self.ray.remote(Desk)
        self.clock = clock_here()
        self._header: Header | None = None
        self._afar: WeakSet[Afar] = WeakSet()
        self.workers = workers if plan.groups else min(workers, max(1, plan.size))
        self._crew = [RayWorker(self, f"{lane.name}-{number}") for number in range(1, self.workers + 1)]
        for worker in self._crew:
            worker.start()

    def step(self) -> bool:
        return False

    def ask(self) -> None:
        """Ray has no gentle way to end what an actor does."""

    def abandon(self, call: Call) -> None:
        with self.guard:
            self.given_up.add(call)
            for worker in self._crew:
                if call in worker.calls:
                    worker.kill()

    def stop(self, grace: float) -> list[str]:
        deadline = time.monotonic() + _PATIENCE
        for worker in self._crew:
            with self.guard:
                worker.kill()
        left = [worker.name for worker in self._crew if not worker.has_ended(deadline - time.monotonic())]
        if self.connection.is_ours:
            for value in list(self._afar):
                with suppress(OpeningError):  # who asks for it will be told
                    value.bring()
        self.connection.close()
        return left

    # -- what the workers need ----------------------------------------------------------------

    def new_actor(self, options: dict[str, Any]) -> Any:
        """An actor that carries out calls of this run.

        Raises:
            UnsendableError: something of the run cannot be sent.
        """
        with self.guard:
            header = self._header = self._header or self.errands.header()
        actor = self._actors.options(
            max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD", **options
        )
        return actor.remote(header, self.engine.finding)

    def value_at(self, ref: Any, kind: str, size: int) -> Afar:
        """What a reference is to, as a value."""
        value = Afar(ref, kind, size, self._fetched)
        self._afar.add(value)
        return value

    def _fetched(self, ref: Any) -> Parts:
        """Copied, as Ray's memory goes with the connection."""
        data, buffers, kind = self.ray.get(ref)
        return bytes(data), tuple(bytearray(memoryview(buffer)) for buffer in buffers), kind

    def _see_to_resources(self) -> None:
        """Refuse, or say, that there is nothing here of what tasks ask for.

        Raises:
            UsageError: the cluster was started here, so that there never will be.
        """
        if not self.options:
            return
        there = self.ray.cluster_resources()
        for node, options in self.options.items():
            asked = {**options, **options.get("resources", {})}
            for name, number in asked.items():
                own = {value: key for key, value in _OWN_OPTIONS.items()}.get(name, name)
                if name == "resources" or there.get(own, 0) >= number:
                    continue
                text = f"`{self.engine.plan.keys[node]}` asks for {number:g} of `{own}`, and there are "
                text += f"{there.get(own, 0):g}"
                if self.connection.session is not None:
                    raise UsageError(text, hints=(f'give them: `RayExecutor(resources={{"{own}": …}})`',))
                logger_of("").warning("%s; it waits for nodes that have them.", text)


def options_of(task: Task) -> dict[str, Any]:
    """What a task asks for in tags like `ray-resource:GPU=1`, as options of an actor.

    Raises:
        UsageError: a tag that is none.
    """
    options: dict[str, Any] = {}
    for tag in sorted(task.tags):
        if not tag.startswith(_TAG):
            continue
        name, _, number = tag.removeprefix(_TAG).partition("=")
        try:
            amount = float(number)
        except ValueError:
            amount = 0.0
        if not name or not amount > 0:
            raise UsageError(f"the tag `{tag}` is not of the form `{_TAG}NAME=N`")
        if name in _OWN_OPTIONS:
            options[_OWN_OPTIONS[name]] = amount
        else:
            options.setdefault("resources", {})[name] = amount
    return options
