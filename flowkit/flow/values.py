"""The values that a run is given for its parameters: known, present, and of their types.

Every problem is reported at once, before anything runs. Types come from annotations; text, from a
command line or the environment, is also typed by the default. pydantic is imported here only, and
only where there is something to check.

Guarantees: no message shows a value of a secret parameter, and none is taken from what was typed.
"""

from __future__ import annotations

import difflib
import json
import shlex
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import PREFIX, from_environment, variable_of

_UNTYPED = (None, Any)
_MOST_UNKNOWN = 10  # names that are listed one by one


def checked(
    flow: Flow,
    given: Mapping[str, Any],
    texts: Mapping[str, Sequence[str]] | None = None,
    *,
    needed: Collection[str] | None = None,
    problems: Sequence[str] = (),
    ask: Callable[[Parameter], str | None] | None = None,
    called: str | None = None,
) -> dict[str, Any]:
    """The value of each parameter of a flow.

    That of a secret comes from `given`, else from the environment, else it is the default or asked for.

    Args:
        given: values, from Python or a file; checked against annotations.
        texts: what was typed for a parameter, once or more often; parsed by annotation or default.
            Where they are given, even if none, defaults are checked against annotations too.
        problems: what else is wrong, to be reported with the rest.
        needed: the parameters that must have a value; default: all that are required.
        ask: asks a person for the text of a secret that is missing, once nothing else is wrong; None
            where there is no answer.
        called: what `flowkit run` knows the flow by; default: its name.

    Raises:
        UsageError: every unknown, missing and ill-typed parameter.
    """
    parameters = {parameter.name: parameter for parameter in flow.parameters()}
    problems = [*problems, *_unknowns([*given, *(texts or {})], parameters)]
    values: dict[str, Any] = {}
    unasked: list[Parameter] = []
    for name, parameter in parameters.items():
        typed = (texts or {}).get(name)
        if parameter.secret and typed is not None:
            variable = variable_of(name)
            problems.append(f"`{name}` is secret, and cannot be given on the command line; set `{variable}`")
            continue
        if parameter.secret and name not in given and (text := from_environment(name)) is not None:
            typed = [text]
        try:
            if typed is not None:
                values[name] = _typed(parameter, typed)
            elif name in given:
                values[name] = _validated(parameter, parameter.read(given[name]))
            elif not parameter.required or (needed is not None and name not in needed):
                # At the command pydantic is there anyway, and a default that cannot be is asked wrongly too.
                at_command = texts is not None and parameter.default is not None
                default = parameter.read(parameter.default)
                values[name] = _validated(parameter, default) if at_command else default
            elif parameter.secret:
                unasked.append(parameter)
            else:
                problems.append(f"`{name}` is required, and was not given")
        except ValueError as error:
            problems.append(_misfit(parameter, error))
    answers, unanswered = _answers(unasked, ask if not problems else None)
    problems += unanswered
    if problems:
        raise _wrong(flow, problems, called or flow.name)
    return values | answers


def type_of(parameter: Parameter) -> Any:
    """The type by which text is parsed: the annotation, else that of the default; Any where there is none."""
    if parameter.annotation is not None:
        return parameter.annotation
    if parameter.default is None:
        return Any
    return type(parameter.default)


def parsed(parameter: Parameter, texts: Sequence[str]) -> Any:
    """The value that was typed.

    Args:
        texts: one text, or for a list the texts of its items.

    Raises:
        ValueError: why it is none, as the end of a sentence that begins with the name.
    """
    kind = bare(type_of(parameter))
    if kind in _UNTYPED:  # a secret of digits alone is no number
        return texts[-1] if parameter.secret else _json_or_text(texts[-1])
    if is_collection(kind) and not (len(texts) == 1 and texts[0].lstrip()[:1] in ("[", "{")):
        if typing.get_origin(kind) is dict or kind is dict:
            raise ValueError(f"takes a JSON object such as '{{\"a\": 1}}', not `{texts[-1]}`")
        return _validated(parameter, [_item(kind, text) for text in texts])
    return _from_text(type_of(parameter), texts[-1])


def bare(annotation: Any) -> Any:
    """A type without `Annotated` and `| None` around it."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
            continue
        rest = [part for part in _union(annotation) if part is not type(None)]
        if len(rest) == 1 and rest[0] is not annotation:
            annotation = rest[0]
            continue
        return annotation


def is_collection(kind: Any) -> bool:
    """Whether values of a bare type are written as JSON or item by item."""
    return (typing.get_origin(kind) or kind) in (list, tuple, set, frozenset, dict)


def _union(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _item(kind: Any, text: str) -> Any:
    """An item of a collection; text where the items are text or have no type, else JSON where it is."""
    arguments = typing.get_args(kind)
    return text if not arguments or bare(arguments[0]) in (str, Any) else _json_or_text(text)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _from_text(annotation: Any, text: str) -> Any:
    adapter, error_class = _adapter(annotation)
    if type(None) in _union(_unannotated(annotation)) and text.lower() in ("none", "null"):
        return None
    by_name = getattr(bare(annotation), "__members__", {})
    if text in by_name:
        return by_name[text]
    try:
        return adapter.validate_strings(text)
    except error_class as error:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return adapter.validate_json(text)
            except error_class as better:
                raise ValueError(_reason(better, text)) from None
        try:  # a literal number, or a member of an enum of numbers
            return adapter.validate_python(_json_or_text(text))
        except error_class:
            raise ValueError(_reason(error, text)) from None


def _unannotated(annotation: Any) -> Any:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _typed(parameter: Parameter, texts: Sequence[str]) -> Any:
    return parameter.read(texts[-1]) if parameter.reads_text else parsed(parameter, texts)


def _validated(parameter: Parameter, value: Any) -> Any:
    if parameter.annotation in _UNTYPED:
        return value
    adapter, error_class = _adapter(parameter.annotation)
    try:
        return adapter.validate_python(value)
    except error_class as error:
        raise ValueError(_reason(error, value)) from None


def _adapter(annotation: Any) -> tuple[Any, type[Exception]]:
    from pydantic import ConfigDict, TypeAdapter, ValidationError
    from pydantic.errors import PydanticSchemaGenerationError

    try:
        return TypeAdapter(annotation), ValidationError
    except PydanticSchemaGenerationError:  # an ordinary class: checked by `isinstance`
        config = ConfigDict(arbitrary_types_allowed=True)
        return TypeAdapter(annotation, config=config), ValidationError


def _reason(error: Any, value: Any) -> str:
    """What pydantic found, as the end of a sentence; for a model, by field."""
    shown = repr(value) if not isinstance(value, str) else value
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
    found = []
    for each in error.errors(include_url=False, include_context=False)[:5]:
        where = ".".join(str(part) for part in each["loc"])
        message = each["msg"][:1].lower() + each["msg"][1:]
        found.append(f"{where}: {message}" if where else message)
    return f"cannot be `{shown}`: {'; '.join(dict.fromkeys(found))}"


def _answers(
    secrets: Sequence[Parameter], ask: Callable[[Parameter], str | None] | None
) -> tuple[dict[str, Any], list[str]]:
    """What a person answers for each, and what is wrong with the answers."""
    values: dict[str, Any] = {}
    problems = []
    for each in secrets:
        text = ask(each) if ask is not None else None
        if not text:
            problems.append(f"`{each.name}` is required, and was not given; set `{variable_of(each.name)}`")
            continue
        try:
            values[each.name] = parsed(each, [text])
        except ValueError as error:
            problems.append(_misfit(each, error))
    return values, problems


def _misfit(parameter: Parameter, error: ValueError) -> str:
    """What is wrong with a value; of a secret, only what it had to be."""
    if not parameter.secret:
        return f"`{parameter.name}` {error}"
    kind = bare(type_of(parameter))
    return (
        f"`{parameter.name}` is secret, and its value is not of its type `{getattr(kind, '__name__', kind)}`"
    )


def _unknowns(names: Sequence[str], parameters: Mapping[str, Parameter]) -> list[str]:
    unknown = [name for name in names if name not in parameters]
    problems = [_unknown(name, parameters) for name in unknown[:_MOST_UNKNOWN]]
    if len(unknown) > _MOST_UNKNOWN:
        problems.append(f"{len(unknown) - _MOST_UNKNOWN} more names are not parameters")
    return problems


def _unknown(name: str, parameters: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(name, parameters, 1)
    return f"`{name}` is not a parameter" + (f"; did you mean `{near[0]}`?" if near else "")


def _wrong(flow: Flow, problems: list[str], called: str) -> UsageError:
    hints = [f"`flowkit run {shlex.quote(called)} --help` lists its parameters"]
    if any(f"set `{PREFIX}" in problem for problem in problems):
        hints.append(
            "a secret comes from its variable, from the file of `--params`, or is asked for in a terminal"
        )
    if len(problems) == 1:
        return UsageError(f"the flow `{flow.name}` cannot run: {problems[0]}", hints=tuple(hints))
    listed = "".join(f"\n  {problem}" for problem in problems)
    message = f"the flow `{flow.name}` cannot run, for {len(problems)} reasons:{listed}"
    return UsageError(message, hints=tuple(hints))
