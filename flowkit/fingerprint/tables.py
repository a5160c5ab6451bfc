"""How the tables, columns and times of pandas and polars are encoded: names, types, values, index.

Guarantees: unused levels of an index, the numbering of categories that are not there to be seen, and what
lies under a missing value do not count.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flowkit.fingerprint.plain import NoValueError, composite, text
from flowkit.fingerprint.walk import Steps


def handler(cls: type) -> Callable[[Any], Steps] | None:
    """How instances of `cls` are encoded, where pandas or polars makes them."""
    for base in cls.__mro__:
        library = base.__module__.partition(".")[0]
        if library in ("pandas", "polars") and library in sys.modules:
            found = _HANDLERS.get(f"{library}.{base.__name__}")
            if found is not None:
                return found
    return None


def _frame(value: Any) -> Steps:
    parts = [
        (yield ".__class__", type(value)),
        (yield ".index", value.index),
        (yield ".columns", value.columns),
    ]
    for place in range(value.shape[1]):
        parts.append((yield f".iloc[:, {place}]", value.iloc[:, place].array))
    return composite(b"frame", *parts, (yield ".attrs", value.attrs))


def _series(value: Any) -> Steps:
    parts = [(yield ".__class__", type(value)), (yield ".index", value.index), (yield ".name", value.name)]
    values = yield ".array", value.array
    return composite(b"series", *parts, values, (yield ".attrs", value.attrs))


def _index(value: Any) -> Steps:
    cls, name = (yield ".__class__", type(value)), (yield ".name", value.name)
    step = yield ".freq", getattr(value, "freqstr", None)
    return composite(b"index", cls, name, step, (yield ".array", value.array))


def _range_index(value: Any) -> Steps:
    name = yield ".name", value.name
    return composite(b"rangeindex", name, (yield "", range(value.start, value.stop, value.step)))


def _multi_index(value: Any) -> Steps:
    names = yield ".names", tuple(value.names)
    levels = []
    for place in range(value.nlevels):
        levels.append((yield f".levels[{place}]", value.get_level_values(place).array))
    return composite(b"multiindex", names, *levels)


def _categorical(value: Any) -> Steps:
    codes, categories = (yield ".codes", value.codes), (yield ".categories", value.categories)
    return composite(b"categorical", codes, categories, (yield ".ordered", bool(value.ordered)))


def _times(value: Any) -> Steps:
    return composite(b"times", text(str(value.dtype)), (yield "", value.asi8))


def _nullable(value: Any) -> Steps:
    missing = value.isna()
    kind = value.dtype.numpy_dtype
    values = value.to_numpy(dtype=kind, na_value=kind.type(0))
    return composite(b"nullable", text(str(value.dtype)), (yield "", missing), (yield "", values))


def _column(value: Any) -> Steps:
    """Any other column, by its elements; one that only wraps an array of numpy, by that."""
    plain = yield (
        "",
        (value.to_numpy() if type(value).__name__.endswith("NumpyExtensionArray") else list(value)),
    )
    return composite(b"column", text(str(value.dtype)), plain)


def _moment(value: Any) -> Steps:
    zone = yield ".tz", getattr(value, "tzinfo", None)
    fold = b"1" if getattr(value, "fold", 0) else b"0"
    return composite(b"moment", text(type(value).__name__), zone, fold, (yield "", value.asm8))


def _not_a_time(value: Any) -> Steps:
    return composite(b"nat")
    yield


def _period(value: Any) -> Steps:
    return composite(b"period", (yield "", value.ordinal), (yield "", value.freqstr))


def _polars_frame(value: Any) -> Steps:
    columns = []
    for column in value.get_columns():
        columns.append((yield f"[{column.name!r}]", column))
    return composite(b"polars", (yield ".shape", value.shape), *columns)


def _polars_series(value: Any) -> Steps:
    kind = value.dtype
    parts = [text(value.name), text(str(kind))]
    if (kind.is_numeric() and not kind.is_decimal()) or kind.is_temporal() or str(kind) == "Boolean":
        stored = value.to_physical()
        parts.append((yield "", value.is_null().to_numpy()))
        parts.append((yield "", stored.drop_nulls().to_numpy()))
    else:
        parts.append((yield "", value.to_list()))
    return composite(b"column", *parts)


def _lazy(value: Any) -> Steps:
    raise NoValueError("a query has no value before it is collected")
    yield


_HANDLERS: dict[str, Callable[[Any], Steps]] = {
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.RangeIndex": _range_index,
    "pandas.MultiIndex": _multi_index,
    "pandas.Index": _index,
    "pandas.Categorical": _categorical,
    "pandas.DatetimeArray": _times,
    "pandas.TimedeltaArray": _times,
    "pandas.PeriodArray": _times,
    "pandas.BaseMaskedArray": _nullable,
    "pandas.ExtensionArray": _column,
    "pandas.Timestamp": _moment,
    "pandas.Timedelta": _moment,
    "pandas.NaTType": _not_a_time,
    "pandas.Period": _period,
    "polars.DataFrame": _polars_frame,
    "polars.Series": _polars_series,
    "polars.LazyFrame": _lazy,
}
"""By the library and the name of the nearest base class."""
