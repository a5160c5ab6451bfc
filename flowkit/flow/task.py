"""A task: a function with a policy. Calling it inside a flow makes a copy, which is a node.

The vocabulary is that of Prefect classic, group 1; what is corrected is in the public docstrings.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, overload

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient, hooks, keeping
from flowkit.flow.keeping import Cache, Durability
from flowkit.flow.mapping import EdgeAnnotation, check_mappable
from flowkit.flow.operations import Operations
from flowkit.flow.pickling import Decorated
from flowkit.flow.signature import RunSignature, outputs_of

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow

Delay = float | timedelta | list[float | timedelta] | Callable[[int], float | timedelta]
Errors = type[BaseException] | tuple[type[BaseException], ...]


class Task(Operations):
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
        executor: the lane, such as `"threads"`; default: the one of the run.
        cache, persist, durability, depends_on: what is kept of its results; see `Keeping`.
        **options: more that few tasks need, by name: those of `Keeping` and of `Hooks`, such as
            `state_handlers`, `log_stdout`, `target`.

    Raises:
        DefinitionError: an option that cannot be, with the reason.
        CallError: a `run` whose arguments cannot be connected.
    """

    __slots__ = (
        "_signature",
        "auto_generated",
        "executor",
        "hooks",
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

    run: Callable[..., Any]
    # Kept in groups, which most tasks share; see `_Grouped`.
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

    def __init__(
        self,
        name: str | None = None,
        *,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        max_retries: int = 0,
        retry_delay: Delay | None = None,
        retry_on: Errors | Iterable[type[BaseException]] | None = None,
        timeout: float | timedelta | None = None,
        trigger: str | Callable[..., Any] = "all_successful",
        skip_on_upstream_skip: bool = True,
        nout: int | None = None,
        executor: str | None = None,
        cache: Cache = False,
        persist: bool = True,
        durability: Durability | None = None,
        depends_on: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        self.name = name if name is not None else type(self).__name__
        self.slug = slug
        self.tags = _tags(self.name, tags)
        self.max_retries = max_retries
        self.retry_delay = retry_delay
        self.retry_on = _errors(self.name, retry_on)
        self.timeout = _seconds(self.name, timeout)
        self.trigger = trigger
        self.skip_on_upstream_skip = skip_on_upstream_skip
        self.executor = executor
        self.keeping = keeping.DEFAULT
        self.hooks = hooks.DEFAULT
        if cache or not persist or durability or depends_on:
            self.keeping = self.keeping.but(
                self.name, cache=cache, persist=persist, durability=durability, depends_on=depends_on
            )
        if options:
            self._set_options(options)
        self.auto_generated = False
        self._signature = self._inspect()
        self.nout = nout if nout is not None else outputs_of(self.run)
        self._check_retries()

    def _inspect(self) -> RunSignature:
        """The signature of `run`, looked at once a class."""
        cls = type(self)
        if "run" in getattr(self, "__dict__", ()):
            return RunSignature(self.run, cls.__name__)
        found: RunSignature | None = cls.__dict__.get("_run_signature")
        if found is None:
            if not callable(getattr(self, "run", None)):
                raise CallError(f"the task class `{cls.__name__}` has no method `run`")
            found = RunSignature(self.run, cls.__name__)
            cls._run_signature = found  # type: ignore[attr-defined]
        return found

    def _check_retries(self) -> None:
        if not isinstance(self.max_retries, int) or self.max_retries < 0:
            raise DefinitionError(
                f"`max_retries` of the task `{self.name}` is a number of retries, 0 or more"
            )
        if self.max_retries and self.retry_delay is None:
            raise DefinitionError(
                f"the task `{self.name}` has `max_retries` but no `retry_delay`",
                hints=("add `retry_delay=timedelta(seconds=10)`, or 0 to try again at once",),
            )
        if self.retry_delay is not None and not self.max_retries:
            raise DefinitionError(f"the task `{self.name}` has a `retry_delay` but no `max_retries`")
        if self.retry_delay is not None and not (
            isinstance(self.retry_delay, int | float | timedelta | list | tuple) or callable(self.retry_delay)
        ):
            raise CallError(
                f"`retry_delay` of the task `{self.name}` is a number of seconds, a `timedelta`, a list of "
                f"those, or a function of the attempt, not `{type(self.retry_delay).__name__}`"
            )
        if self.retry_on is not None and not self.max_retries:
            raise DefinitionError(f"the task `{self.name}` has a `retry_on` but no `max_retries`")

    def _set_options(self, options: dict[str, Any]) -> None:
        kept = {name: options[name] for name in _KEEPING if name in options}
        if kept:
            self.keeping = self.keeping.but(self.name, **kept)
        hooked = {name: options[name] for name in _HOOKS if name in options}
        if hooked:
            self.hooks = self.hooks.but(self.name, **hooked)
        for option in options.keys() - _KEEPING - _HOOKS:
            near = difflib.get_close_matches(option, _OPTIONS, 1)
            raise CallError(
                f"a task has no option `{option}`",
                hints=(f"did you mean `{near[0]}`?",) if near else (f"it has {', '.join(sorted(_OPTIONS))}",),
            )

    # -- being called -------------------------------------------------------------------------

    def __call__(
        self,
        *args: Any,
        mapped: bool = False,
        task_args: dict[str, Any] | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Any:
        """Add a copy of this task to the flow that is being written, and return it.

        Args:
            *args, **kwargs: arguments of `run`: results of other tasks, collections of them, or values.
            mapped: run once for each element of the arguments; see `map`.
            task_args: attributes of the copy, such as `{"name": "load users"}`.
            upstream_tasks: what must finish first, without giving its result.
            flow: default: that of the surrounding `with Flow(...)`.

        Raises:
            CallError: outside a flow, or with arguments that `run` does not take.
        """
        target = ambient.flow_for(self.name, flow)
        bound = self._signature.bind(self.name, args, kwargs)
        new = self._copied()
        if task_args:
            new._override(task_args)
        return new._connect(target, bound, mapped, upstream_tasks)

    def map(
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        task_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Add a task that runs once for each element of its arguments, in step, to the shortest.

        Wrap an argument in `unmapped` to give it whole to each child, in `flatten` to map over the
        elements of its elements. The elements of a result are counted when it is there.

        Raises:
            CallError: an argument is known not to be a sequence.
        """
        for name, value in zip(self._signature.names, args, strict=False):
            if not isinstance(value, Task | EdgeAnnotation):
                check_mappable(self.name, name, value)
        new: Task = self(
            *args, mapped=True, upstream_tasks=upstream_tasks, flow=flow, task_args=task_args, **kwargs
        )
        new.nout = None
        return new

    def bind(
        self,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add this very task, not a copy, to the flow with these arguments, and return it."""
        target = ambient.flow_for(self.name, flow)
        return self._connect(target, self._signature.bind(self.name, args, kwargs), mapped, upstream_tasks)

    def _connect(
        self,
        flow: Flow,
        arguments: Iterable[tuple[str, Any]],
        mapped: bool,
        upstream_tasks: Iterable[Any] | None,
    ) -> Self:
        if isinstance(upstream_tasks, Task):
            raise CallError(
                f"`upstream_tasks` of the task `{self.name}` is a list of tasks, not one",
                hints=(f"write `upstream_tasks=[{upstream_tasks.name}]`",),
            )
        around = ambient.current()
        if around.tags:
            self.tags = self.tags | around.tags
        flow.add_task(self)
        flow.connect_all(self, arguments, mapped)
        for value in upstream_tasks or ():
            flow.connect(value, self, None, mapped)
        return self

    def copy(self, **task_args: Any) -> Self:
        """An independent task with the same policy; `task_args` override attributes of it.

        A slug gets `-copy`, so that both can be in one flow (Prefect classic, 1.24).

        Raises:
            DefinitionError: `task_args` names something that is not an attribute of a task.
        """
        new = self._copied()
        if new.slug is not None:
            new.slug = f"{new.slug}-copy"
        if task_args:
            new._override(task_args)
        return new

    def _copied(self) -> Self:
        new = object.__new__(type(self))
        new.name = self.name
        new.slug = self.slug
        new.tags = self.tags
        new.max_retries = self.max_retries
        new.retry_delay = self.retry_delay
        new.retry_on = self.retry_on
        new.timeout = self.timeout
        new.trigger = self.trigger
        new.skip_on_upstream_skip = self.skip_on_upstream_skip
        new.nout = self.nout
        new.executor = self.executor
        new.keeping = self.keeping
        new.hooks = self.hooks
        new.auto_generated = self.auto_generated
        new._signature = self._signature
        self._copy_own(new)
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
        grouped = {name: value for name, value in task_args.items() if name in _KEEPING | _HOOKS}
        if grouped:
            self._set_options(grouped)
        for name, value in task_args.items():
            if name in grouped:
                continue
            if not hasattr(self, name) or callable(getattr(type(self), name, None)):
                raise DefinitionError(f"`task_args` of `{self.name}` has `{name}`, which no task has")
            setattr(self, name, value)
        if "tags" in task_args:
            self.tags = own_tags | _tags(self.name, task_args["tags"])
        if "timeout" in task_args:
            self.timeout = _seconds(self.name, self.timeout)
        if "retry_on" in task_args:
            self.retry_on = _errors(self.name, self.retry_on)
        if not {"max_retries", "retry_delay", "retry_on"}.isdisjoint(task_args):
            self._check_retries()

    # -- dependencies without data ------------------------------------------------------------

    def set_upstream(
        self, task: Any, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Run after `task`; with `key`, take its result as that argument. Returns this task."""
        ambient.flow_for(self.name, flow).connect(task, self, key, mapped)
        return self

    def set_downstream(
        self, task: Task, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Run before `task`; with `key`, give it this result as that argument. Returns this task."""
        ambient.flow_for(self.name, flow).connect(self, task, key, mapped)
        return self

    def set_dependencies(
        self,
        flow: Flow | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Task] | None = None,
        keyword_tasks: dict[str, Any] | None = None,
        mapped: bool = False,
    ) -> Self:
        """Set upstream, downstream and argument tasks in one call. Returns this task."""
        ambient.flow_for(self.name, flow).set_dependencies(
            self, upstream_tasks, downstream_tasks, keyword_tasks, mapped
        )
        return self

    # -- identity -----------------------------------------------------------------------------

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
        raise self._misused("used as a condition", "use `with case(task, value):`, `switch` or `ifelse`")

    def __contains__(self, item: object) -> bool:
        raise self._misused("searched with `in`", "do it in a task")

    def __getattr__(self, name: str) -> Any:
        own = object.__getattribute__
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


class _Grouped:
    """An option that tasks share in a group, read and set as if it were the task's own."""

    def __init__(self, group: str, name: str) -> None:
        self._group, self._name = group, name

    def __get__(self, task: Task | None, owner: type) -> Any:
        return self if task is None else getattr(getattr(task, self._group), self._name)

    def __set__(self, task: Task, value: Any) -> None:
        task._set_options({self._name: value})


_KEEPING = frozenset(field.name for field in dataclasses.fields(keeping.Keeping))
_HOOKS = frozenset(field.name for field in dataclasses.fields(hooks.Hooks))
for _group, _names in (("keeping", _KEEPING), ("hooks", _HOOKS)):
    for _name in _names:
        setattr(Task, _name, _Grouped(_group, _name))
_OPTIONS = (frozenset(inspect.signature(Task.__init__).parameters) | _KEEPING | _HOOKS) - {
    "self",
    "name",
    "options",
}


class _FunctionDoc:
    """The docstring of a function task is its function's; that of the class stays with the class."""

    def __get__(self, instance: FunctionTask | None, owner: type) -> str | None:
        return "A task whose `run` is a function." if instance is None else instance.run.__doc__


class FunctionTask(Task):
    __slots__ = ("run",)
    __doc__ = _FunctionDoc()

    def __init__(self, run: Callable[..., Any], name: str | None = None, **options: Any) -> None:
        if not callable(run):
            raise CallError(f"`@task` takes a function, not `{type(run).__name__}`")
        self.run = run
        super().__init__(name=name or getattr(run, "__name__", type(run).__name__), **options)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.run

    def _inspect(self) -> RunSignature:
        return RunSignature(self.run, getattr(self.run, "__name__", type(self.run).__name__))

    def _copy_own(self, new: Self) -> None:
        new.run = self.run

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in Task.__slots__ if name != "_signature"}
        return state | {"run": Decorated.of(self.run)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        if isinstance(self.run, Decorated):
            self.run = self.run.task().run
        self._signature = self._inspect()


@overload
def task(function: Callable[..., Any], /) -> FunctionTask: ...


@overload
def task(function: None = None, /, **options: Any) -> Callable[[Callable[..., Any]], FunctionTask]: ...


def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a task of a function: `@task`, or `@task(max_retries=3, retry_delay=10)`.

    Options are those of `Task`.
    """
    if function is None:
        return functools.partial(FunctionTask, **options)
    return FunctionTask(function, **options)


def _tags(name: str, tags: Iterable[str] | None) -> frozenset[str]:
    if isinstance(tags, str):
        raise CallError(
            f"`tags` of the task `{name}` is a collection of names, not text",
            hints=(f'write `tags=["{tags}"]`',),
        )
    return frozenset(tags or ())


def _errors(name: str, errors: Errors | Iterable[type[BaseException]] | None) -> Errors | None:
    if errors is None:
        return None
    given = (errors,) if isinstance(errors, type) else tuple(errors)
    for error in given:
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise CallError(f"`retry_on` of the task `{name}` takes exception classes, not `{error!r}`")
    return given


def _seconds(name: str, timeout: float | timedelta | None) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | timedelta):
        raise CallError(f"`timeout` of the task `{name}` is a number of seconds or a `timedelta`")
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not seconds > 0:
        raise DefinitionError(f"`timeout` of the task `{name}` must be more than 0 seconds")
    return seconds
