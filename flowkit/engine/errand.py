"""A call that is carried out in another process: what is sent of it, and what comes back.

Everything that is sent is made of built-in types, so that who forwards it opens nothing of the user's. What
is the same for many calls is sent once: the run's `Header`, the `About` of a node, and each function.
The other side is away.py.

Guarantees: what cannot be sent is an error of the one task, which names the argument and its type.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine import secret
from flowkit.engine.failure import told_elsewhere
from flowkit.engine.rounds import FIRST
from flowkit.engine.sealed import OpeningError, Sealed, UnsealableError, sealed
from flowkit.flow import manners
from flowkit.flow.pickling import WHOLE, Decorated
from flowkit.flow.task import FunctionTask, Task
from flowkit.plan.events import Call, Detail, Failure
from flowkit.plan.plan import Needs

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.engine import Engine
    from flowkit.engine.worker import Finished

# What comes back of a call.
PLAIN, SEALED, RAISED = 0, 1, 2
# What goes as it is, where it is short.
_PLAIN = frozenset({bool, float, type(None)})
_SIZED = frozenset({str, bytes})
_NO_TAGS: frozenset[str] = frozenset()
_SHORT = 4096  # characters, bytes, or bits
Parts = tuple[Any, tuple[Any, ...], str]  # of a `Sealed`: data, buffers, kind


class UnsendableError(TypeError):
    """A function or an argument that cannot be sent to another process."""


class ElsewhereError(Exception):
    """Stands for an exception of another process that cannot be had here; the text is its own."""


@dataclass(frozen=True)
class Header:
    """What `flowkit.context` has that is the same in all calls of a run.

    Attributes:
        context, parameters, secrets: sealed mappings.
        classes: those of the script, sealed, by name: its module is called `__main__`, as is another one
            elsewhere.
        classic: whether a script of Prefect classic runs, as which it is taken elsewhere too.
    """

    flow: str
    run_id: str
    run_name: str
    started_at: Any
    scheduled: Any
    context: Parts
    parameters: Parts
    secrets: Parts
    classes: Mapping[str, Parts]
    classic: bool
    defaults: Mapping[str, Any]


class About(NamedTuple):
    """What is the same in all calls of a node.

    Attributes:
        function: its number; see `Errands.function`.
        needs: what must be known of its results, sealed; None: nothing.
        context: what a script has put into the context of this task, sealed, or None.
        logged: whether its prints are logged.
        memory: bytes that it may take, where that is to be measured.
    """

    function: int
    key: str
    name: str
    slug: str
    tags: frozenset[str]
    needs: Parts | None
    context: Parts | None
    logged: bool
    memory: int | None = None


class Errand(NamedTuple):
    """A call to be carried out.

    Attributes:
        arguments: a sealed dict; or a dict, where all that is in it is short and cannot be changed.
        more: what the context of this call alone has, sealed: keys of loops and pauses, what was put there;
            None: nothing.
        awaited: the arguments that come from errands which are sent together with it, and the places of
            those among them.
    """

    call: Call
    arguments: Parts | dict[str, Any]
    more: Parts | None = None
    awaited: Mapping[str, int] | None = None


class Answer(NamedTuple):
    """What came of a call.

    Attributes:
        kind: PLAIN: `payload` is the value; SEALED: its `Parts`; RAISED: the fields of the `Failure`, and
            the `Parts` of the exception, or None where it cannot be sent.
        started, ended: seconds of the monotonic clock there.
        facts: length, flat and matches of a `Detail`; None where nothing must be known.
        memory: bytes that it has taken; 0: it was not measured.
    """

    call: Call
    kind: int
    payload: Any
    started: float
    ended: float
    facts: tuple[int, int, tuple[int, ...]] | None = None
    memory: int = 0


class Errands:
    """Makes what is sent of the calls of one run, and takes what comes back. From any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers: dict[Any, int] = {}
        self._tasks: list[Task] = []
        self._numbering = threading.Lock()

    def header(self) -> Header:
        """See `Header`.

        Raises:
            UnsendableError: a parameter, or something in the context, cannot be sent.
        """
        engine, manner = self._engine, self._engine.manner
        return Header(
            flow=engine.plan.name,
            run_id=engine.run_id,
            run_name=engine.run_name,
            started_at=engine.started_at,
            scheduled=getattr(manner.before, "start_time", None),
            context=_parts("the context", dict(manner.context)),
            parameters=_parts("the parameters", dict(engine.parameters)),
            secrets=_parts("the secrets", dict(secret.SECRETS)),
            classes=dict(_classes_of_script()),
            classic=manners.classic,
            defaults=dict(manners.defaults),
        )

    def about(self, node: int) -> About:
        """See `About`.

        Raises:
            UnsendableError: something of it cannot be sent.
        """
        plan = self._engine.plan
        task = plan.tasks[node]
        needs: Needs | None = plan.needs.get(node)
        contexts = self._engine.manner.task_contexts
        context = contexts.get(task) if contexts else None
        key = plan.keys[node]
        return About(
            self._number(task),
            key,
            task.name,
            plan.slugs.get(task, key) if plan.slugs else key,
            frozenset(task.tags) if task.tags else _NO_TAGS,
            _parts("what is expected of its result", needs) if needs else None,
            None if context is None else _parts("its context", dict(context)),
            node in plan.logged,
            task.demands.memory,
        )

    def function(self, number: int) -> Parts:
        """The `run` of a task, sealed.

        Raises:
            UnsendableError: it cannot be sent.
        """
        task = self._tasks[number]
        whole = WHOLE.set(True)
        try:
            found = sealed(Decorated.of(task.run) if isinstance(task, FunctionTask) else task)
        except UnsealableError as error:
            raise UnsendableError(f"the function of `{task.name}` cannot be sent: {error}") from error
        finally:
            WHOLE.reset(whole)
        return found.message

    def errand(self, call: Call, arguments: dict[str, Any]) -> Errand:
        """See `Errand`.

        Raises:
            UnsendableError: an argument cannot be sent; it names it and its type.
        """
        if all(map(is_plain, arguments.values())):
            return Errand(call, arguments, self._more(call))
        try:
            found = sealed(arguments)
        except UnsealableError:
            raise UnsendableError(_first_refused(arguments)) from None
        return Errand(call, found.message, self._more(call))

    def errands(self, calls: Sequence[Call], arguments: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """As `errand`, for several calls; the fields of each."""
        if self._has_more:
            return [tuple(self.errand(call, given)) for call, given in zip(calls, arguments, strict=True)]
        return [
            (call, given, None) if all(map(is_plain, given.values())) else tuple(self.errand(call, given))
            for call, given in zip(calls, arguments, strict=True)
        ]

    def finish(self, attempt: Attempt, answer: Answer) -> Finished:
        """End an attempt by the answer to it."""
        times = (answer.started, answer.ended)
        if answer.kind == RAISED:
            return with_memory(attempt.raised(raised_by(answer), times), answer.memory)
        facts = Detail(*answer.facts) if answer.facts is not None else None
        return with_memory(attempt.returned(value_of(answer), facts, times), answer.memory)

    def _number(self, task: Task) -> int:
        """One for each function, and for each task of a class of the user's."""
        mark: Any = task.run if isinstance(task, FunctionTask) else id(task)
        try:
            if (known := self._numbers.get(mark)) is not None:
                return known
        except TypeError:  # a callable without a hash
            mark = id(task)
        with self._numbering:
            number = self._numbers.setdefault(mark, len(self._tasks))
            if number == len(self._tasks):
                self._tasks.append(task)
            return number

    @property
    def _has_more(self) -> bool:
        """Whether there is a call whose context alone has something."""
        engine = self._engine
        return bool(engine.rounds or engine.noted or engine.machine.held or engine.earlier.resumed)

    def _more(self, call: Call) -> Parts | None:
        if not self._has_more:
            return None
        engine = self._engine
        rounds, noted = engine.rounds, engine.noted
        stands = rounds.get(call[:2], FIRST)
        let_on = engine.machine.was_let_on(*call[:2])
        if stands is FIRST and not let_on and call not in noted:
            return None
        return _parts("its context", (tuple(stands), let_on, dict(noted.get(call, {}))))


def is_plain(value: Any) -> bool:
    """Whether a value goes as it is: it is short, and nobody can change it."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    return (kind is int and value.bit_length() <= _SHORT) or (kind in _SIZED and len(value) <= _SHORT)


def with_memory(finished: Finished, memory: int) -> Finished:
    """The same, with the bytes that the attempt has taken; 0: they are not known."""
    row, value, kept = finished
    if not memory or isinstance(row[7], str | int):
        return finished
    return (*row[:7], (row[7] or Detail())._replace(memory=memory)), value, kept


def value_of(answer: Answer) -> Any:
    """The value of an answer that is none of an error: as it is, or sealed."""
    return answer.payload if answer.kind == PLAIN else Sealed(*answer.payload)


def raised_by(answer: Answer) -> BaseException:
    """The exception of an answer; or what stands for it."""
    fields, parts = answer.payload
    failure = Failure(*fields)
    error: Any = None
    if parts is not None:
        try:
            error = Sealed(*parts).open()
        except OpeningError:
            error = None
    if not isinstance(error, BaseException):
        error = ElsewhereError(str(failure))
    return told_elsewhere(error, failure)


def _parts(what: str, value: Any) -> Parts:
    try:
        found = sealed(value)
    except UnsealableError as error:
        raise UnsendableError(f"{what} cannot be sent: {error}") from error
    return found.message


def _classes_of_script() -> Iterator[tuple[str, Parts]]:
    for name, found in list(vars(sys.modules["__main__"]).items()):
        if isinstance(found, type) and found.__module__ == "__main__":
            with contextlib.suppress(UnsendableError):  # whoever needs it will be told
                yield name, _parts(name, found)


def _first_refused(arguments: dict[str, Any]) -> str:
    for name, value in arguments.items():
        try:
            sealed(value)
        except UnsealableError as error:
            return f"its argument `{name}` cannot be sent: {error}"
    return "its arguments cannot be sent"
