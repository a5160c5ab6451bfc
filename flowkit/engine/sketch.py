"""What is shown of a value beside a failure: short, without secrets, and without harm.

Guarantees: no text is longer than `LONGEST` and a few characters; secrets that are known, and what looks like
one, are covered before anything is cut; of the user's own code only `__repr__` is called, apart, and given up
when it takes too long; of numbers in arrays, rows of tables and elements of what may be lazy nothing is
looked at, but their type and shape. Relies on: `close` is called when all values were shown.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from flowkit.engine.credentials import CALLED_SO, without_credentials
from flowkit.engine.mask import COVER, MASK
from flowkit.engine.task_threads import start_apart
from flowkit.errors import FlowkitError

Foreign = Callable[[Any], str]

LONGEST = 120  # characters
_PATIENCE = 0.5  # seconds for every `__repr__` of a failure together
_MOST_ELEMENTS = 6
_MOST_IN_OTHERS = 1_000  # elements of what is more than a list, a dict or a set, and writes all of them
_DEEPEST = 3
_COUNT_ROOM, _LEAST_ROOM = 20, 40  # characters for how many there are, and for another element
_MOST_LOOKED_AT = 1_000_000  # characters; looking for secrets in more of them takes too long
_MOST_BYTES = 2_000  # of which those that are shown are written
_LARGEST_NUMBER = 400  # bits

_PLAIN = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})  # whose `repr` is Python's own
_TABLES = frozenset(
    {"cudf", "cupy", "dask", "geopandas", "jax", "jaxlib", "modin", "numpy", "pandas", "polars"}
) | {"pyarrow", "pyspark", "scipy", "tensorflow", "torch", "xarray"}
_SCALARS = ("Timestamp", "Timedelta", "NaTType", "NAType", "Interval", "Period", "dtype")
_HIDDEN = re.compile(rf"(?i){CALLED_SO}|(^|_)token$")
_CODE = (FunctionType, BuiltinFunctionType, MethodType, type)


class Sketch:
    """Shows the values of one failure."""

    def __init__(self) -> None:
        self._apart = _Apart()

    def named(self, name: str, value: Any) -> str:
        """What is shown of a value with a name; one that is called like a password is not."""
        if _is_hidden(name, value):
            return COVER
        try:
            return _written(value, _refused)
        except _ForeignError:
            return self._apart.of(value)
        except Exception:  # what other threads change meanwhile, or pretends to be what it is not
            return f"<{type(value).__name__}>"

    def close(self) -> None:
        """No value is left."""
        self._apart.close()


def _written(value: Any, foreign: Foreign) -> str:
    return cut(MASK.text(_of(value, 0, foreign)))


def _of(value: Any, depth: int, foreign: Foreign) -> str:
    kind = type(value)
    if kind in (bool, float, complex, type(None), type(...), range):
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= _LARGEST_NUMBER else _large(value)
    if kind is str:
        return repr(_covered(value))
    if kind in (bytes, bytearray):
        return _bytes(value)
    if kind in (list, tuple, set, frozenset):
        return _many(value, depth, foreign, *_BRACKETS[kind])
    if kind is dict:
        return _many(value.items(), depth, foreign, "{", "}", pairs=True)
    if issubclass(kind, ModuleType):
        return f"<module {value.__name__}>"
    if issubclass(kind, _CODE):
        return f"<{'class' if issubclass(kind, type) else 'function'} {value.__qualname__}>"
    if any(base.__module__.partition(".")[0] in _TABLES for base in kind.__mro__):
        return _table(value)
    if kind.__module__.partition(".")[0] in _PLAIN:
        return _covered(repr(value))
    if hasattr(kind, "get_secret_value"):
        return f"{kind.__name__}({COVER})"
    if getattr(kind, "__repr__", None) == object.__repr__:
        return f"<{kind.__name__}>"
    many = next((base.__len__(value) for base in _MANY if issubclass(kind, base)), 0)
    if many > _MOST_IN_OTHERS:
        return f"<{kind.__name__} of {many:,}>"
    return _covered(foreign(value))


def _many(values: Any, depth: int, foreign: Foreign, opened: str, closed: str, *, pairs: bool = False) -> str:
    number = len(values)
    if not number:
        return "set()" if opened == "{" and not pairs else opened + closed
    if depth >= _DEEPEST:
        return f"{opened}…{closed}"
    texts = list(_elements(values, depth + 1, foreign, pairs))
    if number > len(texts):
        texts.append(f"… {number:,} in all")
    comma = "," if opened == "(" and number == 1 else ""
    return f"{opened}{', '.join(texts)}{comma}{closed}"


def _elements(values: Iterable[Any], depth: int, foreign: Foreign, pairs: bool) -> Iterator[str]:
    room = LONGEST - _COUNT_ROOM
    for value in itertools.islice(values, _MOST_ELEMENTS):
        if room < _LEAST_ROOM:
            return
        if pairs:
            name, part = value
            text = COVER if _is_hidden(name, part) else _of(part, depth, foreign)
            text = f"{cut(_of(name, depth, foreign))}: {text}"
        else:
            text = _of(value, depth, foreign)
        most = min(room, LONGEST // 2)
        text = text if len(text) <= most else f"{text[: most - 1]}…"
        room -= len(text) + 2
        yield text


_MANY: tuple[Any, ...] = (list, tuple, dict, set, frozenset, deque)
_BRACKETS: dict[Any, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}


def _is_hidden(name: Any, value: Any) -> bool:
    """Whether it is called like a secret, and could be one."""
    return type(name) is str and type(value) not in (bool, type(None)) and bool(_HIDDEN.search(name))


def cut(text: str, most: int = LONGEST) -> str:
    """A text without its middle, where it is long."""
    return text if len(text) <= most else f"{text[: most * 3 // 4]}…{text[-most // 4 :]}"


def _covered(text: str) -> str:
    """A text as short as may be before it is written, without secrets."""
    if len(text) <= _MOST_LOOKED_AT:
        text = MASK.text(text)
    elif MASK:
        return f"… {len(text):,} characters …"
    return cut(without_credentials(text), 4 * LONGEST)


def _bytes(value: bytes | bytearray) -> str:
    if len(value) > _MOST_LOOKED_AT and MASK:
        return f"<{type(value).__name__} of {len(value):,}>"
    if MASK or len(value) <= LONGEST:
        return _covered(repr(value))
    return f"{cut(_covered(repr(value[:_MOST_BYTES])))} … {len(value):,} bytes"


def _large(value: int) -> str:
    return f"<int of {value.bit_length():,} bits>"


def _table(value: Any) -> str:
    """The type and the shape; names of columns where there are few."""
    name = type(value).__name__
    if name in _SCALARS:
        return cut(repr(value))
    try:
        shape = getattr(value, "shape", None)
        if shape == ():
            return f"{name}({cut(str(value))})"
        if not isinstance(shape, tuple):
            return f"<{name}>"
        facts = " x ".join(str(each) for each in shape)
        columns = getattr(value, "columns", None)
        if columns is not None and len(columns) <= 2 * _MOST_ELEMENTS:
            facts = f"{facts}: {', '.join(map(str, columns))}"
        elif hasattr(value, "dtype"):
            facts = f"{facts}, {value.dtype}"
        return f"{name}({facts})"
    except BaseException:
        return f"<{name}>"


class _ForeignError(Exception):
    """A value whose `__repr__` is the user's."""


def _refused(value: Any) -> str:
    raise _ForeignError


def _asked(value: Any) -> str:
    """Its `repr`, or why there is none."""
    try:
        return str.__str__(repr(value))
    except BaseException as error:
        return f"<{type(value).__name__}: its `__repr__` raised {type(error).__name__}>"


class _Apart:
    """Writes values in a thread that is left behind when one takes too long."""

    def __init__(self) -> None:
        self._left = _PATIENCE
        self._values: SimpleQueue[Any] | None = None
        self._answers: SimpleQueue[str] = SimpleQueue()

    def of(self, value: Any) -> str:
        """What is shown of a value, or why there is nothing."""
        name = type(value).__name__
        if self._left <= 0 or not self._is_there():
            return f"<{name}>"
        assert self._values is not None
        began = monotonic()
        self._values.put((value,))
        try:
            answer = self._answers.get(timeout=self._left)
        except Empty:
            self._left = 0.0
            return f"<{name}: its `__repr__` takes too long>"
        self._left -= monotonic() - began
        return answer

    def close(self) -> None:
        """There are no more values."""
        if self._values is not None:
            self._values.put(None)

    def _is_there(self) -> bool:
        if self._values is None:
            values: SimpleQueue[Any] = SimpleQueue()
            thread = threading.Thread(
                target=_write, args=(values, self._answers.put), name="flowkit-repr", daemon=True
            )
            try:
                start_apart(thread)
            except FlowkitError:
                self._left = 0.0
                return False
            self._values = values
        return True


def _write(values: SimpleQueue[Any], give: Callable[[str], None]) -> None:
    while (found := values.get()) is not None:
        value = found[0]
        try:
            text = _written(value, _asked)
        except Exception:  # as in `named`
            text = f"<{type(value).__name__}>"
        give(text)
        del found, value, text
