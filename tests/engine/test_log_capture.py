"""What tasks log: each record once, with the call that logged it, whatever is done to `logging`."""

from __future__ import annotations

import asyncio
import io
import logging
import logging.config
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from contextvars import Context
from typing import Any

import pytest

import flowkit
from flowkit import Flow, task
from flowkit.engine import log_capture
from flowkit.engine.capture import Line
from flowkit.engine.executors import LocalExecutor, ThreadExecutor

Said = list[tuple[str, int, str]]
CONTEXT_OF_NO_TASK = Context()
log = logging.getLogger("mine")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[logging.Logger]:
    """The root, whose level and handlers are put back after."""
    root = logging.getLogger()
    level, handlers, disabled = root.level, root.handlers[:], root.manager.disable
    root.setLevel(logging.WARNING)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers
    root.manager.disable = disabled
    log.handlers[:] = []
    log.propagate = True


def without_pytest() -> None:
    """Take the handlers of pytest off the root, which it puts there between the set-up and the test."""
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not type(each).__module__.startswith("_pytest")]


@pytest.fixture
def said_by(carry_out: Any, kept: Any) -> Callable[..., Said]:
    """What a function says as the one task of a flow."""

    def said_by(function: Callable[[], None]) -> Said:
        without_pytest()
        with Flow("one") as flow:
            task(function)()
        state = carry_out(flow, LocalExecutor(), observers=[kept], capture=True).state
        assert state.is_successful(), state.message
        return [(line.stream, line.level, line.text) for line in kept.lines]

    return said_by


def test_a_record_is_a_line_with_its_level(said_by: Callable[..., Said]) -> None:
    def work() -> None:
        print("printed")
        log.warning("mind the %s", "gap")
        log.log(45, "unusual")
        flowkit.context.logger.error("no")
        print("said", file=sys.stderr)

    assert said_by(work) == [
        ("stdout", 0, "printed"),
        ("log", 30, "mind the gap"),
        ("log", 45, "unusual"),
        ("log", 40, "no"),
        ("stderr", 0, "said"),
    ]


def test_a_record_is_of_the_attempt_that_logged_it(carry_out: Any, kept: Any) -> None:
    @task(max_retries=1, retry_delay=0)
    def unsure(number: int) -> None:
        attempt = flowkit.context.task_run_count
        log.warning("%d, attempt %d", number, attempt)
        if attempt == 1:
            raise ValueError("no")

    with Flow("unsure") as flow:
        unsure.map([0, 1, 2, 3])
    carry_out(flow, ThreadExecutor(4), observers=[kept], capture=True)
    found = sorted((line.call[1], line.call[2], line.text) for line in kept.lines)
    assert found == [(n, attempt, f"{n}, attempt {attempt}") for n in range(4) for attempt in (1, 2)]


def test_an_exception_follows_its_message_in_lines_of_the_same_level(said_by: Callable[..., Said]) -> None:
    def work() -> None:
        try:
            raise ValueError("negative price")
        except ValueError:
            log.exception("first\nsecond")

    found = said_by(work)
    assert {(stream, level) for stream, level, _ in found} == {("log", 40)}
    texts = [text for *_, text in found]
    assert texts[:3] == ["first", "second", "Traceback (most recent call last):"]
    assert texts[-1] == "ValueError: negative price"


def test_what_logging_would_drop_is_not_taken(
    said_by: Callable[..., Said], own_logging: logging.Logger
) -> None:
    def work() -> None:
        log.info("below the level")
        own_logging.setLevel(logging.DEBUG)
        log.debug("not below")
        log.addFilter(refuse)
        log.debug("refused")
        log.removeFilter(refuse)

    def refuse(record: logging.LogRecord) -> bool:
        return False

    assert said_by(work) == [("log", 10, "not below")]


def test_records_outside_of_tasks_go_where_they_went_before(said_by: Callable[..., Said]) -> None:
    begun, logged = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        logged.wait(10)

    def outside() -> None:
        begun.wait(10)
        log.warning("meanwhile")
        logged.set()

    without_pytest()
    with redirect_stderr(io.StringIO()) as err:
        log.warning("before")
        thread = threading.Thread(target=outside)
        thread.start()
        assert said_by(work) == []
        thread.join()
        log.warning("after")
    assert err.getvalue() == "before\nmeanwhile\nafter\n"


def test_threads_with_the_context_of_a_task_log_as_that_task(said_by: Callable[..., Said]) -> None:
    async def work() -> None:
        await asyncio.to_thread(log.warning, "from a thread")

    assert said_by(work) == [("log", 30, "from a thread")]


def test_what_an_inner_run_logs_is_taken_once(carry_out: Any, kept: Any) -> None:
    inside = type(kept)()

    @task
    def speak() -> None:
        log.warning("from within")

    with Flow("inner") as inner:
        speak()

    @task
    def not_listened_to() -> None:
        carry_out(inner, ThreadExecutor(2))

    @task
    def listened_to() -> None:
        carry_out(inner, ThreadExecutor(2), observers=[inside], capture=True)

    with Flow("outer") as outer:
        mine, theirs = not_listened_to(), listened_to()
    plan = carry_out(outer, observers=[kept], capture=True).plan
    assert [(plan.tasks[line.call[0]], line.text) for line in kept.lines] == [(mine, "from within")]
    assert [line.text for line in inside.lines] == ["from within"]
    assert mine is not theirs


def test_a_record_is_taken_once_also_where_another_run_has_begun_meanwhile(
    carry_out: Any, kept: Any, own_logging: logging.Logger
) -> None:
    """The streams of the second run are then in front of those of the first."""
    own_logging.addHandler(logging.StreamHandler())

    @task
    def log_during_another_run() -> None:
        other = threading.Thread(target=CONTEXT_OF_NO_TASK.run, args=(carry_out, second), kwargs=captured)
        other.start()
        begun.wait(10)
        logging.getLogger().handlers[-1].setStream(sys.stderr)  # type: ignore[attr-defined]
        log.warning("fire")
        over.set()
        other.join()

    @task
    def wait() -> None:
        begun.set()
        over.wait(10)

    begun, over, captured = threading.Event(), threading.Event(), {"capture": True}
    with Flow("second") as second:
        wait()
    with Flow("first") as first:
        log_during_another_run()
    carry_out(first, LocalExecutor(), observers=[kept], capture=True)
    assert [(line.stream, line.text) for line in kept.lines] == [("log", "fire")]


# -- what a program does to logging -----------------------------------------------------------


def basic() -> None:
    logging.basicConfig(force=True, format="%(asctime)s %(message)s", level="INFO")


def dictionary() -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"own": {"class": "logging.StreamHandler"}},
            "root": {"level": "INFO", "handlers": ["own"]},
        }
    )


def other_handlers() -> None:
    logging.getLogger().handlers[:] = [logging.StreamHandler(sys.stdout), logging.NullHandler()]


def alone() -> None:
    log.propagate = False
    log.addHandler(logging.StreamHandler())


def none() -> None:
    log.propagate = False
    log.addHandler(logging.NullHandler())


@pytest.mark.parametrize("configure", [basic, dictionary, other_handlers, alone, none])
def test_each_record_is_taken_once_however_a_task_sets_logging_up(
    configure: Callable[[], None], said_by: Callable[..., Said]
) -> None:
    def work() -> None:
        log.warning("before")
        configure()
        log.warning("after")

    assert said_by(work) == [("log", 30, "before"), ("log", 30, "after")]


def test_what_is_disabled_is_lost_and_the_rest_goes_on(said_by: Callable[..., Said]) -> None:
    def work() -> None:
        logging.disable(logging.WARNING)
        log.warning("disabled")
        log.error("not disabled")
        logging.disable(logging.NOTSET)
        log.warning("again")

    assert said_by(work) == [("log", 40, "not disabled"), ("log", 30, "again")]


def test_a_handler_of_the_program_goes_on(said_by: Callable[..., Said], own_logging: logging.Logger) -> None:
    file = io.StringIO()
    own_logging.addHandler(logging.StreamHandler(file))
    assert said_by(lambda: log.warning("both")) == [("log", 30, "both")]
    assert file.getvalue() == "both\n"


def test_a_handler_with_a_form_of_its_own_for_exceptions_uses_it(
    said_by: Callable[..., Said], own_logging: logging.Logger
) -> None:
    class Short(logging.Formatter):
        def formatException(self, ei: Any) -> str:  # noqa: N802
            return "in short"

    file = io.StringIO()
    handler = logging.StreamHandler(file)
    handler.setFormatter(Short())
    own_logging.addHandler(handler)
    said_by(lambda: log.error("no", exc_info=ValueError()))
    assert file.getvalue() == "no\nin short\n"


def test_what_a_handler_prints_for_itself_is_not_lost(
    said_by: Callable[..., Said], own_logging: logging.Logger
) -> None:
    class Alert(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print("alert")

    own_logging.addHandler(Alert())
    assert said_by(lambda: log.warning("fire")) == [("log", 30, "fire"), ("stdout", 0, "alert")]


def test_a_handler_that_is_used_without_a_logger_prints(said_by: Callable[..., Said]) -> None:
    def work() -> None:
        logging.StreamHandler().handle(logging.makeLogRecord({"msg": "by hand"}))

    assert said_by(work) == [("stderr", 0, "by hand")]


def test_a_record_that_cannot_be_formatted_is_taken_and_the_mistake_is_said(
    said_by: Callable[..., Said],
) -> None:
    found = said_by(lambda: log.warning("%d of", "x"))
    assert found[0][:2] == ("log", 30)
    assert found[0][2].startswith("%d of (it cannot be formatted: TypeError: ")
    assert ("stderr", 0, "--- Logging error ---") in found


def test_a_message_that_raises_fails_nothing() -> None:
    class Evil:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    record = logging.makeLogRecord({"msg": Evil()})
    assert log_capture.text_of(record) == "Evil (it cannot be formatted: RuntimeError: no text)"


def test_a_handler_that_logs_is_taken_too(said_by: Callable[..., Said], own_logging: logging.Logger) -> None:
    class Echo(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "echo":
                logging.getLogger("echo").warning("echo of %s", record.getMessage())

    own_logging.addHandler(Echo())
    own_logging.addHandler(logging.StreamHandler())
    with redirect_stderr(io.StringIO()):
        assert said_by(lambda: log.warning("fire")) == [("log", 30, "fire"), ("log", 30, "echo of fire")]


def test_who_stands_in_for_the_loggers_after_us_is_left_there(
    said_by: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sentry does, which puts a function of its own on `Logger.callHandlers`."""
    said_by(lambda: None)
    before, seen = logging.Logger.callHandlers, []

    def on_top(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        before(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", on_top)
    assert said_by(lambda: log.warning("both")) == [("log", 30, "both")]
    assert seen == ["both"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("nul \0 \x1b[31mred\rover", ["nul \0 \x1b[31mred\rover"]),
        ("surrogate \udcff 漢", ["surrogate \ufffd 漢"]),
        ("", [""]),
        ("x" * 150_000, ["x" * 65_536, "x" * 65_536, "x" * 18_928]),
    ],
    ids=["controls", "surrogate", "empty", "long"],
)
def test_any_text_can_be_logged(message: str, expected: list[str], said_by: Callable[..., Said]) -> None:
    assert said_by(lambda: log.warning(message)) == [("log", 30, line) for line in expected]


def test_records_of_many_tasks_that_log_at_once_are_all_kept_in_order(carry_out: Any, kept: Any) -> None:
    expected = [f"record {number}" for number in range(500)]

    @task
    def tell(seed: int) -> None:
        for number in range(500):
            log.warning("record %d", number)

    with Flow("loud") as flow:
        tell.map(list(range(20)))
    carry_out(flow, ThreadExecutor(8), observers=[kept], capture=True)
    by_call: dict[Any, list[str]] = {}
    for line in kept.lines:
        by_call.setdefault(line.call, []).append(line.text)
    assert list(by_call.values()) == [expected] * 20


def test_a_line_that_was_printed_has_no_level() -> None:
    assert Line((0, -1, 1), "stdout", "text").level == 0
