"""Small helpers of Prefect classic that scripts import."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from flowkit.engine.context import logger_of
from flowkit.project.config import Config, config


def get_logger(name: str | None = None) -> logging.Logger:
    """A logger below that of flowkit."""
    return logger_of(name or "")


class DotDict(MutableMapping[str, Any]):
    """A dictionary whose keys are attributes too."""

    def __init__(self, init_dict: Any = None, **kwargs: Any) -> None:
        vars(self).update(init_dict or {}, **kwargs)

    def __getitem__(self, key: str) -> Any:
        return vars(self)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        vars(self)[key] = value

    def __delitem__(self, key: str) -> None:
        del vars(self)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __len__(self) -> int:
        return len(vars(self))

    def __repr__(self) -> str:
        return f"<DotDict: {', '.join(sorted(map(repr, vars(self))))}>"

    def copy(self) -> DotDict:
        """A shallow copy."""
        return type(self)(vars(self))

    def to_dict(self) -> dict[str, Any]:
        """An ordinary dictionary, all the way down."""
        return {name: each.to_dict() if isinstance(each, DotDict) else each for name, each in self.items()}


def as_nested_dict(obj: Any, dct_class: type = DotDict) -> Any:
    """Dictionaries as `dct_class`, all the way down, within lists, tuples and sets too."""
    if isinstance(obj, list | tuple | set):
        return type(obj)([as_nested_dict(each, dct_class) for each in obj])
    if isinstance(obj, dict | DotDict):
        return dct_class({name: as_nested_dict(each, dct_class) for name, each in obj.items()})
    return obj


def merge_dicts(d1: Any, d2: Any) -> Any:
    """A copy of the first with what the second has; dictionaries in both are merged."""
    merged = d1.copy()
    for name, value in d2.items():
        mine = merged.get(name)
        both = isinstance(mine, MutableMapping) and isinstance(value, MutableMapping)
        merged[name] = merge_dicts(mine, value) if both else value
    return merged


def flatten_seq(seq: Iterable[Any]) -> Iterator[Any]:
    """The items of nested sequences, one after another; text is no sequence here."""
    for item in seq:
        if isinstance(item, Iterable) and not isinstance(item, str | bytes):
            yield from flatten_seq(item)
        else:
            yield item


@contextmanager
def set_temporary_config(temp_config: Mapping[str, Any]) -> Iterator[Config]:
    """Have other settings inside the block, by key: `{"logging.level": "DEBUG"}`."""
    assigned, classic = dict(config._assigned), dict(config._classic)
    try:
        for key, value in temp_config.items():
            config.assign(key, value)
        yield config
    finally:
        for now, before in ((config._assigned, assigned), (config._classic, classic)):
            now.clear()
            now.update(before)
        config.spread()
