"""A cluster for one run: a temporary one of this machine, one that a class of the user's makes, or one that
is there already.

Guarantees: the temporary one listens on the loopback interface alone, and none of its processes outlives
`close`; what dask would log to the terminal meanwhile is not shown.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import Any

import dask
from dask.utils import parse_timedelta
from distributed import Client, LocalCluster
from distributed.comm import get_address_host_port, parse_address
from distributed.versions import VersionMismatchWarning

from flowkit.engine.dask.nanny import OwnNanny
from flowkit.engine.dask.staff import Staff
from flowkit.engine.processes.greeting import levels
from flowkit.errors import UsageError

CONNECTING = 5.0  # seconds that a scheduler has to answer
_CLOSING = 2.0  # seconds
_BY_TCP = ("tcp", "tls", "ws", "wss")
_SILENT = ("distributed", "tornado", "asyncio")


@dataclass(frozen=True)
class Where:
    """Which cluster: the arguments of `DaskExecutor`, and how many workers a temporary one has."""

    address: str | None = None
    cluster_class: Any = None
    workers: int = 1
    cluster_kwargs: dict[str, Any] = field(default_factory=dict)
    adapt_kwargs: dict[str, Any] = field(default_factory=dict)
    client_kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many tasks at once are worth being sent to a cluster that has no workers yet."""
        return max(1, int(self.adapt_kwargs.get("maximum") or 1))

    @property
    def can_kill(self) -> bool:
        """Whether a worker is a process of this run's own that has one task at a time."""
        given = self.cluster_kwargs
        alone = given.get("threads_per_worker", 1) == 1 and given.get("processes", True)
        return self.address is None and self.cluster_class is None and bool(alone)


class Cluster:
    """A client, and the cluster behind it where that is this run's own.

    Args:
        staff: what a temporary one has of processes.

    Raises:
        UsageError: it does not answer, or cannot be made.
    """

    def __init__(self, where: Where, staff: Staff) -> None:
        self._where = where
        self._staff = staff
        self._made: Any = None
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(_silence())
        try:
            if where.address is None:
                self._made = self._new()
            self.client: Client = _client(where, self._made)
        except BaseException:
            self.close()
            raise
        self.address: str = where.address or self._made.scheduler_address

    @property
    def threads(self) -> int:
        """How many tasks its workers carry out at once, as of now."""
        return sum(self.client.nthreads().values())

    @property
    def resources(self) -> list[dict[str, float]]:
        """What each worker offers."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return [dict(worker.get("resources") or {}) for worker in workers.values()]

    @property
    def is_there(self) -> bool:
        """Whether the scheduler is."""
        return bool(self.client.status == "running")

    def close(self) -> None:
        """Let it go; one that was made for this run ends.

        The workers of a temporary one end at once: what they have is not needed any more, and they might be
        in the middle of a task, or of their start.
        """
        try:
            self._staff.end()
            if hasattr(self, "client"):
                with contextlib.suppress(Exception):
                    self.client.close(timeout=_CLOSING)
            if self._made is not None:
                with contextlib.suppress(Exception):
                    self._made.close()
        finally:
            self._stack.close()

    def _new(self) -> Any:
        """A new cluster."""
        where = self._where
        cls, given = where.cluster_class, dict(where.cluster_kwargs)
        if isinstance(cls, str):
            cls = _named(cls)
        if cls is None:
            cls, given = _Own, self._own(given)
        if given.get("worker_class") is not OwnNanny:  # it has processes by multiprocessing
            resource_tracker.ensure_running()  # which would have them hear of Ctrl-C, if it started later
        try:
            made = cls(**given)
            if where.adapt_kwargs:
                made.adapt(**where.adapt_kwargs)
        except Exception as error:
            name = "LocalCluster" if cls is _Own else getattr(cls, "__name__", cls)
            raise UsageError(f"the Dask cluster `{name}` cannot be started: {_short(error)}") from error
        return made

    def _own(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a temporary one, where some are given."""
        scratch = self._scratch(given.pop("local_directory", None))
        usual: dict[str, Any] = {
            "n_workers": 0 if self._where.adapt_kwargs else self._where.workers,
            "threads_per_worker": 1,
            "host": "127.0.0.1",
            "dashboard_address": None,
            "silence_logs": logging.CRITICAL,
        }
        given = usual | given
        if given.get("processes", True) and "worker_class" not in given:
            given |= {"worker_class": OwnNanny, "processes": True, "staff": self._staff, "scratch": scratch}
        else:
            given["local_directory"] = scratch
            # So that tasks may start processes of their own; workers end with this process all the same.
            dask.config.set({"distributed.worker.daemon": False})
        # What is served besides the dashboard would have one port for all clusters of the machine.
        scheduler: dict[str, Any] = {
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
            "local_directory": scratch,
        }
        given["scheduler_kwargs"] = scheduler | (given.get("scheduler_kwargs") or {})
        return given

    def _scratch(self, within: str | None) -> str:
        """A folder for its files, which nobody else can read, and which goes with it."""
        within = within or dask.config.get("temporary-directory", None)
        try:
            folder = tempfile.mkdtemp(prefix="flowkit-dask-", dir=within)
        except OSError as error:
            raise UsageError(
                f"the Dask cluster has no folder for its files: {error.strerror}: `{error.filename}`"
            ) from error
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder


def keep_ctrl_c_away() -> None:
    """A Ctrl-C at the terminal is the runner's business: threads and processes that come from this thread do
    not hear of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def threads_at(where: Where) -> int:
    """How many tasks the workers of a scheduler carry out at once.

    Raises:
        UsageError: it does not answer.
    """
    with _silence():
        client = _client(where, None)
        try:
            return sum(client.nthreads().values())
        finally:
            client.close(timeout=_CLOSING)


def _client(where: Where, made: Any) -> Client:
    given = {"timeout": CONNECTING, "set_as_default": False} | where.client_kwargs
    to = where.address if made is None else made
    try:
        if made is None:
            _knock(str(to), parse_timedelta(given["timeout"] or CONNECTING))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # see `Post.setup`
            return Client(to, **given)
    except (OSError, ValueError, TimeoutError, ImportError) as error:
        raise UsageError(
            f"the Dask scheduler at `{where.address}` does not answer: {_short(error)}",
            hints=("start it with `dask scheduler`, or leave the address out to run on this machine",),
        ) from error


def _knock(address: str, limit: float) -> None:
    """See whether somebody is there: dask tries again and again where nobody listens, waits for ever for who
    listens and says nothing, and a client that cannot even try does not end cleanly.

    Args:
        limit: seconds that it may take.

    Raises:
        OSError: nobody is.
        ValueError: it is no address.
    """
    host, port = get_address_host_port(address)
    kind = parse_address(address)[0]
    if kind in _BY_TCP:
        with socket.create_connection((host, port), limit) as connection:
            if kind == "tcp" and not connection.recv(1):  # a scheduler is the first to speak
                raise OSError("it hangs up")


class _Own(LocalCluster):  # type: ignore[misc]
    """A cluster that is closed by its run alone: dask would wait for it when the process ends."""

    @property
    def shutdown_on_close(self) -> bool:
        return False

    @shutdown_on_close.setter
    def shutdown_on_close(self, value: bool) -> None:
        """It stays so."""


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"there is no class `{path}` for a Dask cluster: {error}") from error


def _short(error: BaseException) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0][:300]


def levels_of_tasks() -> dict[str, int]:
    """What loggers have here, but for those of dask, which are silent: for the tasks on the workers."""
    return {name: level for name, level in levels().items() if name.partition(".")[0] not in _SILENT}


_silencing = threading.Lock()
_silenced: dict[str, int] = {}
_runs = 0


@contextmanager
def _silence() -> Iterator[None]:
    """What a cluster goes through is told by flowkit, a line at most; runs at once share this."""
    global _runs
    with _silencing:
        _runs += 1
        if _runs == 1:
            for name in [*_SILENT, *logging.root.manager.loggerDict]:
                if name.partition(".")[0] in _SILENT:
                    logger = logging.getLogger(name)
                    _silenced[name] = logger.level
                    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _silencing:
            _runs -= 1
            if not _runs:
                for name, level in _silenced.items():
                    logging.getLogger(name).setLevel(level)
