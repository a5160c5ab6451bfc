"""`log_stdout`: what a task prints is logged, a line a record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from flowkit import Flow, Secret, task
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.runs import FlowRunner
from flowkit.runs.runners import TaskRunner


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "flowkit")
    return caplog


def said(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == f"flowkit.{name}"]


@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
def test_a_line_is_one_record(
    executor: Any, records: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(log_stdout=True)
    def says() -> None:
        print("one\n\ntwo")
        sys.stdout.write("par")
        sys.stdout.write("t")
        print("not this", file=sys.stderr)

    with Flow("f") as flow:
        says()
    assert flow.run(history=False, executor=executor).is_successful()
    assert said(records, "says") == ["one", "", "two", "part"]
    assert capsys.readouterr().out == ""


def test_one_that_fails_has_said_what_it_said(records: pytest.LogCaptureFixture) -> None:
    @task(log_stdout=True)
    def says() -> None:
        print("before", end="")
        raise ValueError("no")

    with Flow("f") as flow:
        says()
    assert flow.run(history=False).is_failed()
    assert said(records, "says") == ["before"]


def test_percent_signs_are_text(records: pytest.LogCaptureFixture) -> None:
    @task(log_stdout=True)
    def says() -> None:
        print("100 %s %d %")

    with Flow("f") as flow:
        says()
    assert flow.run(history=False).is_successful()
    assert said(records, "says") == ["100 %s %d %"]


class Printing(logging.Handler):
    """A handler of the program's own that prints each record."""

    def emit(self, record: logging.LogRecord) -> None:
        print("handled", record.getMessage())


@pytest.fixture
def _printing() -> Iterator[None]:
    handler = Printing()
    logging.getLogger("flowkit").addHandler(handler)
    yield
    logging.getLogger("flowkit").removeHandler(handler)


@pytest.mark.usefixtures("_printing")
def test_what_a_handler_prints_of_a_record_is_no_other_record(
    records: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(log_stdout=True)
    def says() -> None:
        print("once")

    with Flow("f") as flow:
        says()
    assert flow.run(history=False).is_successful()
    assert said(records, "says") == ["once"]
    assert "handled once" in capsys.readouterr().out


def test_runners_log_it_too(records: pytest.LogCaptureFixture) -> None:
    @task(log_stdout=True)
    def says() -> None:
        print("by a runner")

    with Flow("f") as flow:
        made = says()
    FlowRunner(flow).run()
    TaskRunner(made).run()
    assert said(records, "says") == ["by a runner"] * 2


def test_a_secret_is_as_covered_in_the_history_as_in_any_line(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    monkeypatch.setenv("FLOWKIT_SECRET_PASSWORD", "hunter2hunter2")

    @task(log_stdout=True)
    def says() -> None:
        print("it is", Secret("PASSWORD").get())

    with Flow("f") as flow:
        says()
    assert flow.run(history=True).is_successful()
    kept = b"".join(path.read_bytes() for path in (tmp_path / ".flowkit").rglob("*") if path.is_file())
    assert b"it is" in kept
    assert b"hunter2hunter2" not in kept
