"""What looks like a secret in a text, though nobody has said so: covered where a failure is shown.

A password in a URL, what follows `Bearer` or `Basic`, the tokens of well-known services, private keys, and
what stands under a name like `password`: `password='…'` in a `repr`, `"api_key": "…"`, `X-Api-Key: …`.
Guarantees: time grows with the text, not with its square. What a person would not take for a secret either
(`Basic authentication`, `password: too short`) stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from flowkit.engine.mask import COVER

CALLED_SO = r"pass(?:word|wd|phrase)|secret|authorization|cookie|api_?key|private_?key|access_?key|credential"
"""A pattern, where case does not matter, of names of secrets, whatever follows in them."""

_LONGEST = 10_000  # characters at each end of a text that are looked at; the rest is left out
_WORD = r"(?<![A-Za-z0-9])"
_SCHEMES = r"(?:bearer|basic|token|digest|negotiate|apikey)"

_URL = r"""://[^\s:/?#@'"<>]*:(?!\d{1,5}(?:[/?#]|$))((?:(?!://)[^\s'"<>])+)@"""
_HEADERS = (
    rf"(?i)authorization['\"]?\s*[:=]\s*['\"]?{_SCHEMES}\s+([^\s,'\"]+)",
    r"(?i)\b(?:x-[\w-]{0,40}(?:key|token|secret)|private-token)\s*:\s*([^\s,'\"]+)",
    r"(?i)\bcookie\s*:\s*([^\s=;,'\"]+=[^\r\n'\"]*)",
    # Of the schemes alone, what no word looks like: with a digit, or a capital within.
    rf"\b(?i:{_SCHEMES})\s+(?=\w{{1,200}}[A-Z]|[^\s\d]{{0,200}}\d)([A-Za-z0-9._~+/-]{{6,}}=*)",
)
_TOKENS = (
    _WORD
    + r"(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    + r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|whsec_\w{16,}"
    + r"|sk-(?=[\w-]{0,40}\d)[\w-]{16,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}"
    + r"|hf_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    + r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"
    + r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*"
    + r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_NAMED = (
    rf"(?:(?i:{CALLED_SO})\w{{0,40}}|(?:{_WORD}token|_token|Token|{_WORD}TOKEN|_TOKEN))"
    r"""(?:\s*(?<![=!<>])=(?!=)\s*|\\?['"]\s*:\s*(?=\\?[bBrRuU]?['"\d\[({]))"""
)
_QUOTE = r"""[bBrRuU]{0,2}(\\?['"])"""
_NOTHING = r"(?:None|True|False|null|true|false|\.\.\.|•••|''|\"\"|<[^>]*>)(?![\w.])"
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_AFTER = frozenset(" \t\r\n,;&)]}'\"<>")

Span = tuple[int, int]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Not before there is a failure: it takes some milliseconds."""
    return re.compile(pattern)


def without_credentials(text: str) -> str:
    """The text, what looks like a secret in it covered; of a very long one the middle is left out."""
    if len(text) > 2 * _LONGEST:
        text = f"{text[:_LONGEST]}…{text[-_LONGEST:]}"
    spans = sorted(_spans(text))
    if not spans:
        return text
    parts, done = [], 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], COVER]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _spans(text: str) -> Iterator[Span]:
    if "://" in text:
        yield from (found.span(1) for found in _compiled(_URL).finditer(text))
    for pattern in _HEADERS:
        yield from (found.span(1) for found in _compiled(pattern).finditer(text))
    yield from (found.span() for found in _compiled(_TOKENS).finditer(text))
    done = 0
    for found in _compiled(_NAMED).finditer(text):
        if found.start() >= done and not _compiled(_NOTHING).match(text, found.end()):
            done = _end_of_value(text, found.end())
            if done > found.end():
                yield found.end(), done


def _end_of_value(text: str, start: int) -> int:
    """Where a value ends that is written as `repr` or a URL would: in quotes, in brackets, or at a space."""
    quote = _compiled(_QUOTE).match(text, start)
    if quote:
        return _end_of_quoted(text, quote.end(), quote[1])
    closing: list[str] = []
    at = start
    while at < len(text):
        sign = text[at]
        if closing and sign in "'\"":
            at = _end_of_quoted(text, at + 1, sign)
            continue
        if sign in _CLOSING:
            closing.append(_CLOSING[sign])
        elif closing:
            if sign == closing[-1]:
                closing.pop()
        elif sign in _AFTER:
            break
        at += 1
    return at


def _end_of_quoted(text: str, at: int, quote: str) -> int:
    """After the quote that ends what began before `at`; the end of the text where there is none."""
    while (end := text.find(quote, at)) >= 0:
        escapes = len(text[at:end]) - len(text[at:end].rstrip("\\"))
        if escapes % 2 == 0:
            return end + len(quote)
        at = end + len(quote)
    return len(text)
