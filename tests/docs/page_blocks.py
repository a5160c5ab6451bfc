"""The fenced blocks of a page."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_BEFORE = re.compile(r"^ *<!-- before: (?P<text>.*?) -->$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: relative to the repository.
        line: where its text begins.
        indent: characters that each of its lines has in the page and not here.
        file: the path that its first line names, as a comment; "" for none.
    """

    page: str
    line: int
    kind: str
    text: str
    indent: int = 0

    @property
    def file(self) -> str:
        found = _FILE.match(self.text)
        return found[1] if found else ""

    @property
    def needs_jq(self) -> bool:
        return self.kind == "console" and "| jq" in self.text

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """All pages of the documentation, and the README."""
    found = sorted(ROOT.glob("docs/**/*.md"))
    return ["README.md", *(path.relative_to(ROOT).as_posix() for path in found)]


def blocks_of(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [*_fenced(page, text), *_before(page, text)]
    return sorted(found, key=lambda block: block.line)


def _before(page: str, text: str) -> Iterator[Block]:
    """What nobody reads, and the next block needs."""
    for found in _BEFORE.finditer(text):
        yield Block(page, text.count("\n", 0, found.start()) + 1, "before", f"{found['text']}\n")


def _fenced(page: str, text: str) -> list[Block]:
    return [
        Block(
            page,
            text.count("\n", 0, found.start("text")) + 1,
            found["kind"],
            textwrap.dedent(found["text"]),
            len(found["indent"]),
        )
        for found in _BLOCK.finditer(text)
    ]
