"""Calls that a worker was given together, until each has an answer, or is known not to have begun.

Of several, the runner is not woken by each answer, but by a bell, and hands on what has come by then. Where
one of them takes long, those behind it that were not begun are taken back, for others.

Guarantees: what was answered counts, however the worker ends; at most one call has died with it.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import CURRENT
from flowkit.engine.errand import PLAIN, Answer
from flowkit.engine.mask import MASK
from flowkit.engine.processes.hired import OUTPUTS, SHORT, Hired
from flowkit.engine.processes.saying import (
    ANSWER,
    ENOUGH,
    GO_ON,
    LOGGED,
    PRINTED,
    REPORTED,
    SECRETS,
    VALUE,
    WARNED,
    WRITTEN,
)
from flowkit.plan.events import Call, Report
from flowkit.plan.status import SUCCESS

if TYPE_CHECKING:
    from flowkit.engine.processes.feeder import Feeder
    from flowkit.engine.worker import Finished

    Carried = tuple[list[Answer | Finished], Sequence[Call], tuple[Call, BaseException] | None]


class Batch:
    """Those of one worker, one batch after another.

    Attributes:
        seconds, answered: of the last batch, that its calls have taken together, and how many.
    """

    def __init__(self, hired: Hired, feeder: Feeder) -> None:
        self._hired = hired
        self._feeder = feeder
        self._calls: Sequence[Call] = ()
        self._ends: list[Answer | Finished] = []
        self._unbegun: Sequence[Call] = ()
        self.seconds = 0.0
        self.answered = 0
        self._taken_back = 0
        self._knows_not = False
        self._is_claimed = False
        self._last = 0.0  # when the last one of those that were handed on has ended

    def carried_out(self, calls: Sequence[Call]) -> Carried:
        """Wait for calls, in the order in which they were sent.

        Returns:
            The answers that were not handed on, as ends where there is nothing more to them, the calls that
            were not begun and are still to be given to somebody, and the one with which the worker has ended.
        """
        self._calls, self._ends, self._unbegun = calls, [], ()
        self._taken_back, self.seconds, self.answered = 0, 0.0, 0
        self._is_claimed = len(calls) > 1
        self._last = self._feeder.engine.clock()
        try:
            if len(calls) == 1:
                self._wait_for_one()
            else:
                self._wait_for_many()
                if self._is_waiting:
                    self._take_back()
            while self._is_waiting:
                self._wait()
        except (EOFError, OSError):
            return self._with_the_dead()
        return self._ends, self._unbegun, None

    def _wait_for_one(self) -> None:
        """Of one call, wait for the answer alone: what is short has its outputs taken when it ends."""
        link = self._hired.link
        while link.has_begun or link.look_patiently():
            self._take_whole((link.receive(),))
            if self._ends:
                return

    def _wait_for_many(self) -> None:
        """Until all are answered, or one of them takes long."""
        is_rung = True
        while is_rung and self._is_waiting:
            is_rung = self._hired.wait_for_bell(SHORT)
            self._take_all()
            if is_rung and self._ends and self._is_waiting:
                self._hand_on((), 0.0, ())

    def _wait(self) -> None:
        """Until something comes; what is written to the outputs is of the call that is carried out."""
        written = self._hired.wait()
        self._take_all()
        if written and self._is_waiting:
            for name in OUTPUTS:
                self._take_output(name, self._current)

    def _take_all(self) -> None:
        """Take the messages that are there."""
        link = self._hired.link
        while self._is_waiting and (link.has_begun or link.look()):
            self._take_whole(link.whole())
            if link.has_begun:
                self._take_in(*link.receive())
        if self._is_waiting and self._hired.has_ended:
            raise EOFError

    def _take_in(self, kind: int, content: Any) -> None:
        if kind == VALUE:
            self._take_answer((self._calls[len(self._ends)], PLAIN, *content))
        elif kind == ANSWER:
            self._take_answer(content)
        elif kind == ENOUGH:
            self._has_stopped()
        else:
            self._take(kind, content)

    def _take_whole(self, messages: Sequence[tuple[int, Any]]) -> None:
        """As `_take_in`, of several: what nearly all of them are without the detours."""
        calls, ends, plain, name = self._calls, self._ends, self._feeder.plain, self._feeder.name
        seconds = 0.0
        for kind, content in messages:
            if kind == VALUE and (plain is None or type(content[0]) in plain):
                value, started, ended = content
                seconds += ended - started
                ends.append(((*calls[len(ends)], SUCCESS, started, ended, name, None), value, None))
                self.answered += 1
            else:
                self._take_in(kind, content)
        self.seconds += seconds

    def _take_answer(self, fields: Sequence[Any]) -> None:
        answer = Answer(*fields)
        self.seconds += answer.ended - answer.started
        self.answered += 1
        self._ends.append(answer)

    @property
    def _is_waiting(self) -> bool:
        # Where some were taken back the worker has to know, lest it claims of the next batch.
        return len(self._ends) < len(self._calls) - self._taken_back or self._knows_not

    def _take_back(self) -> None:
        """What takes long is shown, and those behind it are taken back, for others; the first never is, as it
        is only the worker that takes long to begin."""
        count = self._hired.take_back(len(self._calls) - (not self.answered))
        self._taken_back = count
        self._knows_not = count > 0
        began = _ended_at(self._ends[-1]) if self._ends else self._last
        left = len(self._calls) - count
        begun = self._calls[len(self._ends) : min(left, len(self._ends) + 1)]
        self._hand_on(begun, began, self._calls[left:])

    def _hand_on(self, begun: Sequence[Call], began: float, unbegun: Sequence[Call]) -> None:
        """What has ended is not kept until the others have."""
        ends, self._ends = self._ends, []
        self._calls = self._calls[len(ends) :]
        if ends:
            self._last = _ended_at(ends[-1])
        self._feeder.report(ends, begun, began, unbegun)

    def _has_stopped(self) -> None:
        """The worker begins nothing any more, which are those that were taken back, or more."""
        self._knows_not = False
        left = len(self._calls) - self._taken_back
        self._unbegun = self._calls[len(self._ends) : left]
        self._taken_back += len(self._unbegun)
        self._hired.take_back(len(self._unbegun))

    def _with_the_dead(self) -> Carried:
        """The worker has ended."""
        hired = self._hired
        with contextlib.suppress(EOFError, OSError):
            self._take_all()
        left = self._calls[len(self._ends) : len(self._calls) - self._taken_back]
        unclaimed = hired.take_back(len(left)) if self._is_claimed else 0
        begun = len(left) - unclaimed
        current = left[0] if left else self._calls[-1]
        for name in OUTPUTS:
            self._take_output(name, current)
        error = self._feeder.death(hired, current if begun else None)
        if begun:
            return self._ends, left[1:], (current, error)
        return self._ends, left, None

    @property
    def _current(self) -> Call:
        return self._calls[min(len(self._ends), len(self._calls) - 1)]

    # -- what it says -------------------------------------------------------------------------

    def _take(self, kind: int, content: Any) -> None:
        if kind == SECRETS:
            for value in content:
                MASK.add(value)
            return
        if kind == REPORTED:
            self._feeder.engine.report(content[0], Report(*content[1:]))
            return
        call = content if kind == WRITTEN else content[0]
        CURRENT.set((self._feeder.engine, call))
        if kind == PRINTED:
            _print(*content[1:])
        elif kind == LOGGED:
            record = logging.makeLogRecord(content[1])
            logging.getLogger(record.name).handle(record)
        elif kind == WARNED:
            _warn(*content[1:])
        elif kind == WRITTEN:
            for name in OUTPUTS:
                self._take_output(name, call)
            self._hired.link.send((GO_ON, None))

    def _take_output(self, name: str, call: Call) -> None:
        for piece in self._hired.written(name):
            CURRENT.set((self._feeder.engine, call))
            _print(name, piece.decode("utf-8", "surrogateescape"))


def _ended_at(end: Answer | Finished) -> float:
    return end.ended if isinstance(end, Answer) else end[0][5]


def _print(stream: str, text: str) -> None:
    """To where the program prints; who captures takes it from there."""
    with contextlib.suppress(Exception):
        target = sys.stdout if stream == "stdout" else sys.stderr
        target.write(text)


def _warn(kept: bytes, filename: str, lineno: int, line: str | None) -> None:
    with contextlib.suppress(Exception):
        message, category = pickle.loads(kept)
        warnings.showwarning(message, category, filename, lineno, None, line)
