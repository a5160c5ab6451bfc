"""Pages with sessions that need jq show what it shows; all other sessions are in tests/docs.

`make test-jq` runs this; without jq it fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_server import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from page_blocks import blocks_of, pages
from page_place import finished, whole


@pytest.mark.parametrize(
    "page", [page for page in pages() if any(block.needs_jq for block in blocks_of(page))]
)
def test_a_page_with_jq_shows_what_comes(page: str, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    finished(whole(page, monkeypatch, server, lambda block: True))


def test_there_are_such_pages() -> None:
    assert sum(block.needs_jq for page in pages() for block in blocks_of(page)) >= 4
