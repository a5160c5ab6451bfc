"""Without a terminal: lines with the time, in words."""

from __future__ import annotations

import re

import pytest

from flowkit.cli.display import Title
from flowkit.cli.output import OutputMode
from flowkit.cli.plain import SILENCE, Heartbeat, PlainDisplay
from flowkit.engine.signals import SKIP
from flowkit.flow.control import case
from flowkit.flow.flow import Flow
from flowkit.flow.task import task


@task
def numbers(count):
    return list(range(count))


@task
def get_data():
    print("344 penguins")
    return 344


@task
def train(data):
    raise ValueError(f"negative price: -{data}")


@task
def report(model):
    return model


def plain(screen, mode=OutputMode.PREFIX, **options):
    return PlainDisplay(screen.console, Title("data_pipeline", "brisk-otter", 4), output=mode, **options)


def test_a_run_that_is_remembered_is_told_by_its_number_and_name_and_to_programs_by_its_number(run, screen):
    with Flow("data_pipeline") as flow:
        get_data()
    run(flow, plain(screen), number=42)
    assert screen.shown.startswith("09:12:01  data_pipeline  run 42 brisk-otter · 1 task · 4 workers\n")
    assert screen.shown.endswith(" run=42\n")


def test_a_successful_run_has_a_line_for_each_start_and_end_and_one_to_grep_for(run, screen):
    with Flow("data_pipeline") as flow:
        report(get_data())
    run(flow, plain(screen))
    assert screen.shown == (
        "09:12:01  data_pipeline  run brisk-otter · 2 tasks · 4 workers\n"
        "09:12:01  1/2  START    get_data\n"
        "  get_data | 344 penguins\n"
        "09:12:01  1/2  OK       get_data  0.1s\n"
        "09:12:01  2/2  START    report\n"
        "09:12:01  2/2  OK       report    0.1s\n"
        "\n"
        "  ✓ 2 ok   0.1s\n"
        "09:12:01  DONE ok=2 cached=0 failed=0 skipped=0 not_run=0 cancelled=0 retried=0 "
        "time=0.1s run=brisk-otter\n"
    )


def test_a_failure_says_what_where_and_what_did_not_run_for_it(run, screen):
    with Flow("data_pipeline") as flow:
        report(train(get_data()))
    outcome = run(flow, plain(screen))
    assert outcome.exit_code == 1
    shown = re.sub(r"(?m)^( .) +\d+ \| ", r"\1 N | ", screen.shown)
    shown = re.sub(r"test_plain.py:\d+", "test_plain.py:N", shown)
    assert shown.split("2/3  START    train\n")[1] == (
        "09:12:01  2/3  FAIL     train     0.1s  ValueError: negative price: -344\n"
        "\n"
        "error[task-failed]: train raised ValueError: negative price: -344\n"
        "  --> tests/cli/display/test_plain.py:N in train\n"
        "   N | @task\n"
        "   N | def train(data):\n"
        ' > N |     raise ValueError(f"negative price: -{data}")\n'
        "  inputs  data = 344\n"
        "  after 0.1s\n"
        "\n"
        "09:12:01  3/3  NOT RUN  report    needs train\n"
        "\n"
        "  next  flowkit run data_pipeline --pdb  stops where it fails\n"
        "\n"
        "  ✗ 1 ok · 1 failed · 1 not run   0.1s\n"
        "09:12:01  DONE ok=1 cached=0 failed=1 skipped=0 not_run=1 cancelled=0 retried=0 "
        "time=0.1s run=brisk-otter\n"
    )


def test_a_retry_says_which_attempt_comes_when_and_after_what(run, screen):
    attempts = []

    @task(max_retries=2, retry_delay=0)
    def load():
        attempts.append(1)
        if len(attempts) < 2:
            raise OSError("connection reset")

    with Flow("f") as flow:
        load()
    run(flow, plain(screen))
    assert "1/1  RETRY    load      attempt 2 of 3, after OSError: connection reset\n" in screen.shown
    assert "1/1  START    load      attempt 2\n" in screen.shown
    assert "retried=1 " in screen.shown


def test_what_is_skipped_says_why(run, screen):
    @task
    def choose():
        return "b"

    @task
    def leave():
        raise SKIP("nothing new")

    with Flow("f") as flow:
        with case(choose(), "a"):
            get_data()
        report(leave())
    run(flow, plain(screen))
    assert re.search(r"SKIP +get_data +its case was not chosen\n", screen.shown)
    assert re.search(r"SKIP +leave +nothing new\n", screen.shown)
    assert re.search(r"SKIP +report +after leave\n", screen.shown)


def test_a_wide_mapped_task_has_tenths_not_children_but_each_failure(run, screen):
    @task
    def odd(number):
        if number == 17:
            raise ValueError("seventeen")

    with Flow("f") as flow:
        report(odd.map(numbers(40)))
    run(flow, plain(screen))
    assert "START    odd       40 items\n" in screen.shown
    assert "odd[16]" not in screen.shown
    assert re.search(r"FAIL +odd\[17\] +0.1s  ValueError: seventeen\n", screen.shown)
    assert re.search(r"FAIL +odd +0.1s  39 ok · 1 failed\n", screen.shown)
    assert re.search(r"NOT RUN +report +needs odd\n", screen.shown)


def test_a_narrow_mapped_task_has_a_line_for_each_child(run, screen):
    with Flow("f") as flow:
        report.map(numbers(3))
    run(flow, plain(screen))
    assert len(re.findall(r"OK +report\[\d\]", screen.shown)) == 3


def test_tenths_of_a_wide_mapped_task_are_told_once_as_they_pass(screen):
    from flowkit.engine.engine import Engine
    from flowkit.engine.executors.inline import LocalExecutor
    from flowkit.plan.compiler import compile_flow

    class RowByRow:
        def __init__(self, observer):
            self.observer = observer
            self.begin, self.end = observer.begin, observer.end

        def see(self, rows, lines):
            for row in rows:
                self.observer.see([row], [])

    with Flow("f") as flow:
        report.map(numbers(30))
    Engine(compile_flow(flow, lane="inline"), [LocalExecutor()], observers=[RowByRow(plain(screen))]).run()
    assert re.findall(r"(\d0%) +report +([\d/]+)\n", screen.shown) == [
        (f"{tenth}0%", f"{tenth * 3}/30") for tenth in range(1, 10)
    ]


def test_a_large_flow_has_tenths_and_its_failures_only(run, screen):
    with Flow("f") as flow:
        for _ in range(1200):
            get_data()
        train(1)
    run(flow, plain(screen, OutputMode.NONE))
    assert screen.shown.count("\n") < 40
    assert "OK       get_data" not in screen.shown
    assert "FAIL     train" in screen.shown
    assert "ok=1200" in screen.shown


def test_very_many_failures_do_not_fill_the_log(run, screen):
    @task
    def fails():
        raise ValueError("no")

    with Flow("f") as flow:
        for _ in range(300):
            fails()
    run(flow, plain(screen))
    assert screen.shown.count("  --> ") == 2
    assert screen.shown.count("error[task-failed]") == 2
    assert len(re.findall(r"FAIL     fails(-\d+)? .*ValueError: no", screen.shown)) == 50
    assert "more failures are only counted" in screen.shown
    assert "failed=300" in screen.shown


def test_a_task_that_only_carries_values_is_seen_when_it_fails(run, screen):
    with Flow("f") as flow:
        report(get_data()["species"])
    outcome = run(flow, plain(screen))
    assert outcome.exit_code == 1
    assert "TypeError: 'int' object is not subscriptable" in screen.shown
    assert "failed=1" in screen.shown


def test_on_github_output_folds_and_failures_are_notes_at_their_line(run, screen_in):
    screen = screen_in({"GITHUB_ACTIONS": "true"})
    with Flow("f") as flow:
        train(get_data())
    run(flow, plain(screen, OutputMode.GROUP))
    assert "::group::get_data: 1 line of output\n  get_data | 344 penguins\n::endgroup::\n" in screen.shown
    assert re.search(
        r"::error file=tests/cli/display/test_plain.py,line=\d+::error\[task-failed\]: train raised",
        screen.shown,
    )


def test_a_task_cannot_give_orders_to_github(run, screen_in):
    screen = screen_in({"GITHUB_ACTIONS": "true"})

    @task
    def sly():
        print("::set-output name=x::y")
        raise ValueError("first\n::error::forged")

    with Flow("f") as flow:
        sly()
    run(flow, plain(screen, OutputMode.GROUP))
    orders = [line for line in screen.shown.splitlines() if line.lstrip().startswith("::")]
    assert [line.split(" ")[0].split("::")[1] for line in orders] == ["group", "endgroup", "error"]
    assert "forged" not in orders[2]


@pytest.mark.parametrize("said", [True, False])
def test_silence_is_broken_once_a_minute(said):
    now, beats = [0.0], []
    heartbeat = Heartbeat(lambda: beats.append(now[0]), lambda: now[0])
    heartbeat.reset()
    for now[0] in range(1, 200):
        if said and now[0] % 30 == 0:
            heartbeat.reset()
        heartbeat.check()
    assert beats == ([] if said else [SILENCE, 2 * SILENCE, 3 * SILENCE])


def test_the_heartbeat_says_what_runs(run, screen):
    display = plain(screen)

    @task
    def wait():
        display.see([(0, -1, 1, 2, display.clock(), 0.0, None, None)], [])
        display._beat()

    with Flow("f") as flow:
        wait()
    run(flow, display)
    assert re.search(r"\.\.\. +0/1  nothing done yet  after 0.1s, running: wait\n", screen.shown)
