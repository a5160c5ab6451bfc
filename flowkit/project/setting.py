"""One setting: its key, its type, and what a value of it must be."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

_TRUTH = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True)
class Setting:
    """A key such as `logging.level`.

    Args:
        choices: the only values, where they are limited; after one like `dask:ADDRESS` comes any text.
        kind: `int`, `float`, `bool` or `str`.
        optional: whether None is a value; text for it is `none` or nothing.
        positive: whether numbers must be above 0.
    """

    key: str
    kind: type
    default: Any
    choices: tuple[str, ...] = ()
    optional: bool = False
    positive: bool = False

    @property
    def wanted(self) -> str:
        """What a value must be, for a message."""
        if self.choices:
            kind = f"one of {', '.join(f'`{choice}`' for choice in self.choices)}"
        else:
            kind = {int: "a whole number", float: "a number", bool: "`true` or `false`", str: "text"}[
                self.kind
            ]
        return f"{kind}{' above 0' if self.positive else ''}{' or `none`' if self.optional else ''}"

    def check(self, value: Any) -> Any:
        """The value, as it comes from a file or from Python.

        Raises:
            ValueError: saying what is wanted.
        """
        if value is None and self.optional:
            return None
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind or not self._is_allowed(value):
            raise ValueError(self.wanted)
        return value

    def parse(self, text: str) -> Any:
        """The value that a text from the environment or the command line means.

        Raises:
            ValueError: saying what is wanted.
        """
        if self.optional and text.strip().lower() in ("", "none"):
            return None
        try:
            return self.check(_TRUTH.get(text.strip().lower()) if self.kind is bool else self.kind(text))
        except ValueError:
            raise ValueError(self.wanted) from None

    def _is_allowed(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices or any(_is_like(value, choice) for choice in self.choices)
        if self.kind is str:
            return bool(value)
        return math.isfinite(value) and (value > 0 or not self.positive)


def _is_like(value: str, choice: str) -> bool:
    """Whether a value is as one that ends with a name in capitals."""
    start, colon, rest = choice.rpartition(":")
    return bool(colon) and rest.isupper() and value.startswith(start + colon) and value != start + colon


def declared(section: type, prefix: str = "") -> Iterator[Setting]:
    """The settings that a dataclass and the dataclasses in it declare, in their order."""
    hints = typing.get_type_hints(section)
    for each in fields(section):
        if each.metadata.get("named"):  # its settings have names of the user's
            continue
        annotation = hints[each.name]
        if is_dataclass(annotation):
            yield from declared(typing.cast(type, annotation), f"{prefix}{each.name}.")
            continue
        optional = typing.get_origin(annotation) in (types.UnionType, typing.Union)
        kind = typing.get_args(annotation)[0] if optional else annotation
        limited = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
        choices = each.metadata.get("choices", limited)
        yield Setting(
            key=f"{prefix}{each.name}",
            kind=str if choices else kind,
            default=each.default,
            choices=choices,
            optional=optional,
            positive=each.metadata.get("positive", False),
        )


def flat(table: Mapping[str, Any], prefix: str = "", whole: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a table of TOML and of the tables in it, by dotted key.

    Args:
        whole: a table in which tables are values.
    """
    for name, value in table.items():
        if isinstance(value, dict) and (not whole or prefix != f"{whole}."):
            yield from flat(value, f"{prefix}{name}.", whole)
        else:
            yield f"{prefix}{name}", value
