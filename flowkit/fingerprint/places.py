"""Where code stands, for people: `flows/helpers.py:14`.

Guarantees: lines are those of the text that `linecache` has, which for a flow's file is what was executed.
"""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from types import CodeType

from flowkit.fingerprint.files import place_of

_CLASS = re.compile(r"\s*class\s+(\w+)")
_VALUE = re.compile(r"([\w.]+)\s*(?::[^=]+)?=[^=]")


class Places:
    """Finds where things stand; each file is read once.

    Args:
        root: what paths are relative to, where they lie inside.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._lines: dict[str, dict[str, int]] = {}

    def of_code(self, code: CodeType) -> str:
        """Where a code object was written."""
        return self.at(code.co_filename, code.co_firstlineno)

    def of_name(self, file: str | None, name: str) -> str:
        """Where a class or a global gets its value."""
        return self.at(file, self._index(file).get(name, 0)) if file else ""

    def at(self, file: str | None, line: int) -> str:
        """A file and its line; nothing for code without a file."""
        if not file or file.startswith("<"):
            return ""
        place = place_of(Path(file), self._root)
        return f"{place}:{line}" if line else place

    def _index(self, file: str) -> dict[str, int]:
        known = self._lines.get(file)
        if known is None:
            known = self._lines[file] = {}
            for number, line in enumerate(linecache.getlines(file), 1):
                found = _VALUE.match(line) or _CLASS.match(line)
                if found:
                    known.setdefault(found.group(1), number)
        return known
