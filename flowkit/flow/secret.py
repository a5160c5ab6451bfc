"""What makes a parameter secret, and where the value of a secret comes from.

Guarantees: a type is secret where a value of it can hold something that pydantic hides; pydantic is not
imported to find out. The environment is looked at when a value is asked for, never before.
"""

from __future__ import annotations

import os
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from flowkit.flow import manners

PREFIX = "FLOWKIT_SECRET_"
CLASSIC_PREFIX = "FLOWKIT__CONTEXT__SECRETS__"
_OLD_PREFIX = "PREFECT__CONTEXT__SECRETS__"  # of the scripts that run as they are
_HIDING = frozenset({"SecretStr", "SecretBytes", "Secret"})


class Mark:
    """What stands in `Annotated[str, secret]`."""

    def __repr__(self) -> str:
        return "secret"

    def __reduce__(self) -> str:
        return "secret"


secret = Mark()


def holds_secret(annotation: Any) -> bool:
    """Whether values of this type are secret, or have a part that is."""
    seen: set[int] = set()
    waiting = [annotation]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mark) or _hides(each):
            return True
        if id(each) not in seen:  # a model may hold itself
            seen.add(id(each))
            waiting += _parts(each)
    return False


def _hides(annotation: Any) -> bool:
    """Whether this is one of pydantic's classes for secrets, or made from one."""
    bases = annotation.__mro__ if isinstance(annotation, type) else ()
    return any(base.__name__ in _HIDING and base.__module__.startswith("pydantic.") for base in bases)


def _parts(annotation: Any) -> Iterator[Any]:
    """What a type is made of: arguments, what `Annotated` adds, fields of models and dataclasses."""
    origin = typing.get_origin(annotation)
    if origin is not None and origin is not typing.Literal:
        yield origin
        yield from typing.get_args(annotation)
    fields = getattr(annotation, "model_fields", None) if isinstance(annotation, type) else None
    if isinstance(fields, dict):
        for field in fields.values():
            yield getattr(field, "annotation", None)
            yield from getattr(field, "metadata", ())
    elif isinstance(annotation, type) and is_dataclass(annotation):
        yield from _hints(annotation).values()


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # a name that is only imported for type checkers
        return {}


def variable_of(name: str) -> str:
    """`FLOWKIT_SECRET_API_TOKEN` for `api-token`."""
    return PREFIX + re.sub(r"\W", "_", name).upper()


def from_environment(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The text of a secret; None where its variable is not set, or empty as CI services leave it."""
    return environ.get(variable_of(name)) or None


def all_of_classic(environ: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str]]:
    """Name and text of each secret that has a variable of Prefect classic."""
    prefixes = (CLASSIC_PREFIX, _OLD_PREFIX) if manners.classic else (CLASSIC_PREFIX,)
    for prefix in prefixes:
        for variable in environ:  # without their values, each of which takes as long to read as its name
            if variable.startswith(prefix) and environ[variable]:
                yield variable.removeprefix(prefix), environ[variable]
