"""A worker: a process that carries out the errands of one run, one after another.

Guarantees: each errand has one answer, unless the process ends before; the answer has left when the next
errand begins. What an errand prints, logs and warns has left before its answer, also what programs that it
started have written to descriptors 1 and 2.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import faulthandler
import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
import types
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from flowkit.engine import keyboard
from flowkit.engine.away import CutShortError, Office
from flowkit.engine.errand import PLAIN, RAISED, About, Answer, Errand
from flowkit.engine.processes import memory
from flowkit.engine.processes.outlet import Outlet
from flowkit.engine.processes.saying import ANSWER, CALLS, ENOUGH, HELLO, LEAVE, STOPPED, VALUE, Hello, Work
from flowkit.engine.processes.stopping import Stopping
from flowkit.engine.processes.surroundings import Surroundings
from flowkit.plan.failure import Failure, fields_of

_BETWEEN_RINGS = 0.002  # seconds
_WITHOUT_RING = 64  # answers, which the socket has room for
_NOT_PLAIN = object()


class Worker:
    """See the module.

    Args:
        outlet: to the runner.
        claims: each errand that may be taken back is claimed here.
    """

    def __init__(self, outlet: Outlet, claims: int) -> None:
        self._outlet = outlet
        self._claims = claims
        self._stopping = Stopping()
        self._office: Office | None = None
        self._memory: dict[int, int] = {}  # bytes that nodes may take
        self._surroundings = Surroundings()

    def serve(self) -> None:
        """Until the runner says that it is enough, or is gone."""
        while not self._stopping.asked:
            self._stopping.rest()
            kind, message = self._outlet.receive()
            self._stopping.is_idle = False
            if kind == CALLS:
                self._carry_out(Work(*message))
            elif kind == HELLO:
                self._begin(Hello(*message))
            elif kind == LEAVE:
                return

    def _begin(self, hello: Hello) -> None:
        for name, level in hello.levels.items():
            logging.getLogger(name or None).setLevel(level)
        logging.disable(hello.disabled)
        if hello.filters is not None:
            with contextlib.suppress(Exception):
                warnings.filters = pickle.loads(hello.filters)
            with warnings.catch_warnings():  # has them looked at anew
                pass
        with self._outlet.silent():  # what modules print when they are imported was seen in the runner
            if hello.finding is not None:
                pickle.loads(hello.finding)()
        office = self._office = Office(pickle.loads(hello.header), None)
        self._outlet.listen(office.away)
        self._surroundings = Surroundings()

    def _carry_out(self, work: Work) -> None:
        assert self._office is not None
        office, outlet = self._office, self._outlet
        if work.functions or work.abouts:
            with outlet.silent():
                for number, parts in work.functions:
                    office.learn_function(number, parts)
                for node, about in work.abouts:
                    known = About(*about)
                    office.learn_node(node, known)
                    if known.memory is not None:
                        self._memory[node] = known.memory
        if work.functions:  # what their modules have changed stays
            outlet.know_handlers()
            self._surroundings = Surroundings()
        rung, answered = time.monotonic(), 0
        values: list[Any] = []
        all_plain = True
        for fields in work.errands:
            errand = Errand(*fields)
            is_held_up = errand.awaited is not None and not all_plain
            if is_held_up or (work.is_claimed and not self._is_mine()):
                outlet.send((ENOUGH, None))
                break
            if errand.awaited is not None:
                _give(errand, errand.awaited, values)
            values.append(self._answer(errand))
            all_plain = all_plain and values[-1] is not _NOT_PLAIN
            if self._stopping.asked:
                break
            answered += 1
            now = time.monotonic()
            if work.is_claimed and (now - rung >= _BETWEEN_RINGS or answered >= _WITHOUT_RING):
                rung, answered = now, 0
                outlet.ring()
        if work.is_claimed:
            outlet.ring()

    def _answer(self, errand: Errand) -> Any:
        """Carry one out, and send what came of it; returns its value, if that goes as it is."""
        assert self._office is not None
        call, outlet, stopping = errand.call, self._outlet, self._stopping
        started = time.monotonic()
        outlet.begin(call)
        try:
            stopping.is_inside = True
            answer = self._called(errand)
        except CutShortError:
            answer = Answer(call, STOPPED, None, started, time.monotonic())
        finally:
            stopping.is_inside = False
        if self._office.away.interrupts.happened is not None:  # of a run that the task has started
            stopping.asked = True
        outlet.end(call)
        if answer.kind == PLAIN and answer.facts is None and not answer.memory:
            outlet.send((VALUE, (answer.payload, answer.started, answer.ended)))
        else:
            outlet.send((ANSWER, tuple(answer)))
        self._surroundings.restore()  # while the runner is busy with the answer
        return answer.payload if answer.kind == PLAIN else _NOT_PLAIN

    def _called(self, errand: Errand) -> Answer:
        """What comes of one; its memory is measured, where its task says how much it may take."""
        assert self._office is not None
        carry_out = self._office.carry_out
        most = self._memory.get(errand.call[0])
        if most is None:
            return contextvars.copy_context().run(carry_out, errand)
        with memory.limited(most):
            answer = contextvars.copy_context().run(carry_out, errand)
        answer = answer._replace(memory=memory.peak())
        if answer.kind == RAISED and (failure := Failure(*answer.payload[0])).type_name == "MemoryError":
            hint = f"it may take {memory.in_words(most)} besides what its process had: `memory=` of the task"
            payload = (fields_of(replace(failure, hint=hint)), answer.payload[1])
            answer = answer._replace(payload=payload)
        return answer

    def _is_mine(self) -> bool:
        try:
            os.read(self._claims, 8)
        except BlockingIOError:
            return False
        return True


def _give(errand: Errand, awaited: Mapping[str, int], values: Sequence[Any]) -> None:
    """Give an errand what those before it have given."""
    assert isinstance(errand.arguments, dict)
    errand.arguments.update({name: values[place] for name, place in awaited.items()})


def main(sock: socket.socket, news: int, more: list[int], lifeline: int) -> None:
    """Be a worker; never returns.

    Args:
        news: where the bell is.
        more: where claims are made, where there are such.
        lifeline: ends with the fork server.
    """
    settle(lifeline)
    outlet = Outlet(sock, news, [*more, lifeline])
    with contextlib.suppress(EOFError, OSError):
        Worker(outlet, more[0] if more else -1).serve()
    leave()


def settle(lifeline: int) -> None:
    """Have what every worker has: nobody at its standard input, no `__main__` of its own, and an end."""
    faulthandler.enable(2)
    with Path(os.devnull).open() as null:
        os.dup2(null.fileno(), 0)
    keyboard.be_nobody()
    sys.modules["__main__"] = types.ModuleType("__main__")
    if sys.platform != "linux":  # where the system does not do that
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def leave() -> NoReturn:
    """End as a program does, but wait for no thread."""
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)
