"""Which arguments a task's `run` takes, checked once a function and bound once a call.

The rules are those of Prefect classic, 1.4: no `*args`, no positional-only parameters, and none
that is named like an argument of the call itself.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from flowkit.errors import CallError

RESERVED = ("upstream_tasks", "mapped", "task_args", "flow")
_OF_CALL = (
    ("mapped", False, bool),
    ("task_args", None, dict),
    ("upstream_tasks", None, "Iterable[Any]"),
    ("flow", None, "Flow"),
)


class RunSignature:
    """The parameters of a `run`, in a form that binds quickly.

    Attributes:
        names: parameters that may be given by position, in order.
        required: how many of them have no default.
        plain: no keyword-only parameters that must be given, so a positional call needs no more checks.
        is_async: a call gives a coroutine, as of an `async def`.
    """

    __slots__ = ("is_async", "names", "plain", "required", "signature")

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.signature = _inspected(function, name)
        self.names: tuple[str, ...] = ()
        self.required = 0
        self.plain = True
        self.is_async = _is_async(function)
        for parameter in self.signature.parameters.values():
            _check(parameter, name)
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                self.names += (parameter.name,)
                self.required += parameter.default is parameter.empty
            elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                self.plain = False

    def bind(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Pair arguments with parameter names, in the order of the signature.

        Raises:
            CallError: missing, unknown or doubled arguments, with the place of the call.
        """
        if not kwargs and self.plain and self.required <= len(args) <= len(self.names):
            return list(zip(self.names, args, strict=False))
        try:
            bound = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise CallError(
                f"the task `{name}` was called with wrong arguments: {error}",
                hints=(f"it is defined as `{name}{self.signature}`",),
            ) from None
        return list(self._spread(bound))

    def check(self, name: str, key: str) -> None:
        """Refuse an argument that `run` does not take.

        Raises:
            CallError: with what it takes.
        """
        try:
            self.signature.bind_partial(**{key: None})
        except TypeError:
            raise CallError(
                f"the task `{name}` takes no argument `{key}`",
                hints=(f"it is defined as `{name}{self.signature}`",),
            ) from None

    def of_call(self) -> inspect.Signature:
        """What a call of the task takes: the arguments of `run`, and those of the call itself (1.29)."""
        own = list(self.signature.parameters.values())
        extra = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, default, annotation in _OF_CALL
        ]
        at = len(own) - any(each.kind is each.VAR_KEYWORD for each in own)
        return inspect.Signature([*own[:at], *extra, *own[at:]], return_annotation="Task")

    def _spread(self, bound: Mapping[str, Any]) -> typing.Iterator[tuple[str, Any]]:
        for name, value in bound.items():
            if self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                yield from value.items()
            else:
                yield name, value


def check_method(run: Callable[..., Any], name: str) -> None:
    """Refuse the `run` of a task class, as a plain function, where its class is defined.

    Raises:
        CallError: it has parameters that cannot be connected.
    """
    for parameter in list(_inspected(run, name).parameters.values())[1:]:
        _check(parameter, name)


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether it is a coroutine function, a partial or method of one, or an object that is called as one."""
    called = inspect.getattr_static(type(function), "__call__", None)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _inspected(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        raise CallError(
            f"the arguments of `{name}` cannot be inspected",
            hints=("wrap it in a function of your own: `@task` `def f(x): return builtin(x)`",),
        ) from None


def _check(parameter: inspect.Parameter, name: str) -> None:
    if parameter.kind is parameter.VAR_POSITIONAL:
        raise CallError(
            f"the task `{name}` takes `*{parameter.name}`, which has no names to connect results to",
            hints=("take a list instead",),
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise CallError(f"the task `{name}` has the positional-only parameter `{parameter.name}`")
    if parameter.name in RESERVED:
        raise CallError(f"the task `{name}` has a parameter named `{parameter.name}`, which is reserved")


def outputs_of(function: Callable[..., Any]) -> int | None:
    """How many outputs a return annotation such as `tuple[int, str]` promises, or None.

    Source of the rule: Prefect classic, 1.18 (`Tuple[()]` is 0; bare and variadic tuples are None).
    """
    annotation = getattr(function, "__annotations__", {}).get("return")
    if isinstance(annotation, str) and "uple" in annotation:
        try:
            annotation = typing.get_type_hints(function).get("return")
        except Exception:  # an annotation that names what does not exist promises nothing
            return None
    if typing.get_origin(annotation) is not tuple or annotation is typing.Tuple:  # noqa: UP006
        return None
    parts = typing.get_args(annotation)
    return None if Ellipsis in parts else len(parts)
