"""Where a task runs that was sent to another process: it finds there what it would find here.

`Office` carries errands out (see errand.py). `Away` stands for the engine: `flowkit.context`, prints, logs,
the tasks that start programs and the runs that tasks start know no other.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flowkit.engine import secret
from flowkit.engine.capture import Capture, Line
from flowkit.engine.child_runs import ChildRuns
from flowkit.engine.context import CURRENT
from flowkit.engine.errand import PLAIN, RAISED, SEALED, About, Answer, Errand, Header, Parts, is_plain
from flowkit.engine.failure import describe
from flowkit.engine.interrupts import Interrupts
from flowkit.engine.judging import MOST_FULL, called
from flowkit.engine.mask import MASK
from flowkit.engine.rounds import Round
from flowkit.engine.sealed import OpeningError, Sealed, UnsealableError, sealed
from flowkit.engine.stop_notices import StopNotices
from flowkit.flow import manners
from flowkit.flow.pickling import Decorated
from flowkit.flow.task import Task
from flowkit.plan.events import Call, Report
from flowkit.plan.facts import detail_of
from flowkit.plan.failure import fields_of
from flowkit.plan.plan import Needs


class UnsendableResultError(TypeError):
    """A result that cannot be sent back."""


class CutShortError(BaseException):
    """Raised in the user's code by who wants the end of an attempt."""


class Away:
    """Stands for the engine. Its attributes are those of `Engine` that tasks come to see."""

    parent = None
    number = None
    asked_to_stop = False

    def __init__(self, header: Header) -> None:
        self.run_id = header.run_id
        self.run_name = header.run_name
        self.started_at: datetime = header.started_at
        self.parameters: Mapping[str, Any] = Sealed(*header.parameters).open()
        self.plan = _Plan(header.flow)
        self.machine = self
        self.manner = SimpleNamespace(
            context=Sealed(*header.context).open(),
            task_contexts={},
            before=SimpleNamespace(start_time=header.scheduled),
        )
        self.noted: dict[Call, Mapping[str, Any]] = {}
        self.rounds: dict[tuple[int, int], Round] = {}
        self.stop_notices = StopNotices()
        self.interrupts = Interrupts(lambda: None, lambda: None)
        self.lanes = [SimpleNamespace(driven=False)]
        self.children = ChildRuns(self)  # type: ignore[arg-type]
        self.clock = time.monotonic
        # Takes how far a call says that it is; nobody, where it would come with the answer alone.
        self.report: Callable[[Call, Report], None] = lambda call, report: None
        self._let_on: set[tuple[int, int]] = set()

    def was_let_on(self, node: int, index: int) -> bool:
        """As that of the machine."""
        return (node, index) in self._let_on

    def time_left(self, call: Call) -> None:
        """Nothing: who sent the call sees to its time."""

    def ring(self) -> None:
        """Nobody waits for a bell."""

    def enter(self, call: Call, more: Parts | None) -> None:
        """From now on the thread carries out this call."""
        if more is not None:
            stands, let_on, noted = Sealed(*more).open()
            self.rounds[call[:2]] = Round(*stands)
            self.noted[call] = noted
            if let_on:
                self._let_on.add(call[:2])
        CURRENT.set((self, call))  # type: ignore[arg-type]

    def leave(self, call: Call) -> None:
        """The call has ended, once the runs have that it has started."""
        for run in self.children.going_on():
            run.ended.wait()
        self.noted.pop(call, None)
        self.rounds.pop(call[:2], None)
        self._let_on.discard(call[:2])


class _Plan:
    """What is known of the nodes that were heard of."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tasks: dict[int, Any] = {}
        self.keys: dict[int, str] = {}
        self.slugs: dict[Any, str] = {}
        self.logged: set[int] = set()
        self.timeouts: Mapping[int, float] = {}
        self.lane_of = _Zeros()

    def key(self, node: int, index: int = -1) -> str:
        """As that of a plan."""
        return self.keys[node] if index < 0 else f"{self.keys[node]}[{index}]"


class _Zeros(dict[int, int]):
    def __missing__(self, key: int) -> int:
        return 0


class _Seen:
    """What a task is, as its context shows it."""

    def __init__(self, about: About) -> None:
        self.name = about.name
        self.tags = about.tags


class Office:
    """Carries out the errands of one run, one at a time.

    Args:
        header: of the run.
        sink: is given each line that tasks print or log; None: prints go where they go. What is written to
            file descriptors goes there in either case.
    """

    def __init__(self, header: Header, sink: Callable[[Line], None] | None) -> None:
        if header.classic and not manners.classic:
            _be_classic(header)
        for name, value in Sealed(*header.secrets).open().items():
            secret.SECRETS[name] = value
        for name, parts in header.classes.items():
            with contextlib.suppress(OpeningError):  # a call that needs it will say so
                vars(sys.modules["__main__"])[name] = Sealed(*parts).open()
        self.away = Away(header)
        self._abouts: dict[int, About] = {}
        self._needs: dict[int, Needs] = {}
        self._functions: dict[int, Callable[..., Any] | OpeningError] = {}
        self.capture = Capture(self.away, sink, below=False) if sink is not None else None  # type: ignore[arg-type]
        if self.capture is not None:
            self.capture.start()
        self._told = 0  # of the secrets that are known here
        self._failures: dict[int, int] = {}

    def learn_function(self, number: int, parts: Parts) -> None:
        """What a number means; where it cannot be had, calls of it will say so."""
        try:
            found = Sealed(*parts).open()
            if isinstance(found, Decorated):
                found = found.found()
            run = found.run if isinstance(found, Task) else found
        except (OpeningError, AttributeError, ImportError) as error:
            self._functions[number] = OpeningError(f"its function cannot be had here: {error}")
            return
        self._functions[number] = run

    def learn_node(self, node: int, about: About) -> None:
        """What is the same in all calls of a node."""
        self._abouts[node] = about
        plan = self.away.plan
        seen = plan.tasks[node] = _Seen(about)
        plan.keys[node], plan.slugs[seen] = about.key, about.slug
        if about.logged:
            plan.logged.add(node)
        if about.needs is not None:
            self._needs[node] = Sealed(*about.needs).open()
        if about.context is not None:
            self.away.manner.task_contexts[seen] = Sealed(*about.context).open()

    def new_secrets(self) -> list[Any]:
        """What must not be shown, where there is more of it than this gave before."""
        if MASK.known == self._told:
            return []
        self._told = MASK.known
        return MASK.values()

    def carry_out(self, errand: Errand) -> Answer:
        """Call the user's function; whatever comes of that is the answer.

        Raises:
            CutShortError: it was, and let that through.
        """
        call = errand.call
        started = time.monotonic()
        run: Callable[..., Any] | OpeningError | None = None
        try:
            try:
                run = self._functions[self._abouts[call[0]].function]
                if isinstance(run, OpeningError):
                    raise run
                self.away.enter(call, errand.more)
                given = errand.arguments
                arguments = given if isinstance(given, dict) else Sealed(*given).open()
                value = called(run, arguments)
                del given, arguments  # so that what they hold can go before the result is packed
                return self._answer(call, value, started)
            finally:
                self.away.leave(call)
        except CutShortError:
            raise
        except BaseException as error:
            told = self._failures[call[0]] = self._failures.get(call[0], 0) + 1
            known = None if isinstance(run, OpeningError) else run
            return raised(call, error, started, full=told <= MOST_FULL, run=known)
        finally:
            if self.capture is not None and self.capture.begun:
                self.capture.end(call)

    def _answer(self, call: Call, value: Any, started: float) -> Answer:
        needs = self._needs.get(call[0])
        facts = detail_of(needs, value, child=call[1] >= 0)[:3] if needs is not None else None
        ended = time.monotonic()
        if is_plain(value) and type(value) is not bytes:
            return Answer(call, PLAIN, value, started, ended, facts)
        try:
            packed = sealed(value, away=True)
        except UnsealableError as error:
            raise UnsendableResultError(f"its result cannot be sent back: {error}") from error
        return Answer(call, SEALED, packed.message, started, ended, facts)


def raised(
    call: Call,
    error: BaseException,
    started: float,
    *,
    full: bool = True,
    run: Callable[..., Any] | None = None,
) -> Answer:
    """The answer that an exception is."""
    failure = describe(error, full=full, run=run)
    _let_go_of_frames(error)
    parts = _packed(error) or _packed(_Unmade(error))
    return Answer(call, RAISED, (fields_of(failure), parts), started, time.monotonic())


def _packed(error: object) -> Parts | None:
    """An exception, sealed; None: it cannot be, or cannot be made again, which would be noticed too late."""
    try:
        packed = sealed(error, away=True)
        packed.open()
    except BaseException:
        return None
    return packed.data, tuple(bytes(memoryview(buffer)) for buffer in packed.buffers), packed.kind


class _Unmade:
    """An exception whose class does not take its own `args`: it is made again without being asked."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> Any:
        error = self._error
        return made_again, (type(error), error.args, object.__getattribute__(error, "__dict__"))


def made_again(cls: type[BaseException], args: tuple[Any, ...], state: Mapping[str, Any]) -> BaseException:
    """An exception as it was."""
    error = cls.__new__(cls, *args)
    error.args = args
    object.__getattribute__(error, "__dict__").update(state)
    return error


def _let_go_of_frames(error: BaseException) -> None:
    """Its text has the traceback; where `tblib` is installed, as dask does, pickle would take all frames."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            left += [each.__cause__, each.__context__]


def _be_classic(header: Header) -> None:
    """A script of Prefect classic finds here what it finds where it runs."""
    from flowkit import homes

    manners.classic = True
    manners.defaults.update(header.defaults)
    homes.stand_in(lambda: None, first=True)
