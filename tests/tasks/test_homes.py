"""Where ready-made tasks are found, and what finding them costs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("home", "names"),
    [
        ("shell", ["ShellTask"]),
        ("files", ["Copy", "Move", "Remove", "Glob", "Zip", "Unzip"]),
        ("database", ["SQLiteQuery", "SQLiteScript"]),
        ("database.sqlite", ["SQLiteQuery", "SQLiteScript"]),
        ("templates", ["StringFormatter", "JinjaTemplate"]),
        ("notifications", ["EmailTask", "SlackTask"]),
        ("core.collections", ["List", "Tuple", "Set", "Dict"]),
        ("core.constants", ["Constant"]),
        ("core.operators", ["GetItem", "GetAttr"]),
        ("core.function", ["FunctionTask"]),
        ("control_flow", ["case", "ifelse", "merge", "switch"]),
    ],
)
def test_classic_s_homes(home: str, names: list[str]) -> None:
    module = importlib.import_module(f"flowkit.tasks.{home}")
    assert all(hasattr(module, name) for name in names)


HEAVY = {
    "jinja2",
    "sqlite3",
    "zipfile",
    "smtplib",
    "email",
    "urllib.request",
    "http",
    "ssl",
    "asyncio",
    "pydantic",
}


@pytest.mark.parametrize("home", ["shell", "files", "database", "templates", "notifications"])
def test_finding_them_imports_nothing_heavy(home: str) -> None:
    code = f"import sys, flowkit.tasks.{home}; print({HEAVY} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "set()\n"


def test_flowkit_alone_imports_none_of_them() -> None:
    code = "import sys, flowkit; print([name for name in sys.modules if name.startswith('flowkit.tasks')])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"
