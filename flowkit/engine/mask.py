"""What must not be seen, and how it is covered where it would be: in lines, failures and kept results.

Guarantees: a value that was added before a text is covered in it, as it stands or written in one of the
forms of `flowkit.engine.disguise`, and where the text was wrapped in the middle of it; covering keeps the
number of lines. While nothing is known a check is one attribute. All methods may be called from any thread.
"""

from __future__ import annotations

import pickle
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any, NamedTuple

COVER = "•••"
SHORTEST = 3  # characters; what is shorter would cover half of every text
_SHORTEST_WRAPPED = 6  # letters and digits of a secret that is found though line breaks tear it
_LONGEST_IN_PATTERN = 2_000  # characters; compiling a pattern takes longer than looking for one text
_SMALLEST_PICKLED = 5  # bytes of a pickled number that are not found by chance

_NUMBERS = (int, float)
_LEAVES = (str, bytes, *_NUMBERS)
_WRITTEN = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})  # whose values count as text
_NOISE = re.compile(r"[\W_]+")  # what wrapping adds: breaks, quotes, frames; nothing of it is looked at
_PREFIX = re.compile(r"""[\W_][bBfFrRuU]{1,2}["']""")  # of the next part of a long literal
_NOISE_AND_PREFIX = re.compile(r"""[\W_]+(?:[bBfFrRuU]{1,2}(?=["']))?""")


Span = tuple[int, int]


class _Needles(NamedTuple):
    """Texts, or bytes, to look for: those that are in one pattern, and the long ones."""

    pattern: re.Pattern[Any]
    long: tuple[Any, ...]

    @classmethod
    def of(cls, texts: Iterable[str], *, as_bytes: bool = False) -> _Needles:
        """As bytes, each character of `texts` stands for one."""
        short = [each for each in texts if len(each) <= _LONGEST_IN_PATTERN]
        long = [each for each in texts if len(each) > _LONGEST_IN_PATTERN]
        pattern = _alternation(short)
        if as_bytes:
            return cls(re.compile(pattern.encode("latin-1")), tuple(each.encode("latin-1") for each in long))
        return cls(re.compile(pattern), tuple(long))

    def are_in(self, data: bytes) -> bool:
        return self.pattern.search(data) is not None or any(each in data for each in self.long)

    def spans(self, text: str) -> list[Span]:
        """Where they are, also where two overlap."""
        spans = []
        found = self.pattern.search(text)
        while found:
            spans.append(found.span())
            found = self.pattern.search(text, found.start() + 1)
        for each in self.long:
            at = text.find(each)
            while at >= 0:
                spans.append((at, at + len(each)))
                at = text.find(each, at + 1)
        return spans


class _Known(NamedTuple):
    """What to look for in text, in text without all but letters and digits, and in stored bytes."""

    plain: _Needles
    wrapped: _Needles
    stored: _Needles

    @classmethod
    def of(cls, values: Iterable[str | bytes], numbers: Iterable[int | float]) -> _Known:
        from flowkit.engine.disguise import forms, lines_of, stored_forms  # slow to import, and seldom needed

        parts = {part for value in values for part in lines_of(value)}
        needles = {form for part in parts for form in forms(part)}
        compact = {_NOISE.sub("", needle) for needle in needles}
        stored = {form for value in values for form in stored_forms(value)}
        stored |= {needle.encode("utf-8", "surrogatepass") for needle in needles}
        stored |= {each for number in numbers if len(each := _pickled(number)) >= _SMALLEST_PICKLED}
        return cls(
            plain=_Needles.of(needles),
            wrapped=_Needles.of([each for each in compact if len(each) >= _SHORTEST_WRAPPED]),
            stored=_Needles.of([each.decode("latin-1") for each in stored], as_bytes=True),
        )

    def spans(self, text: str) -> list[Span]:
        """What is to be covered."""
        spans = self.plain.spans(text)
        if "\n" in text:
            spans += self._torn(text, _NOISE)
            if _PREFIX.search(text):
                spans += self._torn(text, _NOISE_AND_PREFIX)
        return spans

    def _torn(self, text: str, noise: re.Pattern[str]) -> list[Span]:
        """Where letters and digits of a secret follow each other over the end of a line."""
        found = self.wrapped.spans(noise.sub("", text))
        if not found:
            return []
        place = _places(text, noise)
        spans = [(place(start), place(end - 1) + 1) for start, end in found]
        return [(start, end) for start, end in spans if "\n" in text[start:end]]


class Mask:
    """The secret values that are known, and their covering.

    What has fewer than 3 characters is never covered; nor are a form of a short secret that ordinary text
    could have by chance, keys of mappings, and pieces of a secret that is not there as a whole.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str | bytes] = set()
        self._numbers: set[int | float] = set()
        self._known: _Known | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"<Mask: {len(self._values)} values>"

    @property
    def known(self) -> int:
        """How many values are known; it only grows."""
        return len(self._values)

    def values(self) -> list[Any]:
        """All that is known, for the mask of another process."""
        with self._lock:
            return [*self._numbers, *self._values]

    def add(self, value: Any) -> None:
        """Cover this from now on.

        Args:
            value: text, bytes, a number, one of pydantic's secrets, or something made of these: a list, a
                mapping, a model, a dataclass. Where parts of it are pydantic's secrets, only they count.
        """
        leaves = [leaf for leaf in _leaves(value) if len(_text(leaf).strip()) >= SHORTEST]
        texts = {_text(leaf) for leaf in leaves}
        with self._lock:
            if not texts <= self._values:
                self._values |= texts
                self._numbers.update(leaf for leaf in leaves if isinstance(leaf, _NUMBERS))
                self._known = None

    def text(self, text: str) -> str:
        """The text, each secret in it covered."""
        if not self._values:
            return text
        spans = (self._known or self._compiled()).spans(text)
        return _covered(text, spans) if spans else text

    def also_cut(self, text: str) -> str:
        """As `text`, for what was cut where a secret may not have been known: what is left of one beside an
        ellipsis is covered too."""
        if not self._values:
            return text
        text = self.text(text)
        return _without_stumps(text, self.values()) if "…" in text else text

    def lines(self, lines: Sequence[str]) -> list[str]:
        """Consecutive lines, as many as before; a secret that goes on in the next line is covered in both.

        Args:
            lines: without line breaks, of one source.
        """
        if not self._values:
            return list(lines)
        covered = self.text("\n".join(lines)).split("\n")
        return covered if len(covered) == len(lines) else [self.text(line) for line in lines]

    def holds(self, data: bytes | str) -> bool:
        """Whether a secret is in here: in text, or in a pickle or another uncompressed document."""
        if not self._values:
            return False
        known = self._known or self._compiled()
        return bool(known.spans(data)) if isinstance(data, str) else known.stored.are_in(data)

    def _compiled(self) -> _Known:
        with self._lock:
            if self._known is None:
                self._known = _Known.of(self._values, self._numbers)
            return self._known


MASK = Mask()
"""The secrets of this process; what is known is never forgotten, as it may be printed at any later time."""


def _without_stumps(text: str, values: Iterable[Any]) -> str:
    """A text without the beginning of a secret before an ellipsis, and its end after one."""
    found = [each for each in values if isinstance(each, str | bytes)]
    forms = {each for each in found if isinstance(each, str)} | {repr(each).strip("b'\"") for each in found}
    parts = text.split("…")
    for form in forms:
        for place, part in enumerate(parts):
            if place < len(parts) - 1 and (length := _overlap(part, form)):
                part = f"{part[:-length]}{COVER}"
            if place and (length := _overlap(form, part)):
                part = f"{COVER}{part[length:]}"
            parts[place] = part
    return "…".join(parts).replace(f"{COVER}…{COVER}", COVER)


def _overlap(first: str, second: str) -> int:
    """How many characters at the end of the first begin the second; 0: fewer than a secret has."""
    most = min(len(first), len(second))
    return next((each for each in range(most, SHORTEST - 1, -1) if first.endswith(second[:each])), 0)


def _text(leaf: Any) -> str | bytes:
    if isinstance(leaf, bytes):
        with suppress(UnicodeDecodeError):
            return leaf.decode()
        return leaf
    return str.__str__(leaf) if isinstance(leaf, str) else str(leaf)


def _leaves(value: Any) -> list[Any]:
    """The texts and numbers in a value; where something in it is hidden, what is hidden."""
    found: dict[bool, list[Any]] = {True: [], False: []}
    seen: dict[tuple[int, bool], Any] = {}  # the objects too: no new one must get the number of an old one
    waiting = [(value, False)]
    while waiting:
        each, hidden = waiting.pop()
        if (id(each), hidden) in seen:
            continue
        seen[id(each), hidden] = each
        if hasattr(type(each), "get_secret_value"):
            waiting.append((each.get_secret_value(), True))
        elif isinstance(each, bytearray | memoryview):
            waiting.append((bytes(each), hidden))
        elif _is_leaf(each):
            found[hidden].append(each)
        else:
            waiting += [(part, hidden) for part in _parts(each)]
    return found[True] or found[False]


def _is_leaf(value: Any) -> bool:
    if isinstance(value, _LEAVES):
        return not isinstance(value, bool)
    return type(value).__module__.partition(".")[0] in _WRITTEN


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | AbstractSet):
        return value
    if isinstance(value, type):
        return ()
    fields = value.__dataclass_fields__ if is_dataclass(value) else getattr(type(value), "model_fields", None)
    return [getattr(value, name, None) for name in fields] if isinstance(fields, dict) else ()


def _alternation(needles: Iterable[str]) -> str:
    """The longest first: what is found at a place is all that is there. By first letter, for speed."""
    by_letter: dict[str, list[str]] = {}
    for needle in sorted(needles, key=lambda needle: (-len(needle), needle)):
        by_letter.setdefault(needle[0], []).append(re.escape(needle[1:]))
    groups = [f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items()]
    return "|".join(groups) or "(?!)"


def _pickled(number: int | float) -> bytes:
    """A number in a pickle, without what stands around it."""
    return pickle.dumps(number, protocol=3)[2:-1]


def _places(text: str, noise: re.Pattern[str]) -> Callable[[int], int]:
    """From a position in the text without noise to that in the text."""
    compact, original = [0], [0]
    for gap in noise.finditer(text):
        compact.append(compact[-1] + gap.start() - original[-1])
        original.append(gap.end())

    def place(position: int) -> int:
        part = bisect_right(compact, position) - 1
        return original[part] + position - compact[part]

    return place


def _covered(text: str, spans: list[Span]) -> str:
    pieces = []
    done = 0
    for start, end in _merged(spans):
        pieces += [text[done:start], _cover(text[start:end])]
        done = end
    return "".join([*pieces, text[done:]])


def _merged(spans: list[Span]) -> Iterator[Span]:
    spans.sort()
    start, end = spans[0]
    for first, last in spans[1:]:
        if first > end:
            yield start, end
            start, end = first, last
        end = max(end, last)
    yield start, end


def _cover(text: str) -> str:
    """Each line covered, its indentation kept."""
    return re.sub(r"\S[^\n]*", COVER, text) if "\n" in text else COVER
