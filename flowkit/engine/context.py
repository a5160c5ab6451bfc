"""What a task can ask about its own run: `flowkit.context.task_run_count`, `.map_index`, `.logger`; and what
a script has put there for its tasks.

Source of the keys: Prefect classic, group 18. Each is looked up when it is asked for, so that a task which
does not ask pays one assignment, and one that asks for its name pays for no date.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flowkit.engine.rounds import FIRST
from flowkit.engine.secret import cover_given, known_secrets
from flowkit.flow import ambient, manners
from flowkit.flow.pickling import WHOLE
from flowkit.plan.events import Report

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.plan.events import Call

# The engine and the call that this thread is carrying out.
CURRENT: ContextVar[tuple[Engine, tuple[int, int, int]] | None] = ContextVar("flowkit_call", default=None)

# What was put into the context outside of a task; never changed in place, so that a run has what was there
# when it began.
_GIVEN: ContextVar[Mapping[str, Any]] = ContextVar("flowkit_given", default={})  # noqa: B039


def logger_of(name: str) -> logging.Logger:
    """The logger of a task or of flowkit itself."""
    return logging.getLogger(f"flowkit.{name}" if name else "flowkit")


def _noted() -> Mapping[str, Any]:
    """What was put into the context here."""
    current = CURRENT.get()
    return _GIVEN.get() if current is None else current[0].noted.get(current[1], {})


def _note(keys: Mapping[str, Any]) -> None:
    """Have these in the context here, in place of what was put there; in a task, for this attempt, as its
    thread may carry out another one next."""
    cover_given(keys)
    current = CURRENT.get()
    if current is None:
        _GIVEN.set(keys)
    else:
        current[0].noted[current[1]] = keys


def given() -> Mapping[str, Any]:
    """What was put into the context here: what a run that begins now gives its tasks."""
    current = CURRENT.get()
    known_secrets()  # covered before the run shows anything
    return {**(current[0].manner.context if current is not None else {}), **_noted()}


class Context(MutableMapping[str, Any]):
    """The keys that are known where it is asked, those that a script has put there among them.

    Outside of a task there are `logger`, `config` and `secrets`, inside `with Flow(...)` the `flow`, and what
    was put there: by assignment, for the rest of the thread, or of the attempt in a task, or by
    `with context(key=value):`, for the block.
    """

    __slots__ = ()

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError:
            where = "outside of a task" if CURRENT.get() is None else "in this task"
            raise AttributeError(f"`flowkit.context.{key}` is not known {where}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        try:
            del self[key]
        except KeyError:
            raise AttributeError(key) from None

    @contextmanager
    def __call__(self, *mappings: Mapping[str, Any], **keys: Any) -> Iterator[Context]:
        """Add keys inside the block."""
        added = {name: value for mapping in mappings for name, value in mapping.items()} | keys
        before = _noted()
        _note({**before, **added})
        try:
            yield self
        finally:
            _note(before)

    def progress(self, done: float, total: float | None = None) -> None:
        """Say how far the task is, for the display; outside of a task nothing.

        Args:
            done: how much is done, in whatever is counted.
            total: of how much; default: that is not known.

        Raises:
            TypeError: one is no number.
        """
        report, current = Report.of(done, total), CURRENT.get()
        if current is not None:
            current[0].report(current[1], report)

    def __getitem__(self, key: str) -> Any:
        return _as_asked(_found(key))

    def __setitem__(self, key: str, value: Any) -> None:
        _note({**_noted(), key: value})

    def __delitem__(self, key: str) -> None:
        mine = dict(_noted())
        del mine[key]
        _note(mine)

    def __iter__(self) -> Iterator[str]:
        return iter(_keys())

    def __len__(self) -> int:
        return len(_keys())

    def __contains__(self, key: object) -> bool:
        return key in _keys()

    def __repr__(self) -> str:
        return f"<Context {sorted(_keys())}>"

    def __reduce__(self) -> Any:
        if WHOLE.get():  # a function that is sent elsewhere uses what is there
            return "context"
        raise TypeError(
            "`flowkit.context` cannot be pickled, as it is another one where a task runs; "
            "take what you need out of it"
        )

    def copy(self) -> dict[str, Any]:
        """All keys, as an ordinary dictionary."""
        return {key: _found(key) for key in _keys()}

    to_dict = copy


def _found(key: str) -> Any:
    """What a key means here.

    Raises:
        KeyError: it is not known.
    """
    current = CURRENT.get()
    if current is not None:
        return _in_task(*current, key)
    mine = _GIVEN.get()
    return mine[key] if key in mine else _outside()[key]()


def _outside() -> Mapping[str, Callable[[], Any]]:
    """What is known where no task runs; within `with Flow(...)` the flow too."""
    written = ambient.current().flow
    return _OUTSIDE if written is None else {**_OUTSIDE, "flow": lambda: written}


def _in_task(engine: Engine, call: Call, key: str) -> Any:
    """What a key means in a call; what a run knows of itself goes before what was put there."""
    of_call = _OF_CALL.get(key)
    if of_call is not None:
        return of_call(engine, call)
    again = engine.rounds.get(call[:2], FIRST).keys
    if key in again:
        return again[key]
    if key == "resume" and engine.machine.was_let_on(*call[:2]):
        return True
    asked = _asked(engine, call)
    if key in asked and key != "date":
        return asked[key]
    if key in _DATES:
        return _dates(engine.started_at, asked.get("date"))[key]
    return _OF_RUN[key](engine)


def _keys() -> Mapping[str, Any]:
    """All that is known here."""
    current = CURRENT.get()
    if current is None:
        return {**_outside(), **_GIVEN.get()}
    engine, call = current
    let_on = ("resume",) if engine.machine.was_let_on(*call[:2]) else ()
    again = engine.rounds.get(call[:2], FIRST).keys
    return dict.fromkeys([*_OF_RUN, *_DATES, *_asked(engine, call), *_OF_CALL, *again, *let_on])


def _asked(engine: Engine, call: Call) -> dict[str, Any]:
    """What was put into the context of a call: by who runs the flow, by the task."""
    manner = engine.manner
    of_task = manner.task_contexts.get(engine.plan.tasks[call[0]], {}) if manner.task_contexts else {}
    return {**manner.context, **of_task, **engine.noted.get(call, {})}


def _slug(engine: Engine, call: Call) -> str:
    plan = engine.plan
    return plan.slugs.get(plan.tasks[call[0]], plan.keys[call[0]])


def _round(engine: Engine, call: Call) -> int:
    return call[2] - engine.rounds.get(call[:2], FIRST).before


def names_with(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a template of a task may name: the context, the parameters, its arguments; the latter win."""
    names = context.copy()
    return {**names, **names["parameters"], **arguments}


def name_run(template: str | Callable[..., str], arguments: Mapping[str, Any]) -> None:
    """Have a name of the run of a task in its context (Prefect classic, 1.17).

    Raises:
        KeyError: the template has a name that is not known.
    """
    names = names_with(arguments)
    context["task_run_name"] = template(**names) if callable(template) else template.format(**names)


def _as_asked(value: Any) -> Any:
    """A moment of classic's is one of pendulum's, where that is installed: scripts go on from it."""
    if not manners.classic or type(value) is not datetime:
        return value
    try:
        import pendulum  # 50 ms that only who asks for a moment needs
    except ImportError:
        return value
    moment = pendulum.instance(value)
    return moment.in_timezone("UTC") if value.tzinfo is UTC else moment


def _config() -> Any:
    """The settings, by the package's front door, as the engine knows nothing of files."""
    return importlib.import_module("flowkit").config


_OUTSIDE: dict[str, Callable[[], Any]] = {
    "logger": lambda: logger_of(""),
    "secrets": known_secrets,
    "config": _config,
}
_OF_RUN: dict[str, Callable[[Engine], Any]] = {
    "scheduled_start_time": lambda run: getattr(run.manner.before, "start_time", None) or run.started_at,
    "secrets": lambda _: known_secrets(),
    "caches": lambda _: {},
    "config": lambda _: _config(),
    "checkpointing": lambda _: True,
}
_OF_CALL: dict[str, Callable[[Engine, Call], Any]] = {
    "flow_name": lambda run, call: run.plan.name,
    "flow_id": lambda run, call: run.plan.name,
    "flow_run_id": lambda run, call: run.run_id,
    "flow_run_name": lambda run, call: run.run_name,
    "parameters": lambda run, call: dict(run.parameters),
    "task_id": _slug,
    "task_name": lambda run, call: run.plan.tasks[call[0]].name,
    "task_full_name": lambda run, call: run.plan.key(*call[:2]),
    "task_slug": _slug,
    "task_tags": lambda run, call: set(run.plan.tasks[call[0]].tags),
    "task_run_id": lambda run, call: f"{run.run_id}/{run.plan.key(*call[:2])}",
    "task_run_count": _round,
    "map_index": lambda run, call: call[1] if call[1] >= 0 else None,
    "logger": lambda run, call: logger_of(run.plan.tasks[call[0]].name),
}
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DATES = ("date", *(f"{day}{form}" for day in _DAYS for form in ("", "_nodash")))


def _dates(at: datetime, asked: Any) -> dict[str, Any]:
    """`date`, and the days around it as `YYYY-MM-DD` and without dashes.

    Args:
        asked: what the script says that the date is: a `datetime`, or text in ISO 8601.
    """
    day_at = at.astimezone(UTC) if asked is None else _as_date(asked)
    found: dict[str, Any] = {"date": asked if day_at is None else day_at}
    for name, offset in _DAYS.items():
        day = ((day_at or at) + timedelta(days=offset)).strftime("%Y-%m-%d")
        found[name] = day
        found[f"{name}_nodash"] = day.replace("-", "")
    return found


def _as_date(asked: Any) -> datetime | None:
    """A date that a script has given; None where it is none, which is said once."""
    if isinstance(asked, datetime):
        return asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    try:
        found = datetime.fromisoformat(str(asked))
    except ValueError:
        _warn_of_date(str(asked))
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@cache
def _warn_of_date(asked: str) -> None:
    logger_of("").warning("`date` in the context is no date: `%s`; today is taken.", asked)


context = Context()
