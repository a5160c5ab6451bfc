"""A path is worth what lies there."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from flowkit.fingerprint import Tracer, UndigestibleError, digest


def test_a_path_is_worth_the_content_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    missing = digest(path)
    path.write_text("one")
    one = digest(path)
    path.write_text("two")
    two = digest(path)
    path.write_text("one")
    assert digest(path) == one
    assert len({missing, one, two}) == 3


def test_a_folder_is_worth_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    seen = [digest(tmp_path)]
    (tmp_path / "a" / "b" / "c").write_text("one")
    seen.append(digest(tmp_path))
    (tmp_path / "a" / "b" / "c").rename(tmp_path / "a" / "c")
    seen.append(digest(tmp_path))
    (tmp_path / "a" / "c").write_text("two")
    seen.append(digest(tmp_path))
    (tmp_path / "empty").mkdir()
    seen.append(digest(tmp_path))
    assert len(set(seen)) == len(seen)


def test_the_same_path_in_another_checkout_is_the_same(tmp_path: Path) -> None:
    found = set()
    for name in ("one", "other"):
        path = tmp_path / name / "data" / "in.csv"
        path.parent.mkdir(parents=True)
        path.write_text("content")
        found.add(digest(path, tracer=Tracer(tmp_path / name)))
    assert len(found) == 1


def test_two_outputs_that_are_not_there_yet_differ(tmp_path: Path) -> None:
    assert digest(tmp_path / "a" / "out") != digest(tmp_path / "b" / "out")


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    (tmp_path / "up").symlink_to(tmp_path)
    assert digest(tmp_path) == digest(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert digest(tmp_path / "pipe") != digest(tmp_path / "none")
    assert digest(tmp_path)


def test_a_pure_path_is_only_its_text(tmp_path: Path) -> None:
    pure = PurePath(tmp_path / "a")
    before = digest(pure)
    (tmp_path / "a").write_text("one")
    assert digest(pure) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    with pytest.raises(UndigestibleError, match="Permission denied"):
        digest(path)
