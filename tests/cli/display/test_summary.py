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
from flowkit.cli.summary import summary
from flowkit.cli.tally import Tally
from flowkit.engine.outcome import Outcome
from flowkit.engine.signals import FAIL
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail
from flowkit.plan.status import CACHED, CANCELLED, SUCCESS
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


def outcome_of(plan):
    return SimpleNamespace(
        plan=plan,
        engine=SimpleNamespace(number=None),
        exit_code=0,
        duration=45.1,
        interrupted=None,
        paused=[],
        timed_out=False,
        left_behind=(),
        broken=None,
        ending="",
        told="",
    )


class Ended:
    """Keeps the outcome's summary, as if nothing had been shown before."""

    def __init__(self, **options):
        self._options = options

    def begin(self, engine):
        self.tally = Tally(engine.plan)

    def see(self, rows, lines):
        self.tally.take(rows)

    def end(self, outcome):
        lines = summary(outcome, self.tally, command="flowkit run f", reasons_told=False, **self._options)
        self.text = re.sub(r"\d+\.\ds|\d+ms|<1ms", "0.1s", "\n".join(map(plain, lines)))


@pytest.fixture
def ended(run):
    def ended(flow, number=None, **options):
        observer = Ended(**options)
        run(flow, observer, number=number)
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
    told = summary(outcome_of(plan), tally, command="flowkit run f", reasons_told=True)
    lines = [plain(line) for line in told]
    assert lines == [
        "  slowest  good-2 30.0s (67%) · good-5 9.0s (20%) · good-4 5.0s (11%)",
        "",
        "  ✓ 5 ok   45.1s",
    ]


@pytest.mark.parametrize(
    ("interrupted", "timeout", "told", "words"),
    [
        (signal.SIGINT, None, "", "interrupted by ctrl-c"),
        (signal.SIGTERM, None, "", "stopped by SIGTERM"),
        (signal.SIGTERM, None, "cancelled by flowkit cancel", "cancelled by flowkit cancel"),
        (None, 5.0, "", "stopped after its limit of 5s"),
        (None, 300.0, "", "stopped after its limit of 5m"),
        (None, None, "", ""),
    ],
)
def test_what_cut_a_run_short_is_said(interrupted, timeout, told, words):
    engine = SimpleNamespace(timeout=timeout)
    outcome = Outcome(engine, 0.0, interrupted, timeout is not None, (), told=told)
    assert outcome.ending == words


def test_hints_name_commands_that_exist(ended):
    with Flow("f") as flow:
        bad()
    assert set(re.findall(r"flowkit \w+", ended(flow))) == {"flowkit run"}
    assert ended(flow, number=42).startswith(
        "  next  flowkit resume 42            goes on with what is left\n"
        "        flowkit logs 42 bad          what it printed and logged\n"
        "        flowkit replay 42 bad --pdb  runs it alone, up to the failure\n"
        "        flowkit report 42            the whole run on one page\n"
    )


def test_only_what_fits_is_proposed(ended):
    """There is nothing to read of a task that said nothing, and no line of code to stop at in one that was
    not let finish."""

    @task
    def gives_up():
        raise FAIL("no rows")

    with Flow("f") as flow:
        gives_up()
    text = ended(flow, number=42, printed=lambda node, index: False)
    assert re.findall(r"flowkit (\w+) 42", text) == ["resume", "report"]


def test_in_a_narrow_terminal_the_commands_stand_alone(ended):
    with Flow("f") as flow:
        bad()
    assert "  next  flowkit resume 42\n        flowkit logs 42 bad\n" in ended(flow, number=42, columns=40)


def test_failures_with_one_reason_are_told_together(ended):
    @task
    def strict(number):
        raise ValueError("no" if number else "none")

    with Flow("f") as flow:
        strict.map(list(range(6)))
    assert ended(flow).startswith(
        "  6 failures\n"
        "    ✗ strict[0]  ValueError: none\n"
        "    ✗ strict[1], strict[2], strict[3] and 2 more  ValueError: no\n"
    )


def test_what_was_cached_is_named_and_a_run_of_nothing_else_says_so():
    with Flow("f") as flow:
        for _ in range(5):
            good()
    plan = compile_flow(flow, lane="inline")
    tally = Tally(plan)
    tally.take([(node, -1, 1, CACHED, 0.0, 0.0, None, None) for node in range(5)])
    lines = [
        plain(line) for line in summary(outcome_of(plan), tally, command="flowkit run f", reasons_told=False)
    ]
    assert lines == [
        "  ✓ cached  good, good-2, good-3 and 2 more",
        "",
        "  ✓ 5 cached   45.1s   all of it was there already",
    ]


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


def test_what_was_cut_short_is_not_among_the_slowest():
    with Flow("f") as flow:
        for _ in range(6):
            good()
    plan = compile_flow(flow)
    tally = Tally(plan)
    tally.take([(node, -1, 1, SUCCESS, 0.0, 3.0 + node, "threads-1", None) for node in range(5)])
    tally.take([(5, -1, 1, CANCELLED, 0.0, 40.0, None, Detail(message="Interrupted."))])
    told = summary(outcome_of(plan), tally, command="flowkit run f", reasons_told=True)
    assert plain(told[0]) == "  slowest  good-5 7.0s (16%) · good-4 6.0s (13%) · good-3 5.0s (11%)"


def test_a_worker_that_could_not_be_stopped_is_named_with_its_task():
    with Flow("f") as flow:
        good()
    outcome = outcome_of(compile_flow(flow))
    outcome.left_behind = ("threads-1", "dask at tcp://there")
    outcome.engine.left_calls = {"threads-1": (0, -1, 1)}
    told = summary(outcome, Tally(outcome.plan), command="flowkit run f", reasons_told=True)
    assert plain(told[0]) == (
        "  note: good (threads-1), worker dask at tcp://there could not be stopped and were left behind"
    )
