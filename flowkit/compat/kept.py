"""What a server of Prefect classic needed, kept for inspection: flowkit runs flows on this machine."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar


class Kept:
    """Takes the arguments that it took in classic, and has them as attributes.

    Attributes:
        takes: the names of the arguments, in their order, with their defaults.
    """

    takes: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind, default=value) for name, value in self.takes.items()]
        more = inspect.Parameter("more", inspect.Parameter.VAR_KEYWORD)
        bound = inspect.Signature([*parameters, more]).bind(*args, **kwargs)
        bound.apply_defaults()
        vars(self).update(bound.arguments.pop("more"))
        vars(self).update(bound.arguments)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def serialize(self) -> dict[str, Any]:
        """Its type and its arguments."""
        return {"type": type(self).__name__, **vars(self)}


def names(arguments: str, **defaults: Any) -> dict[str, Any]:
    """Arguments whose defaults are None but for those that are given."""
    return {name: defaults.get(name) for name in arguments.split()}


def as_set(labels: Iterable[str] | None) -> set[str]:
    """Labels as classic kept them."""
    return set(labels or ())
