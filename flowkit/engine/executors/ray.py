"""The ray lane: tasks run in workers of a Ray cluster, or of one on this machine for the time of the run.

Ray is imported here and nowhere else, and only when a run starts.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowkit.engine.executors.base import checked_workers
from flowkit.engine.ray import watch
from flowkit.errors import UsageError

if TYPE_CHECKING:
    import subprocess

    from flowkit.engine.executors.base import Crew
    from flowkit.engine.lane import Lane

_PATIENCE = 5.0  # seconds for a cluster to answer
# Of a cluster that is started here: a worker that ends, however, takes the processes with it that it started,
# and nobody is told how it is used.
_ENVIRONMENT = {"RAY_process_group_cleanup_enabled": "1", "RAY_USAGE_STATS_ENABLED": "0"}
_HELPERS = ("/_private/log_monitor.py", "/_private/monitor.py", "/dashboard/dashboard.py")
_USUAL = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}


class RayExecutor:
    """Runs tasks in workers of Ray, a process each.

    Results of 64 KiB and more stay in Ray's object store, and go from there to the tasks that take them.
    Where this process is connected to Ray already, that is used, and left as it is.

    Args:
        address: of a cluster, as `HOST:6379` or `auto`; None: one is started on this machine for the time of
            the run, which listens on the loopback interface alone.
        workers: how many tasks at once; default: as many as the cluster, or this machine, has processors.
        **init_kwargs: what else is given to `ray.init`.

    Raises:
        UsageError: fewer than 1 worker, or an address of the Ray client.
    """

    name = "ray"
    is_away = True

    def __init__(self, address: str | None = None, workers: int | None = None, **init_kwargs: Any) -> None:
        if address is not None and address.startswith("ray://"):
            raise UsageError(
                f"`{address}` is for the Ray client, which cannot stream results",
                hints=("start the run on a node of the cluster, with the address `auto`",),
            )
        self.address = address
        self.init_kwargs = dict(init_kwargs)
        self._asked = checked_workers(workers, os.cpu_count() or 1)
        self._counts_processors = workers is None

    @property
    def workers(self) -> int:
        """How many tasks at once.

        Raises:
            UsageError: Ray is not installed.
        """
        _see_to_ray()
        return self._asked

    def start(self, lane: Lane) -> Crew:
        """Connect to the cluster, or start one.

        Raises:
            UsageError: Ray is not installed, the cluster does not answer, or a task asks for what it cannot
                have.
        """
        from flowkit.engine.ray.crew import RayCrew

        connection = Connection(self.address, self.init_kwargs)
        try:
            if self.address is not None and self._counts_processors:
                self._asked = max(1, int(connection.ray.cluster_resources().get("CPU", 1)))
            return RayCrew(lane, self.workers, connection)
        except BaseException:
            connection.close()
            raise

    def __repr__(self) -> str:
        return f"RayExecutor(address={self.address!r}, workers={self._asked})"


class Connection:
    """What one run has of Ray. Of the runs of this process the first connects, and the last one parts.

    Attributes:
        ray: the module.
        is_ours: whether the connection goes when the runs of this process have ended.
        session: the folder of the cluster, where it was started here.
    """

    _changing = threading.Lock()
    _users = 0
    session: str | None = None
    _address: str | None = None
    _watch: subprocess.Popen[bytes] | None = None

    def __init__(self, address: str | None, options: Mapping[str, Any]) -> None:
        self.ray = imported()
        with self._changing:
            self.is_ours = Connection._users > 0 or not self.ray.is_initialized()
            if Connection._users > 0 and address != Connection._address:
                there = Connection._address
                has = f"is connected to `{there}`" if there else "has a cluster of its own"
                raise UsageError(f"this process {has} already", hints=("wait for the runs there",))
            if self.is_ours and Connection._users == 0:
                self._join(address, options)
            Connection._users += self.is_ours

    def close(self) -> None:
        """The run has ended."""
        with self._changing:
            if self.is_ours:
                Connection._users -= 1
                if Connection._users == 0:
                    self._part()

    def _join(self, address: str | None, options: Mapping[str, Any]) -> None:
        mark = os.urandom(16).hex()
        Connection._address = address
        if address is None:
            Connection._watch = _watching(mark)
        try:
            Connection.session = _connect(self.ray, address, mark, options)
        except BaseException:
            self._part()
            raise
        if Connection._watch is not None and Connection._watch.stdin is not None:
            groups = [str(child.pid) for child in _children(self.ray)]  # see `_apart`
            Connection._watch.stdin.write(" ".join(groups).encode())
            Connection._watch.stdin.flush()

    def _part(self) -> None:
        if Connection.session is not None:
            _end_helpers(self.ray)
        Connection.session = None
        self.ray.shutdown()
        self.ray._private.worker._worker_logs_enabled = True
        if Connection._watch is not None:
            Connection._watch.communicate()
            Connection._watch = None


def _watching(mark: str) -> subprocess.Popen[bytes]:
    """A process that ends what has this mark in its environment once this one is gone or closes its input."""
    import subprocess  # a millisecond that only such runs need

    command = [sys.executable, "-P", watch.__file__, mark]
    return subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)


def _end_helpers(ray: ModuleType) -> None:
    """End those processes of the cluster that have nothing to put in order: Ray would wait for one after
    another."""
    for child in _children(ray, _HELPERS):
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


def _children(ray: ModuleType, ends: tuple[str, ...] = ("",)) -> list[Any]:
    """The processes of the cluster that Ray has started from this one: programs of its own package.

    Args:
        ends: how their files are called, at the end.
    """
    import psutil  # 10 ms

    package, found = os.path.join(os.path.dirname(str(ray.__file__)), ""), []  # noqa: PTH118, PTH120
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if any(part.startswith(package) and part.endswith(ends) for part in child.cmdline()):
                found.append(child)
    return found


def imported() -> ModuleType:
    """The module of Ray.

    Raises:
        UsageError: it is not installed.
    """
    _see_to_ray()
    import ray

    found: ModuleType = ray
    return found


def _see_to_ray() -> None:
    if not is_installed():
        raise UsageError(
            "the executor `ray` needs Ray, which is not installed",
            hints=('install it: `pip install "flowkit-runner[ray]"`',),
        )


def is_installed() -> bool:
    """Whether Ray is; a folder of the user's that is called so is no package."""
    from importlib.util import find_spec

    found = find_spec("ray")
    return found is not None and found.origin is not None


def _connect(ray: ModuleType, address: str | None, mark: str, options: Mapping[str, Any]) -> str | None:
    """Connect; gives the folder of the cluster, where it was started for that."""
    is_loopback = address is None or (address != "auto" and _answers_on_loopback_alone(ray, address))
    # "local", as without an address Ray looks for a cluster of the user's first.
    given = {**_USUAL, "address": address or "local", **options}
    with ExitStack() as stack:
        stack.enter_context(_own_signals())
        if is_loopback:
            stack.enter_context(_on_loopback(ray))
        if address is None:
            stack.enter_context(_environment({**_ENVIRONMENT, watch.MARK: mark}))
            stack.enter_context(_apart(ray))
            stack.enter_context(_quiet())
        try:
            found = ray.init(**given)
            # Else it prints at length to our stdout when a worker dies, which we say ourselves.
            ray._private.worker._worker_logs_enabled = bool(given["log_to_driver"])
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            what = f"the Ray cluster at `{address}` does not answer" if address else "Ray cannot be started"
            hints = ("where it asks for a token, set `RAY_AUTH_MODE=token`",) if address else ()
            raise UsageError(f"{what}: {error}", hints=hints) from error
    return None if address else str(found.address_info["session_dir"])


def _answers_on_loopback_alone(ray: ModuleType, address: str) -> bool:
    """Whether a cluster cannot be had at the address that Ray takes in place of that of the loopback.

    Raises:
        UsageError: nobody listens: Ray itself would try for minutes, and write about it.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
        taken = ray._private.services.resolve_ip_for_localhost(host)
        with socket.socket() as trial:
            trial.settimeout(_PATIENCE)
            return taken != host and trial.connect_ex((taken, int(port))) != 0
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the Ray cluster at `{address}` does not answer: {getattr(error, 'strerror', None) or error}",
            hints=("start it with `ray start --head`, or leave the address out to run on this machine",),
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Have SIGTERM end the run, not this process at once as Ray sets it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Ray log errors alone: that a cluster for this run has its usual safeguards is no warning."""
    logger = logging.getLogger("ray")
    before = logger.level
    logger.setLevel(max(before, logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    """Have what is started here see more variables; what the user has set stays."""
    new = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _on_loopback(ray: ModuleType) -> Iterator[None]:
    """Have Ray take the loopback interface.

    On Linux it takes the address of another one, also where it is told 127.0.0.1, as machines could join. It
    does not where this says that none can, as is usual on macOS.
    """
    constants = ray._private.ray_constants
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _apart(ray: ModuleType) -> Iterator[None]:
    """Have what a terminal or `timeout` sends to our group of processes end the run, which ends the cluster:
    without the cluster it could not end its tasks."""
    services = ray._private.services
    before = services.ConsolePopen
    services.ConsolePopen = partial(before, process_group=0)
    try:
        yield
    finally:
        services.ConsolePopen = before
