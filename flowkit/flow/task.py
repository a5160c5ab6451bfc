"""A task: a function with a policy. Calling it inside a flow makes a copy, which is a node.

The vocabulary is that of Prefect classic, group 1; what is corrected is in the public docstrings.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient, demands, hooks, keeping, manners
from flowkit.flow.calls import Calls
from flowkit.flow.dependencies import Dependencies
from flowkit.flow.grouped import GROUPS, Grouped, Limits, Logger, Ours
from flowkit.flow.keeping import Cache, Durability
from flowkit.flow.operations import Operations
from flowkit.flow.options import (
    NOT_IN_CLASSIC,
    Delay,
    Errors,
    check_retries,
    errors_of,
    seconds_of,
    tags_of,
    warn_of_early,
    warn_of_task_given,
)
from flowkit.flow.pickling import Decorated
from flowkit.flow.signature import RunSignature, check_method, outputs_of
from flowkit.flow.warning import warn

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow


class NoSuchAttributeError(DefinitionError, AttributeError):
    """An attribute is set that no task has; classic, 1.22."""


class Task(Operations, Calls, Dependencies):
    """A unit of work; subclass it and define `run`, or decorate a function with `@task`.

    Args:
        name: what is shown; default: the name of the class or function.
        slug: a name that stays the same, unique in a flow; its key in every record.
        tags: for selecting; those of `with tags(...)` are added.
        max_retries: how many more attempts a failure gets; needs `retry_delay`.
        retry_delay: seconds or a `timedelta`, a list with one for each retry (the last one repeats),
            or a function of the number of the attempt that failed (1, 2, …).
        retry_on: exceptions that are worth another attempt; default: all.
        timeout: seconds or a `timedelta` for one attempt.
        trigger: when to run, given how the upstreams ended: a name or object of `flowkit.triggers`,
            or a function of `{Edge: State}`.
        skip_on_upstream_skip: be skipped where an upstream was; a failed upstream outranks a skipped one.
        nout: number of results, so that `a, b = t()` works; default: from a `tuple[...]` annotation.
        executor: the lane, such as `"threads"`; default: that of the run, of an `async def` `"coroutines"`.
        cache, persist, durability, depends_on: what is kept of its results; see `Keeping`.
        **options: more that few tasks need, by name: those of `Keeping`, `Hooks` and `Demands`, such as
            `target`, `state_handlers`, `log_stdout`, `limits`, `priority`, `cpus`, `memory`.

    Raises:
        DefinitionError: an option that cannot be, with the reason.
        CallError: a `run` whose arguments cannot be connected.
    """

    __slots__ = (
        "_signature",
        "demands",
        "hooks",
        "is_carrier",
        "keeping",
        "max_retries",
        "name",
        "nout",
        "retry_delay",
        "retry_on",
        "skip_on_upstream_skip",
        "slug",
        "tags",
        "timeout",
        "trigger",
    )

    # Kept in groups, which most tasks share; see `Grouped`.
    cache: Cache
    persist: bool
    durability: Durability | None
    depends_on: Iterable[Any]
    cache_for: timedelta | None
    cache_validator: Callable[..., Any] | None
    cache_key: str | None
    checkpoint: bool | None
    result: Any
    target: str | Callable[..., str] | None
    state_handlers: tuple[hooks.Handler, ...]
    log_stdout: bool
    task_run_name: str | Callable[..., str] | None
    executor: str | None
    limits: Mapping[str, int]
    priority: int
    cpus: float | None
    memory: int | str | None

    # Whether it runs whatever state a caller says that it has (Prefect classic, 4.6).
    is_renewed: ClassVar[bool] = False
    logger = Logger()
    # Options that the `__init__` of a subclass may set before that of `Task`.
    _set_early: frozenset[str] = frozenset()

    auto_generated = False  # classic: a constant or collection that was made for an argument

    if TYPE_CHECKING:
        run: Callable[..., Any]
    else:

        def run(self) -> None:
            """What the task does; a task that only stands for a point in a flow does nothing."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        run = cls.__dict__.get("run")
        if isinstance(run, FunctionType):
            check_method(run, cls.__name__)
        init = getattr(cls.__dict__.get("__init__"), "__code__", None)
        if init is not None:
            cls._set_early = cls._set_early | (_OPTIONS | {"name"}).intersection(init.co_names)

    def __new__(cls, *args: Any, **options: Any) -> Self:
        given = tuple([value for value in (*args, *options.values()) if isinstance(value, Task)])
        if given:
            warn_of_task_given(cls, given)
        return object.__new__(cls)

    def __init__(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        max_retries: int | None = None,
        retry_delay: Delay | None = None,
        retry_on: Errors | Iterable[type[BaseException]] | None = None,
        timeout: float | timedelta | None = None,
        trigger: str | Callable[..., Any] | None = None,
        skip_on_upstream_skip: bool = True,
        *,
        nout: int | None = None,
        executor: str | None = None,
        cache: Cache = False,
        persist: bool = True,
        durability: Durability | None = None,
        depends_on: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        if self._set_early:
            warn_of_early(self, self._set_early)
        self.name = name or type(self).__name__
        self.slug = slug
        self.tags = tags_of(self.name, tags)
        if manners.defaults:
            max_retries = max_retries if max_retries is not None else manners.defaults.get("max_retries", 0)
            retry_delay = retry_delay if retry_delay is not None else manners.defaults.get("retry_delay")
            timeout = timeout if timeout is not None else manners.defaults.get("timeout")
        self.max_retries = max_retries or 0
        self.retry_delay = retry_delay if self.max_retries or not manners.defaults else None
        self.retry_on = errors_of(self.name, retry_on)
        self.timeout = seconds_of(self.name, timeout)
        self.trigger = trigger or "all_successful"
        self.skip_on_upstream_skip = skip_on_upstream_skip
        self.demands = demands.DEFAULT
        if executor is not None:
            self.demands = self.demands.but(self.name, executor=executor)
        self.keeping = keeping.DEFAULT
        self.hooks = hooks.DEFAULT
        if cache or not persist or durability or depends_on:
            self.keeping = self.keeping.but(
                self.name, cache=cache, persist=persist, durability=durability, depends_on=depends_on
            )
        if options:
            self._set_options(options)
        self.is_carrier = False  # it only carries values about: not shown and not counted
        self._signature = self._inspect()
        self.nout = nout if nout is not None else outputs_of(self.run)
        check_retries(self)
        around = ambient.current()
        if around.tags:
            self.tags = self.tags | around.tags
        if around.made is not None:
            around.made[self] = None

    def _inspect(self) -> RunSignature:
        """The signature of `run`, looked at once a class."""
        cls = type(self)
        if "run" in getattr(self, "__dict__", ()):
            return RunSignature(self.run, cls.__name__)
        found: RunSignature | None = cls.__dict__.get("_run_signature")
        if found is None:
            if not callable(self.run):
                raise CallError(f"`run` of the task class `{cls.__name__}` is no method")
            found = RunSignature(self.run, cls.__name__)
            cls._run_signature = found  # type: ignore[attr-defined]
        return found

    @property
    def lane(self) -> str | None:
        """Where it runs; None: where the run says."""
        return self.demands.executor

    def _set_options(self, options: dict[str, Any]) -> None:
        for group, names in GROUPS.items():
            given = {name: options[name] for name in options.keys() & names}
            if given:
                setattr(self, group, getattr(self, group).but(self.name, **given))
        for option in options.keys() - _OPTIONS:
            near = difflib.get_close_matches(option, _OPTIONS, 1)
            raise CallError(
                f"a task has no option `{option}`",
                hints=(f"did you mean `{near[0]}`?",) if near else (f"it has {', '.join(sorted(_OPTIONS))}",),
            )

    # -- being copied -------------------------------------------------------------------------

    def copy(self, **task_args: Any) -> Self:
        """An independent task with the same policy; `task_args` override attributes of it.

        A slug gets `-copy`, so that both can be in one flow (Prefect classic, 1.24).

        Raises:
            NoSuchAttributeError: `task_args` names something that is not an attribute of a task.
        """
        around = ambient.current()
        if around.flow is not None and self in around.flow.wiring.inputs:
            self._warn_of_copy(around.flow)
        new = self._copied()
        if new.slug is not None:
            new.slug = f"{new.slug}-copy"
        if task_args:
            new._override(task_args)
        if around.made is not None:
            around.made[new] = None
        return new

    def _warn_of_copy(self, flow: Flow) -> None:
        if flow.edges_to(self) or flow.edges_from(self):
            warn(
                f"the task `{self.name}` has dependencies in the flow `{flow.name}`, "
                "which its copy does not get",
            )

    def _copied(self) -> Self:
        new = object.__new__(type(self))
        new.name = self.name
        new.slug = self.slug
        around = ambient.current()
        new.tags = self.tags | around.tags if around.tags else self.tags
        new.max_retries = self.max_retries
        new.retry_delay = self.retry_delay
        new.retry_on = self.retry_on
        new.timeout = self.timeout
        new.trigger = self.trigger
        new.skip_on_upstream_skip = self.skip_on_upstream_skip
        new.nout = self.nout
        new.demands = self.demands
        new.keeping = self.keeping
        new.hooks = self.hooks
        new.is_carrier = self.is_carrier
        new._signature = self._signature
        self._copy_own(new)
        if around.made:
            around.made.pop(self, None)
        return new

    def _copy_own(self, new: Self) -> None:
        """Copy what a subclass adds; one that is made often may override this with less."""
        if hasattr(self, "__dict__"):
            new.__dict__.update(self.__dict__)
        for cls in type(self).__mro__[: -len(Task.__mro__)]:
            for slot in cls.__dict__.get("__slots__", ()):
                if slot not in ("__dict__", "__weakref__") and hasattr(self, slot):
                    setattr(new, slot, getattr(self, slot))

    def _override(self, task_args: dict[str, Any]) -> None:
        own_tags = self.tags
        grouped = {name: task_args[name] for name in task_args.keys() & _GROUPED}
        if grouped:
            self._set_options(grouped)
        for name, value in task_args.items():
            if name in grouped:
                continue
            if not hasattr(self, name) or callable(getattr(type(self), name, None)):
                raise NoSuchAttributeError(f"`task_args` of `{self.name}` has `{name}`, which no task has")
            setattr(self, name, value)
        if "tags" in task_args:
            self.tags = own_tags | tags_of(self.name, task_args["tags"])
        if "timeout" in task_args:
            self.timeout = seconds_of(self.name, self.timeout)
        if "retry_on" in task_args:
            self.retry_on = errors_of(self.name, self.retry_on)
        if not {"max_retries", "retry_delay", "retry_on"}.isdisjoint(task_args):
            check_retries(self)

    # -- identity -----------------------------------------------------------------------------

    def serialize(self) -> dict[str, Any]:
        """The task as a document of JSON: its policy, and the types that it takes and gives; no code."""
        from flowkit.flow.serialized import task_document

        return task_document(self)

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"

    def __iter__(self) -> Iterator[Task]:
        if self.nout is None:
            raise self._misused(
                "looped over", "give the task `nout=`, or use `.map(...)` to run once an element"
            )
        return iter([self[index] for index in range(self.nout)])

    def __len__(self) -> int:
        if self.nout is None:
            raise self._misused("measured with `len()`", "compute the length in a task")
        return self.nout

    def __bool__(self) -> bool:
        if manners.classic:
            return True
        raise self._misused("used as a condition", "use `with case(task, value):`, `switch` or `ifelse`")

    def __contains__(self, item: object) -> bool:
        raise self._misused("searched with `in`", "do it in a task")

    def __getattr__(self, name: str) -> Any:
        own = object.__getattribute__
        if name == "__signature__":
            return own(self, "_signature").of_call()
        if name in Task.__slots__ or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        raise AttributeError(
            f"the task `{own(self, 'name')}` has no attribute `{name}`; "
            "if its result has, use it in a task: here it has no value yet"
        )

    def _misused(self, how: str, hint: str) -> CallError:
        return CallError(
            f"the task `{self.name}` has no value while the flow is built, so it cannot be {how}",
            hints=(hint,),
        )


Task.__new__.__signature__ = inspect.signature(Task.__init__)  # type: ignore[attr-defined]
for _group, _names in GROUPS.items():
    for _name in _names - {"on_failure", "limits"}:
        setattr(Task, _name, (Ours if _name in NOT_IN_CLASSIC else Grouped)(_group, _name))
Task.limits = Limits("demands", "limits")  # type: ignore[assignment]
_GROUPED: frozenset[str] = frozenset().union(*GROUPS.values())
_OPTIONS = (frozenset(inspect.signature(Task.__init__).parameters) | _GROUPED) - {"self", "name", "options"}


class _FunctionDoc:
    """The docstring of a function task is its function's; that of the class stays with the class."""

    def __get__(self, instance: FunctionTask | None, owner: type) -> str | None:
        return "A task whose `run` is a function." if instance is None else instance.run.__doc__


class FunctionTask(Task):
    __slots__ = ("run",)
    __doc__ = _FunctionDoc()

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **options: Any) -> None:
        if not callable(fn):
            raise CallError(f"`@task` takes a function, not `{type(fn).__name__}`")
        self.run = fn
        super().__init__(name or getattr(fn, "__name__", _unnamed(fn)), **options)

    def _inspect(self) -> RunSignature:
        return RunSignature(self.run, getattr(self.run, "__name__", type(self.run).__name__))

    def _copy_own(self, new: Self) -> None:
        new.run = self.run

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            return self.run
        if name in ("__name__", "__qualname__", "__annotations__"):
            return getattr(self.run, name)
        return super().__getattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in Task.__slots__ if name != "_signature"}
        return state | {"run": Decorated.of(self.run)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        if isinstance(self.run, Decorated):
            self.run = self.run.found().run
        self._signature = self._inspect()


def _unnamed(function: Callable[..., Any]) -> str:
    """What a task of a callable without a name is called: after its class; in classic, all the same."""
    return FunctionTask.__name__ if manners.classic else type(function).__name__


@overload
def task(fn: Callable[..., Any], **options: Any) -> FunctionTask: ...


@overload
def task(fn: None = None, **options: Any) -> Callable[[Callable[..., Any]], FunctionTask]: ...


def task(fn: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Make a task of a function: `@task`, or `@task(max_retries=3, retry_delay=10)`.

    Options are those of `Task`.
    """
    if fn is None:
        return functools.partial(FunctionTask, **options)
    return FunctionTask(fn, **options)
