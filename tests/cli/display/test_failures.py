"""The block that helps to mend a failure."""

from __future__ import annotations

import re

import pytest

from flowkit.cli.display import Title
from flowkit.cli.output import OutputMode
from flowkit.cli.plain import PlainDisplay
from flowkit.cli.quiet import QuietDisplay
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.engine.signals import FAIL, TRIGGERFAIL
from flowkit.flow.flow import Flow
from flowkit.flow.task import task


@pytest.fixture
def failing(run, screen):
    """What is shown of a flow of one task."""

    def failing(made, *, debug=False, **options):
        with Flow("f") as flow:
            made()
        run(flow, QuietDisplay(screen.console, Title("f"), output=OutputMode.NONE, debug=debug), **options)
        return screen.shown

    return failing


def test_the_place_is_in_the_users_code_also_where_a_library_raised(failing):
    @task
    def load():
        import json

        json.loads("{")

    shown = failing(load)
    assert "error[task-failed]: load raised JSONDecodeError: Expecting property name" in shown
    assert re.search(r"  --> tests/cli/display/test_failures.py:\d+ in load\n", shown)
    assert re.search(r'\n > \d+ \|         json.loads\("{"\)\n', shown)


def test_causes_are_told_in_a_line_each_the_nearest_first(failing):
    @task
    def load():
        try:
            try:
                {}["a"]
            except KeyError:
                int("b")
        except ValueError as error:
            raise RuntimeError("no settings") from error

    shown = failing(load)
    assert re.search(
        r"  caused by ValueError: invalid .*\n > \d+ \|                 int\(.b.\)\n"
        r"  while handling KeyError: 'a'  \(tests/.*:\d+ in load\)\n > \d+ \|                 \{\}",
        shown,
    )


def test_attempts_and_the_last_thing_printed_are_told(failing):
    @task(max_retries=1, retry_delay=0)
    def load():
        print("reading part-017.csv")
        print()
        raise ValueError("no")

    shown = failing(load)
    assert "  attempt 2 of 2 · after 0.1s\n  last output: reading part-017.csv\n" in shown


def test_further_lines_of_a_message_are_quoted_and_bounded(failing):
    @task
    def load():
        raise ValueError("\n".join(f"line {number}" for number in range(100)))

    shown = failing(load)
    assert "load raised ValueError: line 0\n  | line 1\n" in shown
    assert "  | line 20\n  | … 79 more lines\n" in shown


def test_what_a_message_would_do_to_a_terminal_is_shown(failing):
    @task
    def load():
        raise ValueError("\x1b[2J\x1b]0;title\x07[bold]x[/bold]\u202e")

    assert r"ValueError: \x1b[2J\x1b]0;title\x07[bold]x[/bold]\u202e" in failing(load)


def test_an_exception_that_cannot_be_printed_is_told_too(failing):
    @task
    def load():
        class OddError(Exception):
            def __str__(self):
                raise RuntimeError

        raise OddError

    assert "load raised OddError: <its text cannot be had: `__str__` raised RuntimeError>" in failing(load)


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        (FAIL("no rows"), "error[task-failed]: load failed: no rows"),
        (FAIL(), "error[task-failed]: load failed"),
        (TRIGGERFAIL("not today"), "error[trigger]: load was not run: not today"),
    ],
)
def test_a_raised_signal_is_told_in_its_own_words(failing, signal, told):
    @task
    def load():
        raise signal

    assert told in failing(load)


def test_a_trigger_that_raises_is_a_failure_of_its_own_kind(failing):
    def odd(states):
        raise KeyError("x")

    @task(trigger=odd)
    def load():
        pass

    assert "error[trigger]: load was not run: its trigger raised KeyError: 'x'" in failing(load)


def test_a_time_limit_is_named(failing):
    import threading

    stop = threading.Event()

    @task(timeout=0.01)
    def load():
        stop.wait(10)

    try:
        shown = failing(load, executor=ThreadExecutor(1))
    finally:
        stop.set()
    assert "error[timed-out]: load timed out: `load` took longer than its 0.01 s" in shown


def test_debug_adds_the_whole_traceback_with_our_own_frames(failing):
    @task
    def load():
        raise ValueError("no")

    shown = failing(load, debug=True)
    assert "  | Traceback (most recent call last):\n" in shown
    assert "flowkit/engine/worker.py" in shown


def test_without_debug_no_frame_of_ours_is_shown(failing):
    @task
    def load():
        raise ValueError("no")

    assert "flowkit/" not in failing(load)


def test_a_place_whose_source_is_gone_has_no_window(failing):
    space = {}
    exec(compile("def load():\n    raise ValueError('no')\n", "/nowhere/flow.py", "exec"), space)
    shown = failing(task(space["load"]))
    assert "  --> /nowhere/flow.py:2 in load\n  after" in shown


def test_callers_are_told_with_their_code_and_values_and_the_inputs_once(failing):
    def check(rows, least):
        return int("x") + min(rows) + least

    @task
    def load(rows=(3, -1)):
        half = len(rows) // 2
        check(rows[half:], least=0)

    shown = failing(load)
    assert re.search(
        r"  --> tests/cli/display/test_failures.py:\d+ in check\n"
        r"(   \d+ \| .*\n){2}"
        r" > \d+ \|         return int\(\"x\"\) \+ min\(rows\) \+ least\n"
        r" +\|                \^{8}\n"
        r"      rows = \(-1,\)  least = 0\n"
        r"  called from tests/cli/display/test_failures.py:\d+ in load\n"
        r" > \d+ \|         check\(rows\[half:\], least=0\)\n"
        r"      half = 1\n"
        r"  inputs  rows = \(3, -1\)\n"
        r"  after",
        shown,
    )


def test_what_raised_in_a_line_is_underlined_where_there_is_more_in_it(failing):
    @task
    def load():
        table = {"a": {"b": 1}}
        return table["a"]["c"] + table["a"]["b"]

    under = next(line for line in failing(load).splitlines() if "^" in line)
    source = next(line for line in failing(load).splitlines() if line.startswith(" > "))
    assert source[under.index("^") : under.rindex("^") + 1] == 'table["a"]["c"]'


def test_calls_inside_of_libraries_are_told_in_a_line_each(failing):
    @task
    def load():
        import json

        json.loads("{")

    assert re.search(
        r"  raised in .*json/__init__.py:\d+ in loads\n            .*json/decoder.py:\d+ in decode\n",
        failing(load),
    )


def test_a_recursion_is_folded(failing):
    def down(depth):
        return down(depth + 1)

    @task
    def load():
        down(0)

    shown = failing(load)
    assert re.search(r" in down\n(.*\n){2,4}      depth = \d{3}\n  … \d{3} more calls\n  called from", shown)
    assert shown.count("down(depth + 1)") == 1


def test_a_mistake_in_code_that_was_compiled_is_shown_in_it(failing):
    @task
    def load():
        eval("1 +* 2")

    shown = failing(load)
    assert "  --> <string>:1\n > 1 | 1 +* 2\n     |    ^\n  called from tests/" in shown


def test_members_of_a_group_and_notes_are_told(failing):
    @task
    def load():
        group = ExceptionGroup("several", [ValueError("one"), ExceptionGroup("two", [OSError("three")])])
        group.add_note("look at \x1b[31mthe files")
        raise group

    shown = failing(load)
    assert "  note: look at \\x1b[31mthe files\n" in shown
    assert (
        "  with ValueError: one\n  with ExceptionGroup: two (1 sub-exception)\n  with OSError: three\n"
        in shown
    )


def _stopped_flow():
    @task(max_retries=4, retry_delay=60)
    def flaky(number):
        raise OSError("server away")

    with Flow("f") as flow:
        flaky.map([0, 1, 2])
    return flow


@pytest.mark.parametrize("display", [QuietDisplay, PlainDisplay])
def test_what_waits_for_a_retry_when_the_run_is_stopped_is_shown_with_its_last_error(run, screen, display):
    run(_stopped_flow(), display(screen.console, Title("f"), output=OutputMode.NONE), timeout=0.3)
    shown = screen.shown
    assert shown.count("raised OSError: server away") == 3
    assert shown.count("  --> tests/cli/display/test_failures.py") == 2, "the third is like the others"
    assert "  attempt 1 of 5 · after 0.1s · stopped while waiting for attempt 2 of 5\n" in shown
    assert "stopped after its limit of 0.1s" in shown  # as the screen has all times


def test_what_succeeds_at_last_is_not_told_when_the_run_is_stopped(run, screen):
    tried = []

    @task(max_retries=1, retry_delay=0)
    def second_time():
        tried.append(1)
        if len(tried) < 2:
            raise OSError("server away")

    @task(max_retries=1, retry_delay=60)
    def never(_):
        raise KeyError("other")

    with Flow("f") as flow:
        never(second_time())
    run(flow, QuietDisplay(screen.console, Title("f"), output=OutputMode.NONE), timeout=0.3)
    assert "server away" not in screen.shown
    assert "never raised KeyError: 'other'" in screen.shown


def test_of_failures_alike_the_third_and_further_ones_have_a_line(run, screen):
    @task
    def bad(number):
        raise ValueError(f"row {number}")

    @task
    def other():
        raise TypeError("else")

    with Flow("f") as flow:
        bad.map(list(range(6)))
        other()
    run(flow, QuietDisplay(screen.console, Title("f"), output=OutputMode.NONE))
    assert screen.shown.count("error[task-failed]") == 7
    assert screen.shown.count("  --> ") == 3
    assert re.search(r"other raised TypeError: else\n  --> ", screen.shown)


def test_what_cannot_be_mapped_as_what_it_needs_failed_is_no_error_of_its_own(run, screen):
    @task
    def find():
        raise FileNotFoundError("nope")

    @task
    def read(_):
        return 1

    with Flow("f") as flow:
        read.map(read.map(find()))
    run(flow, PlainDisplay(screen.console, Title("f"), output=OutputMode.NONE))
    assert screen.shown.count("error[task-failed]") == 1
    assert re.findall(r"NOT RUN +(\S+) +(needs \S+)", screen.shown) == [
        ("read", "needs find"),
        ("read-2", "needs read"),
    ]


def test_the_source_ends_with_the_function_that_raised(failing):
    # fmt: off
    @task
    def load():
        raise ValueError("no")
    @task
    def other(): ...
    # fmt: on

    source = [line for line in failing(load).splitlines() if re.match(r" [ >] +\d+ \|", line)]
    assert source[-1].startswith(" > ")
    assert other.name == "other"
