"""The plugin of pytest: what a user's tests see, by real runs of pytest."""

from __future__ import annotations

import pytest

FLOWS = """
from datetime import timedelta
from flowkit import flow, task

@task(max_retries=2, retry_delay=timedelta(minutes=5))
def fetch(day):
    if day == "sun":
        raise OSError("closed on sundays")
    return [1, 2]

@task
def total(rows):
    return sum(rows)

@flow
def etl(day: str):
    total(fetch(day))
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "flows").mkdir()
    (pytester.path / "flows" / "etl.py").write_text(FLOWS)
    return pytester


def test_a_flow_is_run_by_its_place_or_itself(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from flowkit.testing import overriding

        def test_by_place(flow_run, monkeypatch, tmp_path):
            monkeypatch.chdir(tmp_path)
            assert flow_run("flows/etl.py:etl", day="mon").result["total"].result == 3

        def test_itself(flow_run):
            etl = flow_run.load("etl")
            with overriding(etl, fetch=[5]):
                assert flow_run(etl, {"day": "tue"}).is_successful()

        def test_time(flow_run):
            assert flow_run("etl", day="sun").is_failed()
            assert flow_run.clock.elapsed == 600
        """
    )
    project.runpytest_subprocess("-q").assert_outcomes(passed=3)
    assert not (project.path / ".flowkit").exists()


def test_a_history_is_that_of_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from flowkit import flow, task
        from flowkit.state import Cached
        from flowkit.testing import assert_state

        @task(cache=True)
        def one():
            return 1

        @flow
        def cached():
            one()

        def test_it(flow_run, tmp_path):
            flow_run(cached, history=True)
            assert_state(flow_run(cached, history=True), "one", Cached)
            assert (tmp_path / ".flowkit" / "history.db").exists()
        """
    )
    project.runpytest_subprocess("-q").assert_outcomes(passed=1)
    assert not (project.path / ".flowkit").exists()


def test_a_report_shows_why_a_flow_failed(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(flow_run):
            assert flow_run("etl", day="sun").is_successful()
        """
    )
    result = project.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*a flow run failed: Some reference tasks failed.*",
            "`fetch` failed:",
            '  File "*/flows/etl.py", line 8, in fetch',
            '    raise OSError("closed on sundays")',
            "OSError: closed on sundays",
            "not run: total",
        ]
    )
    result.stdout.no_fnmatch_line("*flowkit/engine/*")


def test_an_assertion_of_ours_tells_it_once(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from flowkit.testing import assert_successful

        def test_it(flow_run):
            assert_successful(flow_run("etl", day="sun"))
        """
    )
    result = project.runpytest_subprocess("-q")
    result.stdout.fnmatch_lines(
        [">       assert_successful(flow_run*", "E*raise OSError(*", "E*OSError: closed on*"]
    )
    result.stdout.no_fnmatch_line("*a flow run failed*")


def test_what_is_asked_wrongly_is_one_sentence(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(flow_run):
            flow_run("etl", dya="mon")
        """
    )
    result = project.runpytest_subprocess("-q")
    result.stdout.fnmatch_lines(["E *the flow `etl` cannot run*", "E *did you mean `day`*"])
    result.stdout.no_fnmatch_line("*flowkit/runs/*")


def test_a_test_that_passes_shows_nothing_of_runs_that_fail(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(flow_run):
            assert flow_run("etl", day="sun").is_failed()
        """
    )
    result = project.runpytest_subprocess("-q")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*OSError*")


def test_flowkit_is_imported_by_who_uses_it_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert "flowkit_pytest" in sys.modules
            assert "flowkit" not in sys.modules
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_the_fixture_is_listed_with_what_it_does(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures", "-q")
    result.stdout.fnmatch_lines(["flow_run*", "*Runs flows in memory*"])
