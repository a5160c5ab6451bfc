"""The page of a report, made of whatever stands in the history."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit import Flow, Parameter, task
from flowkit.cli.report_graph import graph_of
from flowkit.cli.report_page import file_name, report_page
from flowkit.engine.executors import LocalExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.plan.status import Status
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.start import Options, executors_for, prepare
from flowkit.store import database
from flowkit.store.history import History
from flowkit.why.archive import Archive
from flowkit.why.report.gather import report_of


@task(name="load", cache=True)
def load(day: str) -> list[int]:
    print("loading", day)
    return [1, 0]


@task(name="invert")
def invert(number: int) -> float:
    return 1 / number


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of a project in which a flow has run."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(root / "config"))
        with Flow("shop") as flow:
            invert.map(load(Parameter("day")))
        memory, executor = Memory(Project(root), Settings()), LocalExecutor()
        plan, values = compile_flow(flow, lane="inline"), {"day": "mon"}
        kept = memory.begin(plan, values, session_of(executor, "test"), Asked())
        prepare(plan, values, executors_for(plan, executor), Options(capture=True), kept).run()
        yield Project(root).state


def page_of(folder: Path) -> str:
    with History(folder) as history, Archive(folder, history) as archive:
        report = report_of(archive, history.find("latest"), 2e9)
        assert re.fullmatch(r"report-1-[a-z-]+\.html", file_name(report))
        return report_page(report, graph_of(history, report))


def changed(folder: Path, query: str, *values: Any) -> None:
    with closing(sqlite3.connect(folder / database.FILE)) as connection, connection:
        connection.execute(query, values)


NAMES = st.sampled_from(
    [
        "failure",
        "origin",
        "message",
        "width",
        "memory",
        "retry_in",
        "kind",
        "type_name",
        "traceback",
        "place",
        "frames",
        "causes",
        "inputs",
        "values",
        "source",
        "file",
        "line",
        "function",
        "run",
        "key",
        "notes",
    ]
)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=25)
@given(st.dictionaries(NAMES, ODD, max_size=5), st.sampled_from(Status), st.floats(-1e12, 1e12))
def test_what_is_odd_in_the_history_makes_a_page_all_the_same(
    folder: Path, detail: dict[str, Any], status: Status, started: float
) -> None:
    written = json.dumps(detail)
    changed(
        folder, "UPDATE attempts SET detail=?, status=?, started=? WHERE node>0", written, status, started
    )
    assert page_of(folder).endswith("</html>")


@settings(max_examples=15)
@given(ODD, ODD, ODD)
def test_so_does_what_is_odd_in_where_it_was_carried_out(
    folder: Path, packages: Any, platform: Any, cores: Any
) -> None:
    environment = {"packages": packages, "platform": platform, "cores": cores}
    changed(folder, "UPDATE runs SET asked=?", json.dumps({"environment": environment}))
    assert page_of(folder).endswith("</html>")


def test_a_run_whose_outline_is_gone_makes_a_page(folder: Path) -> None:
    changed(folder, "UPDATE runs SET outline=x'00', asked='{}', parameters='[]'")
    page = page_of(folder)
    assert "What the flow was made of is not kept any more." in page
    assert "task 1" in page
