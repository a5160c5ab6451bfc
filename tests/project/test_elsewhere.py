"""Flow files in another process: it has the text that was executed here, files or not."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowkit.project import import_paths, loader
from flowkit.project.elsewhere import finding
from flowkit.project.root import find_or_start

FLOW = """
import measure
from flowkit import flow, task

@task
def weighed():
    return measure.weigh(1)

@flow
def etl():
    weighed()
"""
ELSEWHERE = """
import pickle, sys
for data in pickle.load(sys.stdin.buffer):
    pickle.loads(data)()
    import flowkit_flows.flows.etl as etl
    print(etl.weighed.run())
"""


@pytest.fixture(autouse=True)
def unmounted() -> Iterator[None]:
    """What a test mounts is gone after it."""
    paths, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = paths
    for name in sys.modules.keys() - modules:
        if name.partition(".")[0] in (import_paths.PACKAGE, "measure"):
            del sys.modules[name]
    import_paths._base, import_paths._folders = None, ()


def loaded(root: Path, helper: str) -> bytes:
    """What another process has to call, once the flow was loaded here."""
    (root / "flows").mkdir(parents=True, exist_ok=True)
    (root / "flows/etl.py").write_text(FLOW)
    (root / "flows/measure.py").write_text(helper)
    sys.modules.pop("measure", None)
    loader.load_file(root / "flows/etl.py", find_or_start(root))
    return pickle.dumps(finding())


def printed_elsewhere(found: list[bytes], folder: Path) -> list[str]:
    command = [sys.executable, "-P", "-c", ELSEWHERE]
    said = subprocess.run(command, input=pickle.dumps(found), capture_output=True, cwd=folder, timeout=60)
    assert said.returncode == 0, said.stderr.decode()
    return said.stdout.decode().split()


def test_a_flow_file_and_its_helper_need_not_be_there(tmp_path: Path) -> None:
    found = loaded(tmp_path / "project", "def weigh(x):\n    return x + 1\n")
    shutil.rmtree(tmp_path / "project")
    assert printed_elsewhere([found], tmp_path) == ["2"]


def test_a_process_that_serves_one_run_after_another_takes_the_text_of_each(tmp_path: Path) -> None:
    project = tmp_path / "project"
    found = [loaded(project, f"def weigh(x):\n    return x + {more}\n") for more in (1, 10)]
    assert printed_elsewhere([*found, found[0]], tmp_path) == ["2", "11", "2"]
