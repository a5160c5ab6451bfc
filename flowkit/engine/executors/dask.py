"""The executors of a Dask cluster, and that of Prefect classic which had only its name from it.

`LocalDaskExecutor` never needed dask, nor does this file: it is imported when a cluster is.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

from flowkit.engine.executors.base import Crew, Executor, checked_workers
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.executors.processes import ProcessExecutor
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.errors import UsageError

if TYPE_CHECKING:
    from flowkit.engine.dask.cluster import Where
    from flowkit.engine.lane import Lane

_INLINE = ("sync", "synchronous", "single-threaded")


class LocalDaskExecutor:
    """Runs tasks in threads, in processes, or one at a time.

    Args:
        scheduler: `"threads"`, `"processes"` or `"sync"`.
        num_workers: how many tasks at once.
        **options: what classic gave to dask.

    Raises:
        UsageError: an unknown scheduler, or fewer than 1 worker.
    """

    def __init__(self, scheduler: str = "threads", num_workers: int | None = None, **options: Any) -> None:
        self.scheduler = scheduler
        self.options = options
        if scheduler not in ("threads", "processes", *_INLINE):
            raise UsageError(
                f"there is no scheduler `{scheduler}`", hints=("there are `threads`, `processes` and `sync`",)
            )
        self._inner: Executor = LocalExecutor()
        if scheduler == "processes":
            self._inner = ProcessExecutor(num_workers)
        elif scheduler == "threads":
            self._inner = ThreadExecutor(num_workers)
        self.name = self._inner.name
        self.is_away = self._inner.is_away
        self.workers = self._inner.workers

    def start(self, lane: Lane) -> Crew:
        """Start the workers."""
        return self._inner.start(lane)

    def __repr__(self) -> str:
        return f"LocalDaskExecutor(scheduler={self.scheduler!r}, num_workers={self.workers})"


class DaskExecutor:
    """Runs tasks on a Dask cluster: a temporary one of this machine, unless another is named.

    Args:
        address: of a scheduler that is there already, such as `tcp://10.0.0.1:8786`.
        cluster_class: what makes a cluster, or where it is imported from, such as
            `dask_kubernetes.operator.KubeCluster`; default: `distributed.LocalCluster`.
        cluster_kwargs: its arguments; `n_workers` and `threads_per_worker` say how many tasks at once.
        adapt_kwargs: of its `adapt`, such as `minimum` and `maximum`; none: it is not called.
        client_kwargs: of `distributed.Client`, such as `security` and `timeout`.
        workers: how many workers a temporary cluster has; default: the number of processors.
        **options: what else classic took.

    Raises:
        UsageError: fewer than 1 worker, or an address and a class.
    """

    name = "dask"
    is_away = True

    def __init__(
        self,
        address: str | None = None,
        cluster_class: Any = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        *,
        workers: int | None = None,
        **options: Any,
    ) -> None:
        if address is not None and (cluster_class is not None or cluster_kwargs or adapt_kwargs):
            raise UsageError(
                "`DaskExecutor` takes either the address of a scheduler, or what makes a cluster"
            )
        self.address = address
        self.cluster_class = cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = dict(client_kwargs or {})
        self.options = options
        self._asked = checked_workers(workers, os.cpu_count() or 1)
        self._known: int | None = None

    @property
    def workers(self) -> int:
        """How many tasks at once; of a scheduler that is there, as many as its workers do when this is first
        asked.

        Raises:
            UsageError: dask is not installed, or the scheduler does not answer.
        """
        _need_dask()
        if self.address is None:
            given = self.cluster_kwargs
            many = given.get("n_workers") or self.adapt_kwargs.get("maximum") or self._asked
            return max(1, many * (given.get("threads_per_worker") or 1))
        if self._known is None:
            from flowkit.engine.dask.cluster import threads_at

            self._known = max(1, threads_at(self._where()))
        return self._known

    def start(self, lane: Lane) -> Crew:
        """Open the cluster, and begin to send it what is ready.

        A task of a Dask worker lets its place there go meanwhile, and without an address takes the cluster
        that it is on.
        """
        _need_dask()
        from flowkit.engine.dask.crew import DaskCrew

        return DaskCrew(lane, self._where(_left_place()))

    def _where(self, around: str | None = None) -> Where:
        from flowkit.engine.dask.cluster import Where

        asked = self.address
        if asked is None and self.cluster_class is None and not self.cluster_kwargs:
            asked = around
        return Where(
            address=asked,
            cluster_class=self.cluster_class,
            workers=self._asked,
            cluster_kwargs=self.cluster_kwargs,
            adapt_kwargs=self.adapt_kwargs,
            client_kwargs=self.client_kwargs,
        )

    def __repr__(self) -> str:
        return f"DaskExecutor(address={self.address!r})"


def _need_dask() -> None:
    found = importlib.util.find_spec("distributed")
    if found is None or found.origin is None:  # a folder of the user's that is called so is no package
        raise UsageError(
            "the executor `dask` needs dask and distributed, which are not installed",
            hints=('pip install "flowkit-runner[dask]"',),
        )


def _left_place() -> str | None:
    """Where this thread carries out a task of a Dask worker, let another take its place there, as it will
    wait: the address of its scheduler."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker, secede

    try:
        worker = get_worker()
    except ValueError:
        return None
    with contextlib.suppress(AttributeError, KeyError, ValueError):  # it has left, or is none of its threads
        secede()
    return str(worker.scheduler.address)
