"""The report for CI services."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.junit import JUnit, _attribute, _text
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.task import task

ANY = st.text(st.characters())


@task
def numbers():
    print("reading \x1b[31m<b>&\x00")
    return [0, 1]


@task
def clean(number):
    if number:
        raise ValueError("no <b>\nsecond\x07")


@task
def join(parts):
    pass


def test_each_task_and_child_is_a_case_with_how_it_ended(run, screen, tmp_path):
    path = tmp_path / "reports" / "run.xml"
    with Flow("data_pipeline") as flow:
        join(clean.map(numbers()))
    run(flow, JUnit(screen.console, path))
    root = ElementTree.parse(path).getroot()
    suite = root.find("testsuite")
    sums = {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")}
    assert sums == {"name": "data_pipeline", "tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == ["numbers", "clean[0]", "clean[1]", "join"]
    assert cases["numbers"].findtext("system-out") == "reading \ufffd[31m<b>&\ufffd"
    assert list(cases["clean[0]"]) == []
    failure = cases["clean[1]"].find("failure")
    assert (failure.get("message"), failure.get("type")) == ("ValueError: no <b> …", "ValueError")
    assert "in clean" in failure.text
    assert cases["join"].find("skipped").get("message") == "needs clean"
    assert [each.name for each in path.parent.iterdir()] == ["run.xml"]


def test_what_was_cut_short_is_an_error_so_that_a_stopped_run_is_no_success(run, screen, tmp_path):
    with Flow("f") as flow:
        numbers(), numbers()
    run(flow, JUnit(screen.console, tmp_path / "j.xml"), timeout=0.0)
    suite = ElementTree.parse(tmp_path / "j.xml").getroot().find("testsuite")
    assert suite.get("errors") == "2"
    assert all(case.find("error") is not None for case in suite)


@given(ANY)
def test_any_text_survives_as_valid_xml(text):
    root = ElementTree.fromstring(f"<a b={_attribute(text)}>{_text(text)}</a>")
    legal = "".join(
        c
        if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        else "\ufffd"
        for c in text
    )
    assert (root.text or "") == legal
    assert root.get("b") == legal


def test_a_file_that_cannot_be_written_is_refused_before_the_run(screen, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        JUnit(screen.console, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        JUnit(screen.console, tmp_path / "file" / "below" / "j.xml")


def test_a_file_that_cannot_be_written_in_the_end_is_said_and_changes_nothing(run, screen, tmp_path):
    folder = tmp_path / "reports"
    report = JUnit(screen.console, folder / "j.xml")
    folder.rmdir()
    with Flow("f") as flow:
        numbers()
    assert run(flow, report).exit_code == 0
    assert "warning: the report" in screen.shown
