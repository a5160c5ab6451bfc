"""The live lines, from what is known alone."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.bars import bar
from flowkit.cli.frame import frame
from flowkit.cli.styled import cropped, plain, width
from flowkit.cli.tally import Tally
from flowkit.engine.engine import Engine
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail, Failure, Report
from flowkit.plan.facts import known_rows
from flowkit.plan.limits import limits_of
from flowkit.plan.status import CACHED, EXPANDED, FAILED, PAUSED, RETRYING, RUNNING, SUCCESS


@task
def numbers():
    return [1]


@task(max_retries=2, retry_delay=1)
def clean(number):
    return number


@task
def join(parts):
    return parts


@pytest.fixture(scope="module")
def engine():
    with Flow("f") as flow:
        join({"parts": clean.map(numbers())})
    return Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])


def drawn(engine, rows, *, now=10.0, columns=100, height=30, reports=None, left=None):
    tally = Tally(engine.plan)
    tally.take(rows)
    tally.hear(reports or {})
    lines = frame(engine, tally, now=now, started=0.0, columns=columns, rows=height, left=left)
    return [plain(cropped(line, columns - 1)) for line in lines]


def node(engine, key):
    return engine.plan.keys.index(key)


def test_what_runs_has_its_time_and_attempt(engine):
    first = node(engine, "numbers")
    lines = drawn(engine, [(first, -1, 2, RUNNING, 7.5, 0.0, None, None)])
    assert lines[0].split() == ["⠋", "numbers", "2.5s", "attempt", "2"]


def test_a_mapped_task_stands_below_the_one_that_it_follows_child_by_child():
    with Flow("chain") as flow:
        clean.map(clean.map(numbers()))
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])
    first, second = node(engine, "clean"), node(engine, "clean-2")
    rows = [
        (number, index, attempt, status, 9.0, 9.0, "", None)
        for number in (first, second)
        for index, attempt, status in ((-1, 2, EXPANDED), (0, 1, RUNNING))
    ]
    assert second < first, "the later link is begun first"
    lines = drawn(engine, rows)
    assert [line.split()[1] for line in lines[:2]] == ["clean", "clean-2"]


def test_what_waits_for_a_retry_says_when_it_comes(engine):
    first = node(engine, "numbers")
    rows = [(first, -1, 1, RETRYING, 1.0, 9.0, "w", Detail(retry_in=4.0))]
    assert drawn(engine, rows)[0].split() == ["↻", "numbers", "attempt", "2", "in", "3s"]


def test_what_waits_says_for_whom_through_what_only_carries_values(engine):
    lines = drawn(engine, [])
    assert "  · join      waiting for clean" in lines


def test_it_is_said_that_ctrl_c_was_heard_also_while_an_inline_task_keeps_the_main_thread():
    """The machine begins to stop when the task has returned, which may be never."""
    with Flow("f") as flow:
        numbers()
    engine = Engine(compile_flow(flow, lane="inline"), [])
    engine.interrupts.ask(signal.SIGINT)
    assert drawn(engine, [])[-1].endswith("stopping · ctrl-c again to quit now")


def test_a_mapped_task_is_one_row_with_a_guess_once_it_has_run_a_while(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 40, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, SUCCESS, 0.0, 0.1, "w", None) for index in range(10)]
    rows += [(group, index, 1, RUNNING, 9.0, 0.0, None, None) for index in (10, 11)]
    rows += [(group, 12, 1, RETRYING, 1.0, 9.5, "w", Detail(retry_in=4.0))]
    lines = drawn(engine, rows)
    assert lines[0] == "  ⠋ clean     ━━━━━─────────────── 10/40         2 running · 1 retry in 4s · eta 0:26"
    assert lines[-1].endswith("  10/42 · 0:10   ctrl-c to stop")


@task
def train():
    pass


@task(max_retries=3, retry_delay=4)
def fetch():
    pass


@task
def approve():
    pass


class Busy:
    """What `drawn` takes."""

    def __init__(self, engine, rows, reports):
        self.engine, self.rows, self.reports = engine, rows, reports

    def drawn(self, more=(), **options):
        return drawn(self.engine, [*self.rows, *more], **{"reports": self.reports, **options})


@pytest.fixture(scope="module")
def busy():
    """A run in which a bit of everything is at work, ten seconds after it began."""
    with Flow("busy") as flow:
        train(), fetch(), approve(), join(clean.map(numbers()))
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(4)])
    first, second, third, group, source = (
        node(engine, key) for key in ("train", "fetch", "approve", "clean", "numbers")
    )
    failure = Failure("error", "OSError", "connection reset by peer")
    rows = [
        (source, -1, 1, SUCCESS, 0.0, 0.1, "w", None),
        (first, -1, 1, RUNNING, 2.0, 0.0, None, None),
        (second, -1, 1, RETRYING, 1.0, 9.5, "w", Detail(retry_in=4.0, failure=failure)),
        (third, -1, 1, PAUSED, 1.0, 2.0, "w", Detail(message="somebody has to look")),
        (group, -1, 10_000, EXPANDED, 0.0, 0.0, None, None),
        *((group, index, 1, SUCCESS, 0.0, 0.1, "w", None) for index in range(2500)),
        *((group, index, 1, CACHED, 0.0, 0.0, "w", None) for index in range(2500, 2600)),
        *((group, index, 1, FAILED, 0.0, 0.1, "w", Detail(failure=failure)) for index in range(2600, 2603)),
        *((group, index, 1, RETRYING, 1.0, 8.0, "w", Detail(retry_in=4.0)) for index in range(2603, 2605)),
        *((group, index, 1, RUNNING, 9.0, 0.0, None, None) for index in range(2605, 2608)),
    ]
    for each in (source, first, second, third, group):  # only what has not begun waits
        engine.machine.status[each] = SUCCESS if each == source else RUNNING
    return Busy(engine, rows, {(first, -1, 1): Report(340, 1000)})


PICTURES = {
    40: [
        "  ⠋ clean     2,603/10,000  3 failed",
        "  ⠋ train     ━━──── 34%   eta 0:16",
        "  ↻ fetch     2 of 4 in 4s",
        "  ‖ approve   somebody has to look",
        "  · join      waiting for clean",
        "  ━╸───  2,604/10,005 · 0:10 · 3 failed",
    ],
    60: [
        "  ⠋ clean     2,603/10,000  3 failed · 2 retries in 2s",
        "  ⠋ train     ━━━╸────── 340/1,000     8.0s · eta 0:16",
        "  ↻ fetch     attempt 2 of 4 in 4s",
        "  ‖ approve   somebody has to look",
        "  · join      waiting for clean",
        "  ━━━╸──────────  2,604/10,005 · 0:10 · eta 0:31 · 3 failed",
    ],
    80: [
        "  ⠋ clean     2,603/10,000  3 running · 3 failed · 2 retries in 2s · eta 0:26",
        "  ⠋ train     ━━━╸────── 340/1,000     8.0s · eta 0:16",
        "  ↻ fetch     attempt 2 of 4 in 4s  OSError: connection reset by peer",
        "  ‖ approve   somebody has to look",
        "  · join      waiting for clean",
        "  ━━━━━───────────────  2,604/10,005 · 0:10 · eta 0:31 · 3 failed · 100 cached",
    ],
    200: [
        "  ⠋ clean     ━━━━━─────────────── 2,603/10,000  "
        "3 running · 3 failed · 2 retries in 2s · 100 cached · eta 0:26",
        "  ⠋ train     ━━━━━━━───────────── 340/1,000     8.0s · eta 0:16",
        "  ↻ fetch     attempt 2 of 4 in 4s  OSError: connection reset by peer",
        "  ‖ approve   somebody has to look",
        "  · join      waiting for clean",
        "  ━━━━━───────────────  2,604/10,005 · 0:10 · eta 0:31 · 3 failed · 100 cached   ctrl-c to stop",
    ],
}


@pytest.mark.parametrize("columns", PICTURES)
def test_the_same_moment_in_terminals_of_different_widths(busy, columns):
    assert busy.drawn(columns=columns, left=30.2) == PICTURES[columns]


def test_what_a_task_says_of_itself_may_put_off_the_end(busy):
    """Nothing of earlier runs is surer than what it says now."""
    assert " · eta 0:16 · " in busy.drawn(left=3.0)[-1]


def test_no_row_ends_later_than_the_run(busy):
    """What is known from earlier runs is surer than to go on as so far, and the run ends last."""
    lines = busy.drawn(left=20.4)
    assert lines[0].endswith(" · eta 0:21")
    assert " · eta 0:21 · " in lines[-1]


def test_children_at_work_are_not_taken_to_have_done_nothing(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 6, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, SUCCESS, 0.0, 4.0, "w", None) for index in range(2)]
    rows += [(group, index, 1, RUNNING, 4.0, 0.0, None, None) for index in (2, 3)]
    assert drawn(engine, rows, now=7.2, left=60.0)[0].endswith(" 2 running · eta 0:05")  # 0.8 s, and 4 more


def test_children_that_were_found_say_nothing_of_how_long_the_others_take(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 100, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, CACHED, 0.0, 0.0, None, None) for index in range(90)]
    rows += [(group, index, 1, SUCCESS, 0.0, 4.0, "w", None) for index in range(90, 92)]
    rows += [(group, index, 1, RUNNING, 4.0, 0.0, None, None) for index in (92, 93)]
    assert drawn(engine, rows, now=4.0)[0].endswith(" eta 0:16")


def test_what_children_say_of_themselves_counts_towards_the_row_and_the_run(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 4, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, RUNNING, 0.0, 0.0, None, None) for index in range(4)]
    reports = {(group, 0, 1): Report(30, 40), (group, 1, 1): Report(5, 20), (group, 2, 1): Report(7)}
    first, *_, last = drawn(
        engine, rows, reports=reports, columns=80, now=6.0
    )  # one of four is done, all told
    assert first == "  ⠋ clean     ━━╸─────── 0/4           4 running · eta 0:18"
    assert last.startswith("  ━━━╸────────────────  0/6 · ")
    assert drawn(engine, rows, reports=reports, columns=40)[0].rstrip() == "  ⠋ clean     ━╸──── 0/4"
    failed = [(group, 3, 1, FAILED, 0.0, 6.0, "w", None)]
    lines = drawn(engine, [*rows, *failed], reports=reports, columns=40)
    assert lines[0].rstrip().endswith("1/4        1 failed"), "what has gone wrong is shown before a bar"
    assert drawn(engine, rows, columns=80)[0] == "  ⠋ clean     0/4           4 running"


def test_children_that_have_said_all_but_not_ended_leave_something_open(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 2, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, RUNNING, 0.0, 0.0, None, None) for index in range(2)]
    reports = {(group, index, 1): Report(40, 40) for index in range(2)}
    assert "━━━━━━━━━╸ 0/2" in drawn(engine, rows, reports=reports, columns=80)[0]


def test_the_end_of_a_run_is_guessed_where_all_that_is_left_is_at_work():
    with Flow("f") as flow:
        numbers()
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])
    call = (0, -1, 1)
    lines = drawn(engine, [(*call, RUNNING, 2.0, 0.0, None, None)], reports={call: Report(340, 1000)})
    assert lines[0].endswith(" · eta 0:16")
    assert lines[-1].endswith("  0/1 · 0:10 · eta 0:16   ctrl-c to stop")


def test_the_end_of_a_run_is_not_guessed_from_a_part_of_what_is_left(busy):
    assert "eta" not in busy.drawn()[-1]


def test_a_report_of_an_attempt_before_is_not_shown(busy):
    first = node(busy.engine, "train")
    again = [(first, -1, 1, RETRYING, 2.0, 9.0, "w", Detail(retry_in=0.0))]
    again += [(first, -1, 2, RUNNING, 9.5, 0.0, None, None)]
    assert "  ⠋ train     0.5s     attempt 2" in busy.drawn(again)


@given(st.floats(0, 1e15), st.one_of(st.none(), st.floats(1e-3, 1e15)), st.integers(20, 300))
def test_any_report_fits(engine, done, total, columns):
    call = (node(engine, "numbers"), -1, 1)
    rows = [(*call, RUNNING, 2.0, 0.0, None, None)]
    lines = drawn(engine, rows, columns=columns, reports={call: Report(done, total)}, left=1.0)
    assert all(len(line) < columns for line in lines)


def test_of_a_run_that_goes_on_the_guess_is_by_what_it_has_made_itself(engine):
    group = node(engine, "clean")
    tally = Tally(engine.plan)
    tally.take_over([(group, index, 1, SUCCESS, 0.0, 0.1, "w", None) for index in range(50)])
    rows = [(group, -1, 100, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, SUCCESS, 0.0, 0.1, "w", None) for index in range(50, 60)]
    rows += [(group, 60, 1, RUNNING, 9.0, 0.0, None, None)]
    tally.take(rows)
    first = plain(frame(engine, tally, now=10.0, started=0.0, columns=100, rows=30)[0])
    assert first.endswith(" 60/100        1 running · eta 0:35")


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([RUNNING, RETRYING])), max_size=60),
    st.integers(20, 120),
    st.integers(3, 40),
)
def test_it_never_takes_more_rows_or_columns_than_there_are(engine, activity, columns, height):
    group = node(engine, "clean")
    first = node(engine, "numbers")
    rows = [(first, -1, 1, RUNNING, 0.0, 0.0, None, None)] if activity else []
    rows += [(group, -1, 100, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, status, 0.0, 0.0, None, Detail(retry_in=1.0)) for index, status in activity]
    tally = Tally(engine.plan)
    tally.take(rows)
    lines = frame(engine, tally, now=5.0, started=0.0, columns=columns, rows=height)
    assert len(lines) <= max(2, min(11, height - 3))
    assert all(width(cropped(line, columns - 1)) < columns for line in lines)


@given(st.floats(-1, 2), st.integers(1, 50))
def test_the_bar_always_takes_its_columns(share, columns):
    assert width(bar(share, columns)) == columns


def test_what_lacks_what_there_is_a_limit_of_says_so():
    with Flow("f") as flow:
        for name in ("first", "second"):
            task(lambda: None, name=name, limits={"db": 1})()
    plan = compile_flow(flow, lane="threads")
    engine = Engine(plan, [ThreadExecutor(2)], limits=limits_of(plan, {}, 1, 1 << 30))
    engine.machine.start(0.0)
    engine.machine.take(0, 1.0)
    assert not engine.machine.ready(0)
    rows, engine.machine.events = engine.machine.events, []
    lines = drawn(engine, rows)
    assert lines[0].split()[:2] == ["⠋", "first"]
    assert lines[1].split(maxsplit=2) == ["·", "second", "waiting for `db`"]


def test_a_mapped_task_that_lacks_something_says_so_in_its_row():
    with Flow("f") as flow:
        task(lambda number: None, name="load", limits={"db": 1}).map([1, 2, 3])
    plan = compile_flow(flow, lane="threads")
    engine = Engine(plan, [ThreadExecutor(2)], limits=limits_of(plan, {}, 1, 1 << 30))
    for row, _ in known_rows(plan, {}):
        engine.machine.replay(row)
    engine.machine.start(0.0)
    engine.machine.take(0, 1.0)
    assert not engine.machine.ready(0)
    rows, engine.machine.events = engine.machine.events, []
    assert drawn(engine, rows)[0].split(maxsplit=4)[1:] == [
        "load",
        "─" * 20,
        "0/3",
        "1 running · waiting for `db`",
    ]
