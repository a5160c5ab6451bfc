"""Copying, moving, removing and finding files by tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.errors import CallError
from flowkit.plan.state import Failed
from flowkit.tasks.files import Copy, Glob, Move, Remove


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `ü dir` with `a.txt`, `sub/b.txt` and a link to the first, beside an empty folder."""
    folder = tmp_path / "ü dir"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    (folder / "link").symlink_to("a.txt")
    (tmp_path / "empty").mkdir()
    return folder


def test_a_file_is_copied(ended: Any, tree: Path, tmp_path: Path) -> None:
    assert ended(Copy(tree / "a.txt", tmp_path / "c.txt")).result == tmp_path / "c.txt"
    assert (tmp_path / "c.txt").read_text() == "a"
    assert (
        ended(Copy(str(tree / "a.txt")), target_path=str(tmp_path / "empty")).result
        == tmp_path / "empty/a.txt"
    )


def test_a_folder_is_copied_with_its_links(ended: Any, tree: Path, tmp_path: Path) -> None:
    copy = ended(Copy(), source_path=tree, target_path=tmp_path / "copy").result
    assert copy == tmp_path / "copy"
    assert (copy / "sub/b.txt").read_text() == "b" and (copy / "link").is_symlink()


def test_what_is_moved_is_where_it_is_said_to_be(ended: Any, tree: Path, tmp_path: Path) -> None:
    assert ended(Move(tree, tmp_path / "moved")).result == tmp_path / "moved"
    assert not tree.exists()
    assert (
        ended(Move(tmp_path / "moved/a.txt"), target_path=tmp_path / "empty").result
        == tmp_path / "empty/a.txt"
    )


def test_what_is_removed_is_gone_and_what_a_link_leads_to_is_not(
    ended: Any, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "to folder").symlink_to(tree)
    assert ended(Remove(tmp_path / "to folder")).is_successful()
    assert ended(Remove(), path=tree / "link").is_successful()
    assert (tree / "a.txt").exists()
    assert ended(Remove(tree)).is_successful()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_files_are_found_in_order(ended: Any, tree: Path) -> None:
    assert ended(Glob(tree, "*.txt")).result == [tree / "a.txt"]
    assert ended(Glob(tree), pattern="**/*.txt").result == [tree / "a.txt", tree / "sub/b.txt"]
    assert ended(Glob(pattern="*.csv"), path=str(tree)).result == []


def test_what_is_found_is_mapped_over(tree: Path, tmp_path: Path) -> None:
    @task
    def read(path: Path) -> str:
        return path.read_text()

    with Flow("mapped") as flow:
        found = Glob(tree, "**/*.txt")()
        copies = Copy(target_path=tmp_path / "empty").map(found)
        texts = read.map(copies)
    assert flow.run(history=False).result[texts].result == ["a", "b"]


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (Copy("/no/such", "/tmp/x"), FileNotFoundError, "'/no/such'"),
        (Move("/no/such", "/tmp/x"), FileNotFoundError, "'/no/such'"),
        (Remove("/no/such"), FileNotFoundError, "'/no/such'"),
        (Glob("/no/such", "*"), NotADirectoryError, "there is no folder `/no/such`"),
        (Copy(), CallError, "the task `Copy` needs a `source_path`"),
        (Move("/a"), CallError, "the task `Move` needs a `target_path`"),
        (Remove(), CallError, "the task `Remove` needs a `path`"),
        (Remove(None), CallError, "`path` of the task `Remove` is a path, not `None`"),
        (Glob("/"), CallError, "the task `Glob` needs a `pattern`"),
    ],
)
def test_errors_say_which_path(ended: Any, made: Any, error: type[Exception], words: str) -> None:
    state = ended(made)
    assert type(state) is Failed and isinstance(state.result, error)
    assert words in str(state.result)


def test_a_folder_is_not_copied_over_another(ended: Any, tree: Path, tmp_path: Path) -> None:
    state = ended(Copy(tree, tmp_path / "empty"))
    assert isinstance(state.result, FileExistsError) and "empty" in str(state.result)
