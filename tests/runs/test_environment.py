"""What is remembered of where a run was carried out."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from flowkit.runs.environment import environment


def test_it_tells_platform_cores_and_versions() -> None:
    found = environment()
    assert (
        found["cores"] == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    assert found["platform"].startswith(os.uname().sysname)
    assert found["packages"]["flowkit"]
    assert not {"json", "os", "flowkit.runs"} & set(found["packages"])
    assert json.loads(json.dumps(found)) == found


def test_no_code_of_a_module_is_run_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lazy_module.py").write_text("raise SystemExit('it was loaded')")
    spec = importlib.util.spec_from_file_location("lazy_module", tmp_path / "lazy_module.py")
    assert spec is not None and spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    spec.loader.exec_module(module)
    assert "lazy_module" not in environment()["packages"]


@pytest.mark.parametrize("version", [None, 3, ("1", "0"), "x" * 1000, "\x1b[31m"])
def test_what_is_no_version_is_left_out(version: object, monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("odd_module")
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "odd_module", module)
    assert "odd_module" not in environment()["packages"]
