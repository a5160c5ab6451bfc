"""`@flow`: a flow written as one typed function, whose body runs once with placeholders."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, overload

from flowkit.errors import DefinitionError
from flowkit.flow.ambient import Ambient, entered
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import NO_DEFAULT, Parameter
from flowkit.flow.queries import Tasks
from flowkit.flow.wiring import Wiring


class FunctionFlow(Flow):
    """A flow whose graph is made by running a function, when the graph is first needed.

    Args:
        function: its parameters are those of the flow, its docstring the description.
        build: names of parameters that are values, not placeholders, while the body runs: for graphs
            that are made from data. Such a flow has no graph until `build(...)` is called.

    Raises:
        DefinitionError: a parameter that cannot be one, an unknown name in `build`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        build: Iterable[str] = (),
        **options: Any,
    ) -> None:
        options.setdefault("description", inspect.getdoc(function) or "")
        self.function = function
        super().__init__(name or function.__name__, **options)
        self.build_parameters = tuple(build)
        known = inspect.signature(function).parameters
        for parameter in known.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise DefinitionError(
                    f"the flow `{self.name}` takes `{parameter}`; its parameters need names of their own"
                )
        for unknown in set(self.build_parameters) - set(known):
            raise DefinitionError(
                f"`build` of the flow `{self.name}` names `{unknown}`, which is no parameter"
            )

    @cached_property
    def _declared(self) -> dict[str, Parameter]:
        hints = _annotations(self.function, self.name)
        return {
            name: Parameter(
                name,
                NO_DEFAULT if parameter.default is parameter.empty else parameter.default,
                annotation=hints.get(name),
                help=_help(hints.get(name)),
            )
            for name, parameter in inspect.signature(self.function).parameters.items()
        }

    def _blank(self) -> Flow:
        new = Flow(self.name)
        own = ("wiring", "_entered", "_references", "_declared", "function", "build_parameters")
        new.__dict__.update({name: value for name, value in self.__dict__.items() if name not in own})
        return new

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = Flow.__hash__

    def parameters(self) -> Tasks[Parameter]:
        """The parameters of the function; the body need not run for this."""
        return Tasks(dict.fromkeys(self._declared.values()))

    @cached_property
    def wiring(self) -> Wiring:
        """The graph; the body runs now, once.

        Raises:
            DefinitionError: the graph needs values; see `build`.
        """
        if self.build_parameters:
            needed = ", ".join(f"`{name}`" for name in self.build_parameters)
            raise DefinitionError(f"the graph of the flow `{self.name}` is made from {needed}; give a value")
        return self._traced({}).wiring

    def build(self, **values: Any) -> Flow:
        """The flow with its graph, built from the values of its build parameters.

        Raises:
            DefinitionError: a value is missing or not a build parameter's; whatever the body raises.
        """
        if not self.build_parameters:
            return super().build(**values)
        chosen = {}
        for name in self.build_parameters:
            declared = self._declared[name]
            if declared.required and name not in values:
                raise DefinitionError(f"the graph of the flow `{self.name}` needs a value for `{name}`")
            chosen[name] = values.pop(name, declared.default)
        if values:
            raise DefinitionError(f"the flow `{self.name}` has no build parameter `{next(iter(values))}`")
        return self._traced(chosen)

    def _traced(self, values: dict[str, Any]) -> Flow:
        flow = self._blank()
        placeholders = {name: given for name, given in self._declared.items() if name not in values}
        for parameter in placeholders.values():
            flow.add_task(parameter)
        with entered(Ambient(flow)):
            self.function(**placeholders, **values)
        flow._references = self._references
        return flow


def _annotations(function: Callable[..., Any], flow_name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"an annotation of the flow `{flow_name}` names `{error.name}`, which its module does not have",
            hints=("import it at run time, not only under `if TYPE_CHECKING:`",),
        ) from None


def _help(annotation: Any) -> str:
    """The text in `Annotated[int, "how many"]`; also of metadata with a `help` or `description`."""
    for note in getattr(annotation, "__metadata__", ()):
        text = (
            note
            if isinstance(note, str)
            else getattr(note, "help", None) or getattr(note, "description", None)
        )
        if isinstance(text, str):
            return text
    return ""


@overload
def flow(function: Callable[..., Any], /) -> FunctionFlow: ...


@overload
def flow(function: None = None, /, **options: Any) -> Callable[[Callable[..., Any]], FunctionFlow]: ...


def flow(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a flow of a function: `@flow`, or `@flow(name="etl", build=["trace"])`.

    Options are those of `Flow`, and `build`.
    """
    if function is None:
        return lambda decorated: FunctionFlow(decorated, **options)
    return FunctionFlow(function, **options)
