"""`flow.diagnostics()` and `flow.run_agent()`."""

from __future__ import annotations

import json
import logging

import pytest

from flowkit import Flow, task
from flowkit.flow.warning import say_once


def test_a_flow_and_what_it_runs_on_are_described_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_LOGGING__LEVEL", "ERROR")
    flow = Flow("f", storage="s3://hush", tasks=[task(lambda: 1)])
    text = flow.diagnostics(include_secret_names=True)
    found = json.loads(text)
    assert "logging.level" in found["config_overrides"]
    assert "FLOWKIT_LOGGING__LEVEL" in found["env_vars"]
    assert (found["flow_information"]["storage"], found["flow_information"]["schedule"]) == (True, False)
    assert found["flow_information"]["task_count"] == 1
    assert found["system_information"].keys() == {"flowkit_version", "platform", "python_version"}
    assert "hush" not in text and "ERROR" not in text


def test_an_agent_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "flowkit"):
        Flow("f").run_agent(token="t", show_flow_logs=True)
        Flow("g").run_agent()
    (record,) = caplog.records
    assert "`flowkit serve` runs registered flows" in record.getMessage()
