"""The events on stdout, as docs/json.md promises them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flowkit.cli.display import observers_for
from flowkit.cli.events import Events
from flowkit.engine.engine import Engine
from flowkit.engine.signals import SKIP
from flowkit.engine.task_threads import start_apart
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Report

PAGE = Path(__file__).parents[3] / "docs" / "json.md"
SCHEMA = PAGE.parent / "schema" / "run-events.v1.json"


@task
def numbers():
    print("three")
    return [0, 1, 2]


@task(max_retries=1, retry_delay=0)
def clean(number):
    if number == 1:
        raise SKIP("empty")
    if number == 2:
        raise ValueError("no")


@task
def join(parts):
    pass


@pytest.fixture
def written(run, screen):
    """The events of a flow."""

    def written(flow):
        run(flow, Events(screen.console, "brisk-otter", wall=lambda: 1_700_000_000.0))
        assert screen.err.getvalue() == ""
        return [json.loads(line) for line in screen.out.getvalue().splitlines()]

    return written


def pipeline():
    with Flow("data_pipeline") as flow:
        Parameter("unused", default=1)()
        join(clean.map(numbers()))
    return flow


def test_events_come_in_order_and_the_last_is_the_sum(written):
    found = [(event["event"], event.get("task")) for event in written(pipeline())]
    assert found == [
        ("run_started", None),
        ("task_started", "numbers"),
        ("task_output", "numbers"),
        ("task_finished", "numbers"),
        ("task_expanded", "clean"),
        ("task_started", "clean[0]"),
        ("task_finished", "clean[0]"),
        ("task_started", "clean[1]"),
        ("task_finished", "clean[1]"),
        ("task_started", "clean[2]"),
        ("task_retrying", "clean[2]"),
        ("task_started", "clean[2]"),
        ("task_finished", "clean[2]"),
        ("task_finished", "join"),
        ("run_finished", None),
    ]


def test_every_event_says_its_schema_run_and_time_in_utc(written):
    for event in written(pipeline()):
        assert (event["schema"], event["run"], event["number"]) == (1, "brisk-otter", None)
        assert event["id"]
        assert re.fullmatch(r"2023-11-14T22:13:2\d\.\d{3}Z", event["ts"])


def test_ends_have_a_word_seconds_and_why(written):
    ends = {event["task"]: event for event in written(pipeline()) if event["event"] == "task_finished"}
    assert {key: event["status"] for key, event in ends.items()} == {
        "numbers": "ok",
        "clean[0]": "ok",
        "clean[1]": "skipped",
        "clean[2]": "failed",
        "join": "not run",
    }
    assert ends["clean[2]"]["index"] == 2
    assert ends["clean[2]"]["attempt"] == 2
    assert ends["clean[2]"]["seconds"] >= 0
    assert {name: ends["clean[2]"]["error"][name] for name in ("kind", "type", "message")} == {
        "kind": "error",
        "type": "ValueError",
        "message": "no",
    }
    assert ends["clean[1]"]["reason"] == "empty"
    assert ends["join"]["reason"] == "needs clean"
    assert "error" not in ends["numbers"]
    assert "reason" not in ends["numbers"]


def test_the_sum_counts_what_a_person_would(written):
    last = written(pipeline())[-1]
    assert last["status"] == "failed"
    assert last["exit_code"] == 1
    assert last["failed"] == ["clean[2]"]
    assert last["retried"] == 1
    assert last["counts"] == {
        "ok": 2,
        "cached": 0,
        "skipped": 1,
        "failed": 1,
        "timed out": 0,
        "not run": 1,
        "cancelled": 0,
    }


def test_whatever_a_task_prints_each_line_is_one_json_object(written):
    @task
    def odd():
        print('"\u2028\x00\ud800 \x1b[31m日本', end="\r\n")

    with Flow("f") as flow:
        odd()
    texts = [event["text"] for event in written(flow) if event["event"] == "task_output"]
    assert texts == ['"\u2028\x00\\ud800 \x1b[31m日本\r']


def test_with_json_stderr_has_failures_and_the_sum_only(run, screen):
    observers = observers_for(console=screen.console, name="f", json=True)
    with Flow("f") as flow:
        join(numbers())
    run(flow, *observers)
    assert screen.shown == "  ✓ 2 ok   0.1s\n"


def test_what_threads_print_that_no_task_owns_is_not_among_the_data(run, screen):
    import threading

    @task
    def work():
        thread = threading.Thread(target=lambda: print("from a thread"))
        start_apart(thread)
        thread.join()

    with Flow("f") as flow:
        work()
    run(flow, *observers_for(console=screen.console, name="f", json=True))
    assert all(json.loads(line) for line in screen.out.getvalue().splitlines())
    assert screen.shown == "from a thread\n  ✓ 1 ok   0.1s\n"


def test_with_json_and_verbose_stderr_has_the_plain_lines(run, screen):
    observers = observers_for(console=screen.console, name="f", json=True, verbose=1)
    with Flow("f") as flow:
        join(numbers())
    run(flow, *observers)
    assert "1/2  START    numbers\n" in screen.shown
    assert all(json.loads(line) for line in screen.out.getvalue().splitlines())


def test_how_far_an_attempt_is_has_an_event(screen):
    assert reported(screen) == [
        {"event": "task_progress", "task": "clean[1]", "index": 1, "attempt": 2, "done": 3, "total": 10},
        {"event": "task_progress", "task": "numbers", "attempt": 1, "done": 7.5},
    ]


def reported(screen):
    plan = compile_flow(pipeline(), lane="inline")
    events = Events(screen.console, "brisk-otter")
    events.begin(Engine(plan, []))
    places = plan.keys.index("clean"), plan.keys.index("numbers")
    events.report({(places[0], 1, 2): Report(3, 10), (places[1], -1, 1): Report(7.5)})
    found = [json.loads(line) for line in screen.out.getvalue().splitlines()[1:]]
    for event in found:
        Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(event)
    of_the_run = ("schema", "ts", "run", "number", "id")
    return [{name: value for name, value in each.items() if name not in of_the_run} for each in found]


def test_the_page_names_every_event_and_field(written, screen):
    page = PAGE.read_text(encoding="utf-8")
    for event in [*written(pipeline()), *reported(screen)]:
        assert f"`{event['event']}`" in page
        for field in (*event, *event.get("error", ())):
            assert f"`{field}`" in page, field


def test_what_would_map_over_a_failure_is_not_run_and_says_whom_it_needs(written):
    @task
    def find():
        raise FileNotFoundError("nope")

    with Flow("summers") as flow:
        join(clean.map(find()))
    events = written(flow)
    ends = {event["task"]: event for event in events if event["event"] == "task_finished"}
    assert {key: (event["status"], event.get("reason")) for key, event in ends.items()} == {
        "find": ("failed", None),
        "clean": ("not run", "needs find"),
        "join": ("not run", "needs clean"),
    }
    assert events[-1]["failed"] == ["find"]
