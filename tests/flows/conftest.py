"""The flows that ship, loaded from their files as a user's would be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FLOWS = Path(__file__).resolve().parents[2] / "flows"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"shipped_{name}", FLOWS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def data_pipeline() -> ModuleType:
    return load("data_pipeline")


@pytest.fixture(scope="session")
def weather() -> ModuleType:
    return load("weather")


@pytest.fixture(scope="session")
def wfcommons() -> ModuleType:
    return load("wfcommons")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory outside any project: nothing is kept of a run, and no path may depend on it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def result_of() -> Callable[[Any, str], Any]:
    """What the only task of this name returned, or raised, in the state of a run."""

    def find(state: Any, name: str) -> Any:
        (found,) = [each.result for task, each in state.result.items() if task.name == name]
        return found

    return find
