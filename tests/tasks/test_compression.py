"""Packing and unpacking archives, also those that were made to do harm."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow
from flowkit.errors import CallError, DefinitionError
from flowkit.plan.state import Failed
from flowkit.tasks.files import Unzip, Zip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "ü dir"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "a.txt").write_text("a" * 10_000)
    (folder / "sub" / "b.bin").write_bytes(bytes(range(256)))
    return folder


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return sorted(opened.namelist())


@pytest.mark.parametrize("method", ["deflate", "store", "bzip2", "lzma"])
def test_what_is_packed_comes_out_again(tree: Path, tmp_path: Path, method: str) -> None:
    with Flow("there and back") as flow:
        packed = Zip(tree, tmp_path / "x.zip", compression_method=method)()
        back = Unzip(extract_dir=tmp_path / "new" / "back")(packed)
    result = flow.run(history=False).result
    assert result[packed].result == tmp_path / "x.zip"
    folder = result[back].result
    assert folder == tmp_path / "new" / "back"
    assert (folder / "ü dir/a.txt").read_text() == "a" * 10_000
    assert (folder / "ü dir/sub/b.bin").read_bytes() == bytes(range(256))
    assert (folder / "ü dir/sub/empty").is_dir()


def test_several_sources_and_a_level(ended: Any, tree: Path, tmp_path: Path) -> None:
    zipped = ended(Zip([tree / "a.txt", str(tree / "sub")]), zip_path=tmp_path / "x.zip", compression_level=9)
    assert names(zipped.result) == ["a.txt", "sub/", "sub/b.bin", "sub/empty/"]


def test_an_archive_in_the_folder_that_is_packed_is_not_in_itself(ended: Any, tree: Path) -> None:
    for _ in range(2):
        assert names(ended(Zip(tree, tree / "x.zip")).result) == [
            "ü dir/",
            "ü dir/a.txt",
            "ü dir/sub/",
            "ü dir/sub/b.bin",
            "ü dir/sub/empty/",
        ]


def test_links_lead_to_files_but_not_to_folders(ended: Any, tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "file").symlink_to(tree / "a.txt")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "fifo")
    assert names(ended(Zip(folder, tmp_path / "x.zip")).result) == ["links/", "links/file"]
    (folder / "nowhere").symlink_to("nothing")
    assert isinstance(ended(Zip(folder, tmp_path / "x.zip")).result, FileNotFoundError)


def test_a_file_from_before_1980(ended: Any, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    os.utime(tmp_path / "old", (0, 0))
    assert names(ended(Zip(tmp_path / "old", tmp_path / "x.zip")).result) == ["old"]


def test_an_archive_that_cannot_be_made_leaves_the_old_one(ended: Any, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("old")
    state = ended(Zip([tree, tmp_path / "missing"], tmp_path / "x.zip"))
    assert isinstance(state.result, FileNotFoundError) and "missing" in str(state.result)
    assert (tmp_path / "x.zip").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip", "ü dir"]


def test_two_sources_of_one_name_are_refused(ended: Any, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("other")
    state = ended(Zip([tree / "a.txt", tmp_path / "a.txt"], tmp_path / "x.zip"))
    assert isinstance(state.result, CallError) and "the same name in the archive" in str(state.result)


def test_an_unknown_method_is_refused_at_once() -> None:
    with pytest.raises(DefinitionError, match="is deflate, store, bzip2, lzma, not `rar`"):
        Zip("a", "b", compression_method="rar")


def test_the_archive_is_removed_where_that_is_asked_for(ended: Any, tree: Path, tmp_path: Path) -> None:
    Zip().run(tree, tmp_path / "x.zip")
    assert ended(Unzip(tmp_path / "x.zip", tmp_path / "out", remove_after_unzip=True)).is_successful()
    assert not (tmp_path / "x.zip").exists()


def test_the_working_directory_is_where_it_goes_if_nothing_is_said(
    ended: Any, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Zip().run(tree / "a.txt", tmp_path / "x.zip")
    assert ended(Unzip(tmp_path / "x.zip")).result == tmp_path / "here"
    assert (tmp_path / "here/a.txt").exists()


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/../out.txt", "..", "link/out.txt"],
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(
    ended: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("good.txt", "good")
        archive.writestr(zipfile.ZipInfo(name), "bad")
    state = ended(Unzip(tmp_path / "x.zip", tmp_path / "in"))
    assert type(state) is Failed and isinstance(state.result, ValueError)
    assert f"`{tmp_path}/x.zip` is not unpacked: its member" in str(state.result)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "link", "x.zip"]


def test_a_link_in_an_archive_is_only_a_file(ended: Any, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc")
    assert ended(Unzip(tmp_path / "x.zip", tmp_path / "in")).is_successful()
    assert not (tmp_path / "in/link").is_symlink()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_what_is_no_archive_is_named(ended: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    state = ended(Unzip(tmp_path / "x.zip", tmp_path / "in"))
    assert isinstance(state.result, ValueError)
    assert f"`{tmp_path}/x.zip` cannot be unpacked" in str(state.result)
    assert not (tmp_path / "in").exists()


def test_what_is_not_there_is_named(ended: Any, tmp_path: Path) -> None:
    assert "'/no/such.zip'" in str(ended(Unzip("/no/such.zip", tmp_path)).result)
    assert "needs a `zip_path`" in str(ended(Unzip()).result)
    assert "needs a `source_path`" in str(ended(Zip(zip_path="x")).result)
