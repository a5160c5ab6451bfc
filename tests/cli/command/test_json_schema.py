"""What `--json` writes is what docs/schema says, to the last field."""

from __future__ import annotations

import json
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from command_shell import Shell
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"
FLOW = """
    import threading
    from flowkit import case, flow, task
    from flowkit.signals import PAUSE, SKIP
    from flowkit.triggers import all_failed

    @task(cache=True)
    def numbers(first):
        "Some numbers."
        return [first, 2, 3]

    @task(max_retries=1, retry_delay=0)
    def each(number):
        print("number", number)
        if number == 2:
            error = ValueError("no")
            error.add_note("a note")
            raise error from KeyError("cause")
        return number

    @task(timeout=0.05)
    def slow():
        threading.Event().wait(5)

    @task
    def skipped():
        raise SKIP("not today")

    @task
    def after(value):
        return value

    @task(trigger=all_failed)
    def never(value):
        return value

    @task
    def group():
        raise ExceptionGroup("many", [OSError("a"), ExceptionGroup("b", [KeyError("c")])])

    @task
    def deep(depth=0):
        deep.run(depth + 1)

    @flow
    def wild(first: int = 1):
        found = numbers(first)
        after(each.map(found))
        after(slow())
        never(after(skipped()))
        group()
        deep()
"""
OTHERS = """
    import os, signal
    from flowkit import flow, task
    from flowkit.signals import PAUSE
    from flowkit.triggers import manual_only

    @task(trigger=manual_only)
    def held():
        pass

    @flow
    def paused():
        held()

    @task
    def stop():
        os.kill(os.getpid(), signal.SIGTERM)

    @task
    def after(value):
        pass

    @flow
    def stopped():
        after(stop())

    @task
    def waits():
        import threading
        threading.Event().wait(2)

    @flow
    def late():
        after(waits())

    @task
    def fine():
        print("a line")

    @flow
    def good():
        fine()
"""


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema in which a field that it does not name is refused."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.v1.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)

    def closed(part: Any) -> Any:
        if isinstance(part, list):
            return [closed(each) for each in part]
        if not isinstance(part, dict):
            return part
        whole = {key: closed(value) for key, value in part.items()}
        return (
            {"additionalProperties": False, **whole}
            if isinstance(part.get("properties"), dict) and part.get("type") == "object"
            else whole
        )

    strict: dict[str, Any] = closed(found)
    return strict


def hold(name: str, document: Any) -> None:
    """Refuse a document that is not what its schema says."""
    wanted = schema(name)
    if "event" in wanted.get("$defs", {}).get("run_started", {}).get("properties", {}):
        wanted = {"$ref": f"#/$defs/{document['event']}", "$defs": wanted["$defs"]}
    Draft202012Validator(wanted).validate(document)


def events_of(shell: Shell, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The events of a run, each as its schema says."""
    events = [json.loads(line) for line in shell(*arguments, "--json", code=code).out.splitlines()]
    for event in events:
        hold("run-events", event)
        Draft202012Validator(schema("run-events")).validate(event)
    assert events[0]["event"] == "run_started" and events[-1]["event"] == "run_finished"
    return events


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A project whose flows end in every way."""
    shell.write("flows/wild.py", FLOW)
    shell.write("flows/others.py", OTHERS)
    return shell


@pytest.mark.parametrize("lane", ["threads", "processes", "coroutines"])
def test_every_event_of_every_kind_of_run_is_as_its_schema_says(project: Shell, lane: str) -> None:
    first = events_of(project, "run", "wild", "--executor", lane, code=1)
    again = events_of(project, "run", "wild", "--executor", lane, code=1)
    kinds = {event["event"] for event in first}
    assert kinds >= {"task_expanded", "task_started", "task_output", "task_retrying", "task_finished"}
    ends = {event["status"] for event in [*first, *again] if event["event"] == "task_finished"}
    assert ends >= {"ok", "cached", "skipped", "failed", "timed out", "not run"}
    [error] = [
        each["error"] for each in first if each["event"] == "task_finished" and each["task"] == "each[1]"
    ]
    assert [each["how"] for each in error["causes"]] == ["caused by"] and error["notes"] == ["a note"]
    resumed = events_of(project, "resume", "1", code=1)
    assert resumed[-1]["counts"]["failed"]


@pytest.mark.parametrize(
    ("name", "options", "code", "status"),
    [
        ("good", (), 0, "success"),
        ("paused", (), 0, "paused"),
        ("stopped", ("--executor", "inline"), 128 + signal.SIGTERM, "cancelled"),
        ("late", ("--timeout", "0.1"), 124, "timed out"),
    ],
)
def test_every_end_of_a_run_is_as_its_schema_says(
    project: Shell, name: str, options: tuple[str, ...], code: int, status: str
) -> None:
    last = events_of(project, "run", name, *options, code=code)[-1]
    assert last["status"] == status and last["exit_code"] == code
    [run] = json.loads(project("runs", "--json").out)
    assert (last["run"], last["number"], last["id"]) == (run["name"], run["run"], run["id"])
    hold("run", json.loads(project("runs", "show", "--json").out))
    hold("runs", json.loads(project("runs", "--json").out))


def test_what_the_other_commands_write_is_as_their_schemas_say(project: Shell) -> None:
    hold("plan", json.loads(project("run", "wild", "--dry-run", "--json").out))
    hold("register", json.loads(project("register", "--json").out))
    project.write("flows/broken.py", "from nowhere import nothing\n@flow\ndef f(): pass")
    hold("register", json.loads(project("register", "--json", code=3).out))
    project("run", "wild", code=1)
    project("run", "wild", "--first", "5", code=1)
    documents = {
        "flows": ("list", "--json"),
        "flow": ("show", "wild", "--json"),
        "graph": ("graph", "wild", "--format", "json"),
        "runs": ("runs", "--json"),
        "run": ("runs", "show", "1", "--children", "--json"),
        "diff": ("diff", "1", "2", "--json"),
        "cache": ("cache", "ls", "--json"),
        "cache-why": ("cache", "why", "numbers", "--json"),
        "config": ("config", "--json"),
        "doctor": ("doctor", "--no-flows", "--json"),
        "predict": ("predict", "wild", "--json"),
    }
    for name, command in documents.items():
        found = json.loads(project(*command).out)
        assert found, name
        hold(name, found)
    hold("run", json.loads(project("runs", "show", "2", "each[1]", "--json").out))
    for task in ("numbers", "each", "each[1]", "after", "slow"):
        hold("why", json.loads(project("why", "2", task, "--json").out))
    lines = project("logs", "--json").out.splitlines()
    assert lines
    for line in lines:
        hold("log", json.loads(line))


def test_every_schema_is_named_on_the_page_and_is_held_by_a_test() -> None:
    page = (SCHEMAS.parent / "json.md").read_text(encoding="utf-8")
    here = Path(__file__).read_text(encoding="utf-8")
    for path in SCHEMAS.iterdir():
        assert f"schema/{path.name}" in page
        assert f'"{path.name.partition(".")[0]}"' in here


def test_a_field_that_no_schema_names_is_refused(project: Shell) -> None:
    [*_, last] = events_of(project, "run", "good")
    with pytest.raises(Exception, match="more"):
        hold("run-events", {**last, "more": 1})
    Draft202012Validator(json.loads((SCHEMAS / "run-events.v1.json").read_text())).validate(
        {**last, "more": 1}
    )
