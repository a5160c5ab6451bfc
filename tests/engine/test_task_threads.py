"""Threads that tasks start: what they print and log is their task's, and nothing else is changed."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest

import flowkit
from flowkit import Flow, task
from flowkit.engine import task_threads
from flowkit.engine.context import CURRENT
from flowkit.engine.executors import LocalExecutor, ThreadExecutor

log = logging.getLogger("mine")


def run_in_thread(function: Callable[..., Any], *args: Any) -> None:
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


@pytest.fixture
def said_by(carry_out: Any, kept: Any) -> Callable[..., list[str]]:
    """What a function, and the threads that it starts, say as the one task of a flow."""

    def said_by(function: Callable[[], Any]) -> list[str]:
        with Flow("one") as flow:
            task(function)()
        state = carry_out(flow, LocalExecutor(), observers=[kept], capture=True).state
        assert state.is_successful(), state.message
        assert {line.call for line in kept.lines} <= {(0, -1, 1)}
        return [line.text for line in kept.lines]

    return said_by


# -- whose a thread is ------------------------------------------------------------------------


class Own(threading.Thread):
    def run(self) -> None:
        print("said")


def by_a_thread() -> None:
    run_in_thread(print, "said")


def by_a_thread_of_a_thread() -> None:
    run_in_thread(run_in_thread, print, "said")


def by_a_class_of_its_own() -> None:
    thread = Own()
    thread.start()
    thread.join()


def by_a_function_put_on_a_thread() -> None:
    thread = threading.Thread()
    thread.run = by_a_thread  # type: ignore[method-assign]
    thread.start()
    thread.join()


def by_a_timer() -> None:
    timer = threading.Timer(0, print, ["said"])
    timer.start()
    timer.join()


def by_a_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print, "said").result()


def by_a_mapping_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(print, ["said"]))


def by_the_start_of_a_pool() -> None:
    with ThreadPoolExecutor(1, initializer=print, initargs=("said",)) as pool:
        pool.submit(int).result()


def by_the_end_of_what_a_pool_does() -> None:
    called_back = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(called_back.wait).add_done_callback(lambda _: print("said"))
        called_back.set()


def by_a_pool_of_multiprocessing() -> None:
    with ThreadPool(1) as pool:
        pool.map(print, ["said"])


async def by_a_loop() -> None:
    await asyncio.get_running_loop().run_in_executor(None, print, "said")


@pytest.mark.parametrize(
    "speak",
    [
        by_a_thread,
        by_a_thread_of_a_thread,
        by_a_class_of_its_own,
        by_a_function_put_on_a_thread,
        by_a_timer,
        by_a_pool,
        by_a_mapping_pool,
        by_the_start_of_a_pool,
        by_the_end_of_what_a_pool_does,
        by_a_pool_of_multiprocessing,
        by_a_loop,
    ],
)
def test_what_a_thread_of_a_task_prints_is_the_tasks(
    speak: Callable[[], Any], said_by: Callable[..., list[str]]
) -> None:
    assert said_by(speak) == ["said"]


def test_what_a_thread_of_a_task_logs_is_the_tasks(said_by: Callable[..., list[str]]) -> None:
    assert said_by(lambda: run_in_thread(log.warning, "said")) == ["said"]


def test_an_exception_that_ends_a_thread_is_in_the_log_of_its_task(
    said_by: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    assert said_by(lambda: run_in_thread(int, "x"))[-1].startswith("ValueError: invalid literal for int()")


def test_a_thread_of_a_task_knows_its_task(said_by: Callable[..., list[str]]) -> None:
    assert said_by(lambda: run_in_thread(lambda: print(flowkit.context.task_full_name))) == ["<lambda>"]


def test_a_pool_of_the_program_prints_as_the_task_that_submits(carry_out: Any, kept: Any) -> None:
    """Its one thread is started by the first task, and does what the second and the program ask for too."""
    with ThreadPoolExecutor(1) as pool:

        @task
        def tell(name: str) -> None:
            pool.submit(print, name).result()

        @task
        def from_outside() -> None:
            run_outside(lambda: pool.submit(print, "outside").result())

        with Flow("two") as flow:
            one = tell("one")
            two = tell("two", upstream_tasks=[one])
            from_outside(upstream_tasks=[two])
        with redirect_stdout(io.StringIO()) as out:
            outcome = carry_out(flow, LocalExecutor(), observers=[kept], capture=True)
    assert outcome.state.is_successful()
    tasks = outcome.plan.tasks
    assert [(tasks[line.call[0]], line.text) for line in kept.lines] == [(one, "one"), (two, "two")]
    assert out.getvalue() == "outside\n"


def run_outside(function: Callable[[], None]) -> None:
    """Call a function as one who is no task."""
    token = CURRENT.set(None)
    try:
        function()
    finally:
        CURRENT.reset(token)


def test_a_thread_that_outlives_its_attempt_goes_on_as_that_attempt(carry_out: Any, kept: Any) -> None:
    again, said = threading.Event(), threading.Event()

    def outlive() -> None:
        again.wait(10)
        print("late")
        said.set()

    @task(max_retries=1, retry_delay=0)
    def twice() -> None:
        if flowkit.context.task_run_count == 1:
            threading.Thread(target=outlive).start()
            raise ValueError("no")
        again.set()
        said.wait(10)
        print("second")

    with Flow("twice") as flow:
        twice()
    assert carry_out(flow, observers=[kept], capture=True).state.is_successful()
    assert [(line.call[2], line.text) for line in kept.lines] == [(1, "late"), (2, "second")]


def test_a_thread_that_outlives_the_run_prints_where_it_did_before(carry_out: Any, kept: Any) -> None:
    over = threading.Event()
    threads: list[threading.Thread] = []

    def outlive(held: Any) -> None:
        over.wait(10)
        print("to the stream of now")
        print("to the stream of then", file=held)

    @task
    def leave_behind() -> None:
        threads.append(threading.Thread(target=outlive, args=(sys.stdout,)))
        threads[0].start()

    with Flow("leaves") as flow:
        leave_behind()
    with redirect_stdout(io.StringIO()) as out:
        carry_out(flow, observers=[kept], capture=True)
        over.set()
        threads[0].join()
    assert (out.getvalue(), kept.lines) == ("to the stream of now\nto the stream of then\n", [])


def test_of_two_runs_at_once_each_has_what_its_threads_print(carry_out: Any, kept: Any) -> None:
    """The one ends while the other goes on, and starts a thread after that."""
    kept_too, begun, ended = type(kept)(), threading.Event(), threading.Event()

    @task
    def lasts() -> None:
        begun.set()
        ended.wait(10)
        run_in_thread(print, "long")

    @task
    def is_over_soon() -> None:
        begun.wait(10)
        run_in_thread(print, "short")

    with Flow("long") as long:
        lasts()
    with Flow("short") as short:
        is_over_soon()
    other = threading.Thread(target=carry_out, args=(long,), kwargs={"observers": [kept], "capture": True})
    other.start()
    carry_out(short, ThreadExecutor(1), observers=[kept_too], capture=True)
    ended.set()
    other.join()
    assert [line.text for line in kept.lines] == ["long"]
    assert [line.text for line in kept_too.lines] == ["short"]


def test_threads_of_a_run_inside_of_a_task_are_that_tasks(carry_out: Any, kept: Any) -> None:
    @task
    def speak() -> None:
        run_in_thread(print, "from within")

    with Flow("inner") as inner:
        speak()

    @task
    def run_inner() -> None:
        carry_out(inner, ThreadExecutor(1))

    with Flow("outer") as outer:
        made = run_inner()
    plan = carry_out(outer, observers=[kept], capture=True).plan
    assert [(plan.tasks[line.call[0]], line.text) for line in kept.lines] == [(made, "from within")]


class Whose:
    """An observer that notes whose the threads are that tell it."""

    def __init__(self) -> None:
        self.calls: set[Any] = set()

    def begin(self, engine: Any) -> None: ...

    def see(self, rows: Any, lines: Any) -> None:
        self.calls.add(CURRENT.get())

    def end(self, outcome: Any) -> None: ...


def test_threads_of_flowkit_are_no_tasks(carry_out: Any) -> None:
    """As where a run inside of a task has a thread that tells its observers."""
    whose = Whose()

    @task
    def run_inner() -> None:
        with Flow("inner") as inner:
            task(lambda: 1)()
        carry_out(inner, ThreadExecutor(1), observers=[whose])

    with Flow("outer") as outer:
        run_inner()
    assert carry_out(outer, capture=True).state.is_successful()
    assert whose.calls == {None}


# -- what is left as it was -------------------------------------------------------------------


def methods() -> tuple[Any, Any]:
    return vars(threading.Thread)["start"], vars(ThreadPoolExecutor)["submit"]


BEFORE = methods()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    assert methods() == BEFORE


def test_a_run_that_captures_nothing_changes_nothing(carry_out: Any) -> None:
    @task
    def look() -> bool:
        return methods() == BEFORE

    with Flow("looks") as flow:
        made = look()
    assert carry_out(flow).state.result[made].result


def test_a_thread_that_no_task_starts_is_as_it_would_be(carry_out: Any, kept: Any) -> None:
    @task
    def work() -> None:
        run_outside(lambda: run_in_thread(print, "outside"))

    with Flow("thread") as flow:
        work()
    with redirect_stdout(io.StringIO()) as out:
        carry_out(flow, observers=[kept], capture=True)
    assert (out.getvalue(), kept.lines) == ("outside\n", [])


def test_only_whose_it_is_is_handed_on_to_a_thread(said_by: Callable[..., list[str]]) -> None:
    """Else a program would compute otherwise under flowkit, as `decimal` has its precision there."""
    import decimal

    def work() -> None:
        with decimal.localcontext() as context:
            context.prec = 3
            run_in_thread(lambda: print(decimal.getcontext().prec))

    assert said_by(work) == [str(decimal.DefaultContext.prec)]


def test_a_thread_is_freed_as_soon_as_nobody_has_it(said_by: Callable[..., list[str]]) -> None:
    def work() -> None:
        thread = Own()
        thread.start()
        thread.join()
        freed = weakref.ref(thread)
        gc.disable()
        try:
            del thread
            print("kept" if freed() else "freed")
        finally:
            gc.enable()

    assert said_by(work) == ["said", "freed"]


def test_a_thread_that_was_started_before_is_refused_as_ever(said_by: Callable[..., list[str]]) -> None:
    def work() -> None:
        thread = Own()
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()

    assert said_by(work) == ["said"]


class OnTop:
    """A library that puts a function of its own on `Thread.start`, as sentry does."""

    def __init__(self) -> None:
        self.started: list[threading.Thread] = []

    def install(self) -> None:
        self.before = before = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            self.started.append(thread)
            before(thread)

        threading.Thread.start = start  # type: ignore[method-assign]
        self.function = start

    def remove(self) -> None:
        threading.Thread.start = self.before  # type: ignore[method-assign]


@pytest.fixture
def on_top() -> Iterator[OnTop]:
    yield OnTop()
    threading.Thread.start = BEFORE[0]  # type: ignore[method-assign]


def test_a_library_that_stands_there_before_a_run_does_so_after(
    on_top: OnTop, said_by: Callable[..., list[str]]
) -> None:
    on_top.install()
    assert said_by(by_a_thread) == ["said"]
    assert threading.Thread.start is on_top.function
    assert on_top.started


def test_a_library_that_comes_during_a_run_stays_after_it(
    on_top: OnTop, said_by: Callable[..., list[str]]
) -> None:
    def work() -> None:
        on_top.install()
        by_a_thread()

    assert said_by(work) == ["said"]
    assert threading.Thread.start is on_top.function
    run_in_thread(int)
    assert len(on_top.started) == 2


def test_what_a_library_has_stood_on_is_of_use_in_the_next_run_and_does_nothing_after(
    on_top: OnTop, carry_out: Any, kept: Any
) -> None:
    with Flow("installs") as first:
        task(on_top.install)()
    carry_out(first, capture=True)

    @task
    def work() -> None:
        by_a_thread()
        on_top.remove()
        by_a_thread()

    with Flow("works") as second:
        work()
    carry_out(second, LocalExecutor(), observers=[kept], capture=True)
    assert [line.text for line in kept.lines] == ["said", "said"]
    assert methods() == BEFORE


def test_in_a_forked_child_nobody_is_listened_to(carry_out: Any) -> None:
    """The child says by its exit code whether its thread is the task's."""
    import os

    @task
    def forks() -> int:
        child = os.fork()
        if not child:
            found: list[Any] = []
            run_in_thread(lambda: found.append(CURRENT.get()))
            os._exit(0 if found == [None] else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with Flow("forks") as flow:
        made = forks()
    assert carry_out(flow, LocalExecutor(), capture=True).state.result[made].result == 0


def test_a_thread_of_our_own_is_started_apart() -> None:
    found: list[Any] = []
    token = CURRENT.set((object(), (0, -1, 1)))  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: found.append(CURRENT.get()))
    task_threads.start_apart(thread)
    CURRENT.reset(token)
    thread.join()
    assert found == [None]
