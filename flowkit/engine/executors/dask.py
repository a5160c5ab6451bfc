"""The executors of Prefect classic that had `dask` in their names, on the lanes that are there.

`LocalDaskExecutor` never needed more than threads or processes. `DaskExecutor` runs on threads of this
machine, and says so, until there is a lane for `distributed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.engine.executors.base import Crew, Executor
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.executors.processes import ProcessExecutor
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.errors import UsageError
from flowkit.flow.warning import say_once

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane

_INLINE = ("sync", "synchronous", "single-threaded")
_PATIENCE = 5.0  # seconds for a scheduler to answer


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
    """Runs tasks in threads of this machine, in place of a cluster.

    Args:
        address: of a scheduler; it must answer.
        cluster_class, cluster_kwargs, adapt_kwargs, client_kwargs: of a cluster; `n_workers` and
            `threads_per_worker` say how many tasks at once.
        **options: what else classic took.
    """

    name = "threads"
    is_away = False

    def __init__(
        self,
        address: str | None = None,
        cluster_class: Any = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.address = address
        self.cluster_class = cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = dict(client_kwargs or {})
        self.options = options
        asked = self.cluster_kwargs.get("n_workers")
        wanted = asked * (self.cluster_kwargs.get("threads_per_worker") or 1) if asked else None
        self._inner = ThreadExecutor(wanted)
        self.workers = self._inner.workers

    def start(self, lane: Lane) -> Crew:
        """Start the workers.

        Raises:
            UsageError: the scheduler at `address` does not answer.
        """
        if self.address is not None:
            _check(self.address)
        say_once("`DaskExecutor` runs tasks in threads of this machine, not on a cluster.")
        return self._inner.start(lane)

    def __repr__(self) -> str:
        return f"DaskExecutor(address={self.address!r})"


def _check(address: str) -> None:
    """See whether a scheduler listens."""
    import socket  # some milliseconds that nothing else needs
    from urllib.parse import urlsplit

    found = urlsplit(address if "//" in address else f"tcp://{address}")
    try:
        socket.create_connection((found.hostname or "", found.port or 8786), _PATIENCE).close()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the Dask scheduler at `{address}` does not answer: {getattr(error, 'strerror', None) or error}",
            hints=("start it with `dask scheduler`, or leave `address` out to run on this machine",),
        ) from error
