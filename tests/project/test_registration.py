"""`flowkit register` without its words: files in, registry out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flowkit.errors import LoadError, RegistryError, UsageError
from flowkit.flow.flow import Flow
from flowkit.project.registration import register, register_flow
from flowkit.project.registry import Registry
from flowkit.project.root import Project

FLOW = "from flowkit.flow.flow import Flow\nwith Flow({name!r}) as flow: pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "flows").mkdir()
    return Project(tmp_path)


def write(project: Project, file: str, name: str, extra: str = "") -> None:
    (project.root / "flows" / file).write_text(FLOW.format(name=name) + extra)


def test_new_changed_unchanged_and_gone(project: Project) -> None:
    for name in ("a", "b", "c"):
        write(project, f"{name}.py", name)
    assert len(register(project).changes.new) == 3
    write(project, "b.py", "b", "# changed\n")
    write(project, "c.py", "other")
    write(project, "bad.py", "bad", "1 / 0\n")

    checked = register(project, check=True)
    done = register(project)
    for result in (checked, done):
        changes = result.changes
        assert [entry.name for entry in changes.new] == ["other"]
        assert [(each.before.version, each.after.version) for each in changes.changed] == [(1, 2)]
        assert [entry.name for entry in changes.unchanged] == ["a"]
        assert [entry.name for entry in changes.gone] == ["c"]
        assert [error.message for error in result.errors] == [
            "`flows/bad.py:3` raised ZeroDivisionError: division by zero"
        ]
    assert list(Registry(project).read()) == ["a", "b", "c", "other"]


def test_a_file_that_fails_keeps_its_registered_flows(project: Project) -> None:
    write(project, "a.py", "a")
    register(project)
    write(project, "a.py", "a", "1 / 0\n")
    result = register(project, prune=True)
    assert not result.changes.gone
    assert list(Registry(project).read()) == ["a"]


def test_a_name_of_two_files_is_refused_and_nothing_of_it_changes(project: Project) -> None:
    write(project, "a.py", "same")
    register(project)
    before = Registry(project).read()
    write(project, "b.py", "same")
    write(project, "c.py", "fine")
    result = register(project, prune=True)
    [error] = result.errors
    assert error.message == "two flows are called `same`: `flows/a.py:flow` and `flows/b.py:flow`"
    assert not result.changes.gone
    assert Registry(project).read()["same"] == before["same"]
    assert "fine" in Registry(project).read()

    [error] = register(project, [project.root / "flows" / "b.py"]).errors
    assert "two flows are called `same`" in error.message


def test_a_moved_flow_is_no_clash(project: Project) -> None:
    write(project, "a.py", "etl")
    register(project)
    (project.root / "flows" / "a.py").rename(project.root / "flows" / "b.py")
    result = register(project, [project.root / "flows" / "b.py"])
    assert not result.errors
    assert [(each.after.ref, each.after.version) for each in result.changes.changed] == [
        ("flows/b.py:flow", 1)
    ]


def test_a_damaged_registry_is_said_before_anything_is_loaded(project: Project) -> None:
    (project.root / "flows" / "a.py").write_text("open(__file__ + '.loaded', 'w')\n")
    project.state.mkdir(mode=0o700)
    Registry(project).path.write_text("???")
    with pytest.raises(RegistryError):
        register(project)
    assert not (project.root / "flows" / "a.py.loaded").exists()


def test_the_registry_is_the_same_in_two_places(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        project = Project(tmp_path / name)
        (project.root / "flows").mkdir(parents=True)
        extra = (
            "from pathlib import Path\nfrom flowkit.flow.parameter import Parameter\n"
            "with flow: Parameter('p', default={Path(__file__), 'b', 'c'})()\n"
        )
        write(project, "etl.py", "etl", extra)
        register(project)
        lines = Registry(project).path.read_text().splitlines()
        texts.append([line for line in lines if not line.startswith("registered")])
    assert texts[0] == texts[1]


SCRIPT = """
from flowkit.project.registration import register_flow
print(register_flow(flow, globals()).new[0].ref)
"""


def test_a_script_registers_its_own_flow(project: Project) -> None:
    write(project, "etl.py", "etl", SCRIPT)
    command = [sys.executable, str(project.root / "flows" / "etl.py")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "flows/etl.py:flow\n"
    assert list(Registry(project).read()) == ["etl"]


def test_a_flow_that_no_file_has_cannot_be_registered(project: Project) -> None:
    flow = Flow("etl")
    with pytest.raises(UsageError, match="it is not defined in a file"):
        register_flow(flow, {"flow": flow})
    write(project, "etl.py", "etl")
    file = str(project.root / "flows" / "etl.py")
    with pytest.raises(UsageError, match="no variable at the top level has it"):
        register_flow(flow, {"__file__": file})
    register_flow(flow, {"__file__": file, "flow": flow})
    other = project.root / "flows" / "other.py"
    other.touch()
    with pytest.raises(LoadError, match="two flows are called `etl`"):
        register_flow(flow, {"__file__": str(other), "flow": flow})


@pytest.mark.parametrize(
    "script",
    [
        "from flows.etl import flow\nflow.register()",
        "from flows.etl import flow as other\nother.register()",
        "import flows.etl\nflows.etl.flow.register()",
    ],
)
def test_a_script_that_imports_a_flow_registers_the_file_that_defines_it(
    project: Project, script: str
) -> None:
    write(project, "etl.py", "etl")
    main = project.root / "main.py"
    main.write_text(script)
    subprocess.run([sys.executable, str(main)], capture_output=True, text=True, check=True)
    assert Registry(project).read()["etl"].ref == "flows/etl.py:flow"
