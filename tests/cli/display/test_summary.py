"""The end of a run, in few lines."""

from __future__ import annotations

import re
import signal
from types import SimpleNamespace

import pytest

from flowkit.cli.display import Title
from flowkit.cli.output import OutputMode
from flowkit.cli.plain import PlainDisplay
from flowkit.cli.quiet import QuietDisplay
from flowkit.cli.styled import plain
from flowkit.cli.summary import ending, summary
from flowkit.cli.tally import Tally
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.tasks.control_flow import merge


@task
def good():
    return 1


@task
def bad(number=0):
    raise ValueError(f"no {number}")


@task
def after(value):
    return value


class Ended:
    """Keeps the outcome's summary, as if nothing had been shown before."""

    def begin(self, engine):
        self.tally = Tally(engine.plan)

    def see(self, rows, lines):
        self.tally.take(rows)

    def end(self, outcome):
        lines = summary(outcome, self.tally, command="flowkit run f", reasons_told=False)
        self.text = re.sub(r"\d+\.\ds|\d+ms|<1ms", "0.1s", "\n".join(map(plain, lines)))


@pytest.fixture
def ended(run):
    def ended(flow, **options):
        observer = Ended()
        run(flow, observer, **options)
        return observer.text

    return ended


def test_success_is_one_line(ended):
    with Flow("f") as flow:
        after(good())
    assert ended(flow) == "  ✓ 2 ok   0.1s"


def test_a_flow_without_tasks_says_so(ended):
    assert ended(Flow("f")) == "  ✓ nothing to run   0.1s"


def test_what_was_not_run_names_what_it_needs_through_what_only_carries_values(ended):
    with Flow("f") as flow:
        after([good(), {"a": bad()}], task_args={"name": "join"})
    assert "  ⊘ not run  join: needs bad\n" in ended(flow)


def test_a_merge_that_was_not_run_names_what_it_needs(ended):
    with Flow("f") as flow:
        merge(after(bad()), good())
    assert "Merge: needs after\n" in ended(flow)


def test_a_child_needs_the_child_before_it(ended):
    @task
    def numbers():
        return [0, 1, 2]

    @task
    def odd(number):
        if number == 1:
            raise ValueError

    with Flow("f") as flow:
        after.map(odd.map(numbers()))
    assert "  ⊘ not run  after[1]: needs odd[1]\n" in ended(flow)


def test_more_than_three_failures_are_repeated_and_no_more_than_ten(ended):
    with Flow("f") as flow:
        bad.map(list(range(30)))
    text = ended(flow)
    assert text.startswith("  30 failures\n    ✗ bad[0]  ValueError: no 0\n")
    assert "    … 20 more\n" in text
    assert text.endswith("\n\n  ✗ 30 failed   0.1s")


def test_a_failure_that_does_not_decide_the_run_is_told(ended):
    with Flow("f") as flow:
        bad(0)
        flow.set_reference_tasks([good()])
    text = ended(flow)
    assert "  note: bad failed, but does not decide the run (no reference task)\n" in text
    assert text.endswith("  ✓ 1 ok · 1 failed   0.1s")


def test_the_slowest_tasks_are_told_where_they_took_long():
    with Flow("f") as flow:
        for _ in range(5):
            good()
    plan = compile_flow(flow, lane="inline")
    tally = Tally(plan)
    tally.take(
        [(node, -1, 1, 5, 0.0, seconds, None, None) for node, seconds in enumerate([1, 30, 0.1, 5, 9])]
    )
    outcome = SimpleNamespace(
        plan=plan,
        engine=SimpleNamespace(number=None),
        exit_code=0,
        duration=45.1,
        interrupted=None,
        paused=[],
        timed_out=False,
        left_behind=(),
    )
    lines = [plain(line) for line in summary(outcome, tally, command="flowkit run f", reasons_told=True)]
    assert lines == ["  slowest  good-2 30.0s · good-5 9.0s · good-4 5.0s", "", "  ✓ 5 ok   45.1s"]


@pytest.mark.parametrize(
    ("interrupted", "timed_out", "words"),
    [
        (signal.SIGINT, False, "interrupted by ctrl-c"),
        (signal.SIGTERM, False, "stopped by SIGTERM"),
        (None, True, "stopped by its time limit"),
        (None, False, ""),
    ],
)
def test_what_cut_a_run_short_is_said(interrupted, timed_out, words):
    assert ending(SimpleNamespace(interrupted=interrupted, timed_out=timed_out)) == words


def test_hints_name_commands_that_exist(ended):
    with Flow("f") as flow:
        bad()
    assert set(re.findall(r"flowkit \w+", ended(flow))) == {"flowkit run"}
    assert "  help: flowkit resume 42   flowkit logs 42 bad\n" in ended(flow, number=42)


def test_a_run_in_which_nothing_failed_is_not_to_be_resumed(ended):
    with Flow("f") as flow:
        good()
    assert "help" not in ended(flow, number=42)


def test_quiet_shows_failures_and_the_sum_and_twice_quiet_failures_only(run, screen_in):
    with Flow("f") as flow:
        good(), bad()
    once, twice = screen_in({}), screen_in({})
    run(flow, QuietDisplay(once.console, Title("f")))
    run(flow, QuietDisplay(twice.console, Title("f"), errors_only=True))
    assert once.shown.startswith("\nerror[task-failed]: bad raised")
    assert once.shown.endswith("\n\n  ✗ 1 ok · 1 failed   0.1s\n")
    assert once.shown.startswith(twice.shown)
    assert "✗" not in twice.shown


def test_plain_and_summary_agree_about_large_flows(run, screen):
    with Flow("f") as flow:
        failed = bad()
        for _ in range(1100):
            after(failed)
    run(flow, PlainDisplay(screen.console, Title("f"), output=OutputMode.NONE))
    assert "  ⊘ not run  after, after-2, after-3 and 997 more: needs bad\n" in screen.shown
    assert "    … 100 more tasks skipped or not run\n" in screen.shown
    assert "1 failed · 1,100 not run" in screen.shown
