"""Which folder is a project's root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowkit.project.root import Project, find, find_or_start, located


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        ("flowkit.toml", ""),
        ("pyproject.toml", "[tool.flowkit]\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n\n[tool.flowkit.logging]\nlevel = 'DEBUG'\n"),
        (".flowkit", None),
        ("flows", None),
    ],
)
def test_the_nearest_folder_with_a_marker_is_the_root(
    tmp_path: Path, marker: str, content: str | None
) -> None:
    root = tmp_path / "a project ü"
    below = root / "deep" / "down"
    below.mkdir(parents=True)
    (tmp_path / "flows").mkdir()
    if content is None:
        (root / marker).mkdir()
    else:
        (root / marker).write_text(content)
    assert find(below) == Project(root)
    assert find(root / "deep") == Project(root)


@pytest.mark.parametrize("content", ["[tool.other]\n", "# [tool.flowkit]\n", "[tool.flowkitten]\n"])
def test_another_tools_pyproject_is_no_marker(tmp_path: Path, content: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "flows").mkdir()
    (root / "pyproject.toml").write_text(content)
    assert find(root) == Project(tmp_path)


def test_a_folder_without_a_project_can_start_one(tmp_path: Path) -> None:
    assert find_or_start(tmp_path).root == tmp_path
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_a_marker_of_another_user_in_a_shared_folder_does_not_count(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "flows").mkdir()
    assert find(tmp_path) == Project(tmp_path)
    os.chown(tmp_path / "flows", 65534, 65534)
    assert find(tmp_path) != Project(tmp_path)


def test_the_state_folder_moves_with_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    monkeypatch.delenv("FLOWKIT_HOME", raising=False)
    assert project.state == tmp_path / ".flowkit"
    monkeypatch.setenv("FLOWKIT_HOME", str(tmp_path / "else where"))
    assert project.state == tmp_path / "else where"


def test_paths_are_shown_relative_to_the_root(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.display(tmp_path / "flows" / "etl.py") == "flows/etl.py"
    assert project.display(Path("/elsewhere/etl.py")) == "/elsewhere/etl.py"


def test_a_linked_flow_file_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "shared.py").touch()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "etl.py").symlink_to("shared.py")
    assert located(tmp_path / "link" / "etl.py") == tmp_path / "real" / "etl.py"
