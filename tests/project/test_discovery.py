"""Which files hold flows, and what a NAME means: all without running them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowkit.errors import RegistryError, UsageError
from flowkit.project.discovery import flow_files, homes, known_flows, resolve, scan
from flowkit.project.entry import Descriptor
from flowkit.project.registry import Registry
from flowkit.project.root import Project

BOOM = 'raise SystemError("imported")\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Flow files which fail when they are imported."""
    flows = tmp_path / "flows"
    for folder in ("package", "_private", "data", ".hidden"):
        (flows / folder).mkdir(parents=True)
    (flows / "etl.py").write_text(BOOM + 'with Flow("data_pipeline") as f: pass\n')
    (flows / "weather.py").write_text(BOOM + "@flowkit.flow\ndef seattle(): ...\n")
    (flows / "two.py").write_text(BOOM + '@flow(name="one")\ndef a(): ...\nb = flowkit.Flow(name="two")\n')
    (flows / "package" / "__init__.py").write_text(BOOM)
    (flows / "_private" / "__init__.py").touch()
    (flows / ".hidden" / "__init__.py").touch()
    (flows / "_help.py").touch()
    (flows / "data" / "x.csv").touch()
    (flows / "broken.py").write_text("def f(:")
    return Project(tmp_path)


def register(project: Project, name: str, ref: str) -> None:
    Registry(project).update([Descriptor(name=name, ref=ref, fingerprint="x")])


def names_of(project: Project, files: list[Path]) -> list[str]:
    return [project.display(file) for file in files]


def test_a_folder_stands_for_its_flow_files_and_packages(project: Project) -> None:
    assert names_of(project, flow_files(project)) == [
        "flows/broken.py",
        "flows/etl.py",
        "flows/package/__init__.py",
        "flows/two.py",
        "flows/weather.py",
    ]


def test_paths_are_files_folders_and_packages_each_once(project: Project) -> None:
    flows = project.root / "flows"
    given = [flows / "etl.py", flows / "package", flows, flows / "_help.py"]
    files = names_of(project, flow_files(project, given))
    assert files[:2] == ["flows/etl.py", "flows/package/__init__.py"]
    assert files[-1] == "flows/_help.py"
    assert len(files) == 6


def test_the_folder_of_flows_may_itself_be_a_package(project: Project) -> None:
    before = flow_files(project)
    (project.root / "flows" / "__init__.py").touch()
    assert flow_files(project) == flow_files(project, [project.root / "flows"]) == before


@pytest.mark.parametrize(
    ("path", "says"), [("nothing", "no file or folder"), ("flows/data", "no flow files in")]
)
def test_paths_without_flow_files_are_refused(project: Project, path: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        flow_files(project, [project.root / path])


def test_scanning_finds_flows_by_their_syntax(project: Project) -> None:
    flows = project.root / "flows"
    assert [(found.name, found.line) for found in scan(flows / "two.py")] == [("one", 3), ("two", 4)]
    assert list(scan(flows / "broken.py")) == list(scan(flows / "nothing.py")) == []


def test_known_flows_are_registered_or_found(project: Project) -> None:
    register(project, "registered", "elsewhere.py:f")
    assert list(known_flows(project)) == ["data_pipeline", "one", "registered", "seattle", "two"]


@pytest.mark.parametrize(
    ("name", "file", "wanted"),
    [
        ("flows/etl.py", "flows/etl.py", None),
        ("flows/two.py:one", "flows/two.py", "one"),
        ("flows/package", "flows/package/__init__.py", None),
        ("etl", "flows/etl.py", None),
        ("package", "flows/package/__init__.py", None),
        ("two", "flows/two.py", "two"),
        ("data_pipeline", "flows/etl.py", "data_pipeline"),
        ("seattle", "flows/weather.py", "seattle"),
        ("registered", "flows/etl.py", "registered"),
        ("a/b", "flows/etl.py", "a/b"),
    ],
)
def test_a_name_means_a_file_a_registered_flow_or_a_found_one(
    project: Project, name: str, file: str, wanted: str | None
) -> None:
    register(project, "registered", "flows/etl.py:f")
    register(project, "a/b", "flows/etl.py:f")
    target = resolve(name, project, cwd=project.root / "flows" / "data")
    assert target.path is not None
    assert (project.display(target.path), target.wanted) == (file, wanted)


def test_what_is_registered_comes_before_what_is_found(project: Project) -> None:
    register(project, "etl", "flows/weather.py:seattle")
    target = resolve("etl", project)
    assert target.path == project.root / "flows" / "weather.py"
    assert target.entry is not None


def test_a_file_is_run_also_where_the_registry_is_damaged(project: Project) -> None:
    Registry(project).path.parent.mkdir(mode=0o700)
    Registry(project).path.write_text("???")
    assert resolve("flows/etl.py", project).path == project.root / "flows" / "etl.py"
    with pytest.raises(RegistryError):
        resolve("etl", project)


def test_modules_are_named_with_a_dot_or_a_colon(project: Project) -> None:
    assert resolve("package.module:flow", project).module == "package.module"
    assert resolve("module:flow", project).wanted == "flow"
    assert resolve("package.module", project).wanted is None


def test_the_same_name_in_another_unicode_form_is_found(project: Project) -> None:
    (project.root / "flows" / "café.py").touch()
    target = resolve("cafe\u0301", project)
    assert target.path is not None
    assert target.path.name == "café.py"


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("data_pipelin", "no flow is called `data_pipelin`", "did you mean `data_pipeline`?"),
        ("flows/elt.py", "there is no flow file `flows/elt.py`", None),
        ("../x", "there is no flow file `../x`", None),
        ("", "no flow is called ``", "the flows here: "),
        ("x" * 5000, "no flow is called `xxxx", "the flows here: "),
        ("x\x1b[31m\n", r"no flow is called `x\x1b[31m\n`", "the flows here: "),
        ("x\0.py", r"there is no flow file `x\x00.py`", None),
    ],
)
def test_unknown_flows_are_refused_in_one_line_with_the_nearest(
    project: Project, name: str, says: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(name, project)
    assert caught.value.message.startswith(says)
    assert "\n" not in caught.value.message
    assert [line.startswith(hint or "") for line in caught.value.hints] == ([True] if hint else [])


def test_a_name_that_two_files_mention_is_refused(project: Project) -> None:
    (project.root / "flows" / "other.py").write_text('\nFlow("seattle")')
    with pytest.raises(UsageError, match=r"`flows/other.py:2` and `flows/weather.py:3`"):
        resolve("seattle", project)


def test_a_registered_flow_whose_file_is_gone_says_which_and_where_to(project: Project) -> None:
    register(project, "seattle", "flows/moved.py:f")
    register(project, "lost", "flows/moved.py:f")
    with pytest.raises(
        UsageError, match=r"registered from `flows/moved.py`, which no longer exists"
    ) as caught:
        resolve("seattle", project)
    assert caught.value.hints == ("it is in `flows/weather.py` now: run `flowkit register`",)
    with pytest.raises(UsageError) as caught:
        resolve("lost", project)
    assert caught.value.hints == ("put the file back, or run `flowkit unregister 'lost'`",)


def test_a_project_without_flows_says_so(tmp_path: Path) -> None:
    os.mkdir(tmp_path / ".flowkit", 0o700)  # noqa: PTH102 - the mode, whatever the umask
    with pytest.raises(UsageError) as caught:
        resolve("etl", Project(tmp_path))
    assert caught.value.hints == ("there is no flow in `flows/` yet; `path/to/file.py` is a name too",)


# -- a flow that is not where it was ------------------------------------------------------------


def homes_of(project: Project, name: str, was: str) -> list[str]:
    return names_of(project, homes(name, project, was=project.root / was))


def test_a_flow_lives_where_it_is_mentioned_or_beside_where_it_was(project: Project) -> None:
    (project.root / "jobs").mkdir()
    (project.root / "jobs" / "new.py").write_text(BOOM + "@flow\ndef seattle(): ...\n")
    assert homes_of(project, "seattle", "flows/old.py") == ["flows/weather.py"]
    assert homes_of(project, "seattle", "jobs/old.py") == ["flows/weather.py", "jobs/new.py"]
    assert homes_of(project, "seattle", "gone/old.py") == ["flows/weather.py"]
    assert homes_of(project, "weather", "flows/old.py") == []


def test_a_flow_lives_where_it_is_registered_unless_that_is_where_it_was(project: Project) -> None:
    (project.root / "jobs").mkdir()
    (project.root / "jobs" / "new.py").touch()
    register(project, "seattle", "jobs/new.py:f")
    assert homes_of(project, "seattle", "flows/old.py") == ["jobs/new.py"]
    assert homes_of(project, "seattle", "jobs/new.py") == ["flows/weather.py"]
    (project.root / "jobs" / "new.py").unlink()
    assert homes_of(project, "seattle", "flows/old.py") == ["flows/weather.py"]


def test_nothing_outside_of_the_project_is_looked_at(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "flows" / "data")
    assert homes("seattle", inner, was=tmp_path / "flows" / "old.py") == []
