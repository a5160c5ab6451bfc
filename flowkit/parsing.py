"""Parsing of Python, one thread at a time: until 3.13 the interpreter keeps one depth for all that parse, and
two at once can end in a `SystemError` (github.com/python/cpython/issues/106905)."""

from __future__ import annotations

import ast
import threading

_ONE_AT_A_TIME = threading.RLock()  # a collected object may parse too, in the midst of it


def syntax_tree(source: str | bytes) -> ast.Module:
    """As `ast.parse`.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as it does.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(source)
