"""The registry says that a parameter is secret, and nothing of its default."""

from __future__ import annotations

import tomllib
from pathlib import Path

from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.project.descriptor import describe_flow
from flowkit.project.entry import HIDDEN, from_json, to_json
from flowkit.project.registry import Registry
from flowkit.project.root import Project


def test_a_secret_is_marked_in_the_registry_without_its_default(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with Flow("etl") as flow:
        for parameter in (
            Parameter("a", "hunter2", secret=True),
            Parameter("b", secret=True),
            Parameter("c", 1),
        ):
            parameter()
    found = describe_flow(flow, "flows/etl.py:flow", "sha256:1", project)
    assert from_json(to_json(found)) == found
    registry = Registry(project)
    registry.update([found])
    text = registry.path.read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert tomllib.loads(text)["flows"]["etl"]["parameters"] == [
        {"name": "a", "type": "str", "secret": True},
        {"name": "b", "type": "Any", "required": True, "secret": True},
        {"name": "c", "type": "int", "default": "1"},
    ]
    parameters = registry.read()["etl"].parameters
    assert parameters == found.parameters
    assert [(each.default, each.required, each.secret) for each in parameters] == [
        (HIDDEN, False, True),
        (None, True, True),
        ("1", False, False),
    ]
    assert not registry.update([found]).changed


def test_a_parameter_that_is_no_longer_secret_loses_the_mark(tmp_path: Path) -> None:
    project = Project(tmp_path)
    registry = Registry(project)
    for secret in (True, False):
        with Flow("etl") as flow:
            Parameter("a", "text", secret=secret)()
        registry.update([describe_flow(flow, "flows/etl.py:flow", "sha256:1", project)])
    assert tomllib.loads(registry.path.read_text())["flows"]["etl"]["parameters"] == [
        {"name": "a", "type": "str", "default": "'text'"}
    ]
