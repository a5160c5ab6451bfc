"""Every block of the documentation is carried out, in a project of its page, and shows what the page shows.

- `python` is executed. Where its first line names a file, as `# flows/etl.py`, it is written there too, for
  the commands that follow; the other blocks of a page share their names.
- `console`: what follows `$ ` is typed in a terminal of 120 columns. What it shows must be what stands below,
  but for names of runs, times, durations, sizes and spaces, and where `...` or `…` stands: as a line for any
  lines, in one for any text.
- `toml` is parsed, and written where its first line names a file; `json` is parsed, by line; `sh` is run.
- A block without a kind, or `text`, shows something that is no session.

What a page needs besides, `FLOWS` in page_place.py says; `<!-- before: COMMAND -->` is run, and not shown.

`FLOWKIT_RECORD=1 pytest tests/docs` puts what came into the pages.
"""

from __future__ import annotations

import re

import pytest
from command_server import Server
from page_blocks import ROOT, Block, blocks_of, pages
from page_place import finished, whole

# Why blocks are not run, by page and how they begin.
NOT_RUN = {
    ("docs/tutorial.md", "python -m venv"): "it needs the network",
    ("README.md", "make run "): "it makes an environment; `.ci/run` runs it in a checkout",
    ("docs/executors.md", "flowkit run train --executor dask"): "needs a cluster at that address",
    ("docs/executors.md", "dask scheduler"): "needs that address",
    (
        "docs/executors.md",
        "flowkit run flows/train.py --executor ray",
    ): "needs Ray, which `make test-ray` has",
    (
        "docs/from-prefect-classic.md",
        "@flow(name=",
    ): "a part of own_style.py, which tests/compat/test_migration.py runs",
}
KINDS = ("python", "console", "toml", "json", "sh", "before", "text", "")


def is_run(block: Block) -> bool:
    """Sessions with jq are run where that is: tests/jq."""
    return not block.needs_jq and not any(
        block.page == page and block.text.startswith(begin) for page, begin in NOT_RUN
    )


@pytest.mark.parametrize("page", [page for page in pages() if any(block.kind for block in blocks_of(page))])
def test_every_block_of_a_page_runs(page: str, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    finished(whole(page, monkeypatch, server, is_run))


def test_blocks_are_of_a_kind_that_is_run() -> None:
    others = [
        f"{block.place} {block.kind}"
        for page in pages()
        for block in blocks_of(page)
        if block.kind not in KINDS
    ]
    assert not others


def test_what_is_not_run_is_still_there() -> None:
    for page, begin in NOT_RUN:
        assert any(block.text.startswith(begin) for block in blocks_of(page)), (
            f"{page} has no `{begin}` any more"
        )


def test_a_session_says_that_it_is_one() -> None:
    silent = [
        block.place
        for page in pages()
        for block in blocks_of(page)
        if block.text.startswith("$ ") and not block.kind
    ]
    assert not silent


def test_all_fences_are_closed() -> None:
    for page in pages():
        fences = [
            line for line in (ROOT / page).read_text("utf-8").splitlines() if line.strip().startswith("```")
        ]
        blocks = [block for block in blocks_of(page) if block.kind != "before"]
        assert len(fences) == 2 * len(blocks), page


def test_the_flow_of_the_readme_has_at_most_fifteen_lines() -> None:
    (block,) = [block for block in blocks_of("README.md") if block.file == "flows/orders.py"]
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 16  # one of them is its place


def test_the_pages_name_only_commands_that_exist(command_names: set[str]) -> None:
    named = {
        (name, page)
        for page in pages()
        for name in re.findall(r"(?:`|\$ )flowkit ([a-z]+)", (ROOT / page).read_text("utf-8"))
    }
    assert {f"{page}: flowkit {name}" for name, page in named if name not in command_names} == set()
