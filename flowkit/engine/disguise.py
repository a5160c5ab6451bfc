"""The forms in which a text may turn up in another: escaped, quoted, encoded.

Guarantees: each form is what a whole encoded text has where the given text is a part of it; forms are never
so short that they turn up by chance.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_SHORTEST_CODE = 6  # characters of an encoded text that is not found by chance
_SHORTEST_LINE = 6  # characters of a line that gives away something of its text


def lines_of(value: str | bytes) -> Iterator[str | bytes]:
    """The value, also without space around it, and each line of it that is long enough to matter."""
    yield value
    if isinstance(value, str):
        yield value.strip()
        lines = (line.strip() for line in value.splitlines())
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE)


def forms(value: str | bytes) -> set[str]:
    """The value itself where it is text, and how it may be written in a text."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    written = {*_shown(repr(raw)[2:-1]), *(_of_text(value) if isinstance(value, str) else ())}
    return written | {code for code in _codes(raw) if len(code) >= _SHORTEST_CODE}


def stored_forms(value: str | bytes) -> set[bytes]:
    """How it may stand in a document that is not text."""
    if isinstance(value, bytes):
        return {value}
    return {value.encode(coding, "surrogatepass") for coding in ("utf-8", "utf-16-le", "utf-16-be")}


def _of_text(text: str) -> Iterator[str]:
    yield text
    yield text.replace("\n", "\r\n")
    for quoted in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        inner = quoted[1:-1]
        yield from (inner, inner.replace("/", "\\/"))
        yield json.dumps(inner)[1:-1]  # JSON in JSON
    yield from _shown(repr(text)[1:-1])
    yield from _shown(ascii(text)[1:-1])
    yield from (html.escape(text), html.escape(text, quote=False))
    yield html.escape(text).replace("&#x27;", "&#39;")
    yield text.replace("'", "'\"'\"'")  # in the single quotes of a shell


def _shown(inner: str) -> Iterator[str]:
    """What `repr` makes of a text; the quote, and with it what is escaped, is chosen by the whole text."""
    bare = inner.replace("\\'", "'")
    yield from (inner, bare, bare.replace("'", "\\'"))


def _codes(raw: bytes) -> Iterator[str]:
    yield from (raw.hex(), raw.hex().upper())
    for escaped in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield escaped
        yield re.sub(r"%..", lambda code: code[0].lower(), escaped)
    for offset in range(3):
        yield from _of_base64(raw, offset)


def _of_base64(raw: bytes, offset: int) -> Iterator[str]:
    """The digits that these bytes alone decide when `offset` more stand before them; whole, the end too."""
    encoded = base64.b64encode(bytes(offset) + raw).decode()
    first, last = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
    whole = (encoded, encoded.rstrip("=")) if not offset else ()
    for digits in (encoded[first:last], *whole):
        yield from (digits, digits.translate(_URL_SAFE))


_URL_SAFE = str.maketrans("+/", "-_")
