"""The real command without the wait for an interpreter: a process that has flowkit imported, and forks.

A child has a session, folder, environment, arguments and streams of its own, calls `flowkit.cli.app.main` as
the installed script does, and ends as Python ends; the kernel knows it as any other process. Guarantees:
nothing ever runs in the process that is forked, so that every child begins with what an import leaves; a
signal goes through that process, the parent, and so never to another one that was given a child's number.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).parent
PATIENCE = 60.0  # seconds: what takes longer hangs
PRELOADED = (
    "flowkit.cli.app",
    "flowkit.cli.run",
    "flowkit.cli.resume",
    "flowkit.runs.memory",
    "flowkit.runs.resume",
    "flowkit.store.sweep",
    "flowkit.engine.executors.inline",
    "flowkit.engine.executors.threads",
    "flowkit.engine.context",
    "rich.console",
    "rich.text",
    "importlib.metadata",
    "pydantic.fields",
    "pydantic.plugin._loader",
    "pydantic.types",
    "typer._adapters",
    "typer._click.decorators",
    "typer.rich_utils",
    "fault_points",
)
REAL = (sys.executable, "-P", "-m", "flowkit")


class HangError(AssertionError):
    """A command that does not end."""


class Messages:
    """Objects as lines of JSON over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._begun = b""

    def send(self, **message: Any) -> None:
        """Send one."""
        self._connection.sendall(f"{json.dumps(message)}\n".encode())

    def receive(self, seconds: float | None = None) -> list[dict[str, Any]]:
        """Those that have come whole, after waiting for some.

        Raises:
            TimeoutError: nothing came.
            EOFError: the other end is closed.
        """
        self._connection.settimeout(seconds)
        data = self._connection.recv(1 << 16)
        if not data:
            raise EOFError
        *whole, self._begun = (self._begun + data).split(b"\n")
        return [json.loads(line) for line in whole]


class Server:
    """The end of the one who asks; one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._messages = Messages(connection)
        self._started: deque[int] = deque()
        self._ended: dict[int, int] = {}

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        out: Path,
        err: Path,
        before: Sequence[Any] = (),
        prefix: Sequence[str] = (),
        stdin: str = os.devnull,
    ) -> Command:
        """Start `flowkit ARGUMENTS`.

        Args:
            out, err: files for its streams, which are appended to; `stdin`: what it reads.
            before: a function of fault_points.py with its arguments, called in the child first.
            prefix: what is executed, with the arguments; without one, the child is the command itself.
        """
        self._messages.send(
            do="start",
            arguments=list(arguments),
            folder=str(folder),
            environ=dict(environ),
            out=str(out),
            err=str(err),
            before=list(before),
            prefix=list(prefix),
            stdin=stdin,
        )
        while not self._started:
            self._listen(PATIENCE)
        return Command(self, self._started.popleft())

    def signal(self, pid: int, number: int) -> None:
        """Signal a child that may have ended."""
        self._messages.send(do="signal", pid=pid, number=int(number))

    def status(self, pid: int, seconds: float = PATIENCE) -> int:
        """Wait for the end of a child; its exit code, or minus the number of the signal.

        Raises:
            HangError: it does not end.
        """
        try:
            while pid not in self._ended:
                self._listen(seconds)
        except TimeoutError:
            raise HangError(f"the process {pid} goes on after {seconds:g} s") from None
        return self._ended[pid]

    def has_ended(self, pid: int) -> bool:
        """Whether a child has ended, as far as has been told."""
        with contextlib.suppress(BlockingIOError):
            self._listen(0.0)
        return pid in self._ended

    def _listen(self, seconds: float) -> None:
        for message in self._messages.receive(seconds):
            if "ended" in message:
                self._ended[message["ended"]] = message["code"]
            else:
                self._ended.pop(message["started"], None)  # of an earlier process with that number
                self._started.append(message["started"])


@dataclass(frozen=True)
class Command:
    """A command that was started."""

    server: Server
    pid: int

    def signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        self.server.signal(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code, or minus the number of the signal that ended it."""
        return self.server.status(self.pid, seconds)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.server.has_ended(self.pid)


@contextlib.contextmanager
def running(script: Path = Path(__file__), *arguments: str) -> Iterator[Server]:
    """A server, for the length of the block; whom it has started goes with it.

    Args:
        script: what calls `main` in a process of its own; `arguments`: more than `main` takes.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", str(script), str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                env=environment(HERE),
                stdin=subprocess.DEVNULL,
            )
        try:
            yield Server(ours)
        finally:
            ours.shutdown(socket.SHUT_RDWR)
            process.wait(PATIENCE)


def environment(home: Path) -> dict[str, str]:
    """Variables without anything of the developer's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


# -- the other end ----------------------------------------------------------------------------


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Answer until the other end is closed; in a child, returns what it was asked for."""
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    with connection:
        asked = _Parent(connection, woken).serve()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.close(woken)
    os.close(waker)
    return asked


class _Parent:
    """Starts, signals and buries children."""

    def __init__(self, connection: socket.socket, woken: int) -> None:
        self._connection = connection
        self._messages = Messages(connection)
        self._woken = woken
        self._children: set[int] = set()

    def serve(self) -> dict[str, Any] | None:
        """See `serve`."""
        try:
            while True:
                for request in self._requests():
                    if request["do"] == "signal":
                        self._signal(request["pid"], request["number"])
                    elif (child := os.fork()) == 0:
                        return request
                    else:
                        self._children.add(child)
                        self._messages.send(started=child)
                self._reap()
        except EOFError:
            for child in self._children:
                self._signal(child, signal.SIGKILL)
            return None

    def _requests(self) -> list[dict[str, Any]]:
        with selectors.DefaultSelector() as selector:
            for file in (self._connection, self._woken):
                selector.register(file, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select()}
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        return self._messages.receive() if self._connection in ready else []

    def _signal(self, pid: int, number: int) -> None:
        if pid in self._children:
            os.kill(pid, number)

    def _reap(self) -> None:
        for child in list(self._children):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                self._children.discard(pid)
                self._messages.send(ended=pid, code=os.waitstatus_to_exitcode(status))


def become(request: dict[str, Any]) -> NoReturn:
    """Be the command that was asked for."""
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name, flags in (
        (0, request["stdin"], os.O_RDONLY),
        (1, request["out"], writing),
        (2, request["err"], writing),
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    if request["prefix"]:
        os.execvp(request["prefix"][0], [*request["prefix"], *request["arguments"]])
    encoding = os.environ.get("PYTHONIOENCODING")
    sys.stdin, sys.stdout, sys.stderr = (  # as the interpreter makes them
        open(number, mode, encoding=encoding, closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )
    sys.argv = ["flowkit", *request["arguments"]]
    if request["before"]:
        name, *given = request["before"]
        getattr(importlib.import_module("fault_points"), name)(*given)
    from flowkit.cli.app import main

    main()


def main() -> None:
    """Be the server, at the descriptor that the first argument names; in a child, the command."""
    sys.path.append(str(HERE / "crash"))
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # else each child copies all of this memory, when its collector looks at it at the end
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        become(asked)


if __name__ == "__main__":
    main()
