"""The coroutines lane: many tasks in turns on one loop, each with its own context, each ended for itself."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import flowkit
from flowkit import Flow, context, task
from flowkit.engine import loop_watch
from flowkit.engine.executors import CoroutineExecutor, LocalExecutor, ThreadExecutor, coroutines
from flowkit.errors import UsageError
from flowkit.flow.task import Task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.status import CANCELLED, RUNNING, SUCCESS


@task
def number(value: int) -> int:
    return value


@task
async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value


@task
async def forever() -> None:
    await asyncio.Event().wait()


def kinds(outcome: Any, made: list[Any]) -> set[str]:
    return {type(outcome.state.result[each]).__name__ for each in made}


class Barrier:
    """Lets coroutines of one loop go on when so many have come."""

    def __init__(self, parties: int) -> None:
        self.left = parties
        self.open = asyncio.Event()

    async def wait(self) -> None:
        self.left -= 1
        if not self.left:
            self.open.set()
        await self.open.wait()


# -- where tasks go -----------------------------------------------------------------------------


class AsyncTask(Task):
    async def run(self) -> str:
        return threading.current_thread().name


class Callee:
    async def __call__(self) -> str:
        return threading.current_thread().name


async def where_with(_: int) -> str:
    return threading.current_thread().name


def kept_async(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def around(*args: Any) -> Any:
        return await function(*args)

    return around


ASYNC: dict[str, Callable[[], Task]] = {
    "a subclass": AsyncTask,
    "a partial": lambda: task(functools.partial(where_with, _=1), name="partial"),
    "a decorated function": lambda: task(kept_async(Callee().__call__)),
    "an object": lambda: task(Callee(), name="callee"),
    "a method": lambda: task(Callee().__call__, name="method"),
}
if sys.version_info >= (3, 12):
    ASYNC["what is marked as one"] = lambda: task(
        inspect.markcoroutinefunction(lambda: Callee().__call__()), name="marked"
    )


@pytest.mark.parametrize("kind", ASYNC)
@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(1), CoroutineExecutor()])
def test_what_is_a_coroutine_goes_to_the_loop_by_itself(kind: str, executor: Any, carry_out: Any) -> None:
    with Flow("goes") as flow:
        made = ASYNC[kind]()()
    assert carry_out(flow, executor).state.result[made].result == "flowkit-coroutines"


def test_a_function_that_returns_a_coroutine_runs_where_others_do(carry_out: Any) -> None:
    with Flow("returns") as flow:
        made = task(lambda: where_with(1), name="returns")()
    assert carry_out(flow, ThreadExecutor(1)).state.result[made].result == "flowkit-threads-1"


def test_an_async_def_goes_to_the_lane_that_it_names(carry_out: Any) -> None:
    with Flow("named") as flow:
        made = [task(AsyncTask.run, executor=name)(None) for name in ("threads", "inline")]
    plan = compile_flow(flow, lane="coroutines")
    assert plan.lanes == ("coroutines", "threads", "inline")
    states = carry_out(flow, CoroutineExecutor()).state.result
    assert states[made[0]].result.startswith("flowkit-threads")
    assert states[made[1]].result == threading.current_thread().name


def test_what_is_no_coroutine_and_is_asked_there_holds_no_loop(carry_out: Any, gate: Any) -> None:
    """The thread waits for the coroutine, which could not come to it if it were on the loop."""

    @task(executor="coroutines")
    def wait() -> str:
        with Path(gate.path).open("rb", buffering=0) as end:
            end.read(1)
        return threading.current_thread().name

    @task
    async def let_go() -> None:
        gate.open()

    with Flow("both") as flow:
        made = wait()
        let_go()
    for executor in (CoroutineExecutor(1), LocalExecutor()):
        assert carry_out(flow, executor).state.result[made].result == "flowkit-coroutines-threads-1"


@pytest.mark.parametrize("workers", [0, -1, True, 2.5, "two"])
def test_a_number_of_workers_is_one_or_more(workers: Any) -> None:
    with pytest.raises(UsageError, match="must be 1 or more"):
        CoroutineExecutor(workers)


def test_ten_thousand_plain_tasks_do_not_ask_for_a_loop(carry_out: Any) -> None:
    with Flow("plain") as flow:
        for value in range(10_000):
            number(value)
    assert compile_flow(flow, lane="inline").lanes == ("inline",)


# -- many at once -------------------------------------------------------------------------------


def test_two_thousand_are_in_flight_at_once(carry_out: Any) -> None:
    barrier = Barrier(2000)

    @task
    async def meet(value: int) -> int:
        await barrier.wait()
        return value

    with Flow("meet") as flow:
        made = [meet(value) for value in range(2000)]
    states = carry_out(flow).state.result
    assert [states[each].result for each in made] == list(range(2000))


def test_no_more_are_in_flight_than_its_workers(carry_out: Any) -> None:
    now: list[int] = [0, 0]

    @task
    async def count() -> None:
        now[0] += 1
        now[1] = max(now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now[0] -= 1

    with Flow("few") as flow:
        for _ in range(50):
            count()
    assert carry_out(flow, CoroutineExecutor(3)).state.is_successful()
    assert now[1] == 3


def test_ten_thousand_children_leave_nothing_behind(carry_out: Any) -> None:
    seen: weakref.WeakSet[Any] = weakref.WeakSet()

    @task
    async def child(value: int) -> int:
        current = asyncio.current_task()
        assert current is not None
        seen.add(current)
        await asyncio.sleep(0)
        return value

    with Flow("mapped") as flow:
        made = child.map(list(range(10_000)))
    outcome = carry_out(flow)
    assert outcome.state.result[made].result == list(range(10_000))
    gc.collect()
    assert not seen


def test_a_chain_goes_from_lane_to_lane(carry_out: Any) -> None:
    with Flow("chain") as flow:
        made: Any = number(0)
        for _ in range(100):
            made = number(later(made))
    for executor in (LocalExecutor(), ThreadExecutor(2), CoroutineExecutor(1)):
        assert carry_out(flow, executor).state.result[made].result == 0


# -- context, prints, logs ----------------------------------------------------------------------

VALUE: ContextVar[int] = ContextVar("value", default=-1)


def test_each_task_has_a_context_of_its_own(carry_out: Any) -> None:
    barrier = Barrier(3)

    @task
    async def set_it(value: int) -> tuple[int, int, str]:
        before = VALUE.get()
        VALUE.set(value)
        await barrier.wait()
        return before, VALUE.get(), context.task_full_name

    with Flow("contexts") as flow:
        made = set_it.map([0, 1, 2])
    found = carry_out(flow).state.result[made].result
    assert found == [(-1, value, f"set_it[{value}]") for value in range(3)]


def test_prints_and_logs_belong_to_their_task_also_after_await(carry_out: Any, kept: Any) -> None:
    barrier = Barrier(3)

    async def of_a_child(value: int) -> None:
        await asyncio.sleep(0)
        print(f"child of {value}")

    @task
    async def say(value: int) -> None:
        print(f"before {value}")
        await barrier.wait()
        print(f"after {value}")
        logging.getLogger("mine").warning("logged %d", value)
        await asyncio.create_task(of_a_child(value))
        await asyncio.to_thread(print, f"thread of {value}")
        print("no line end ", value, end="")

    with Flow("says") as flow:
        say.map([0, 1, 2])
    carry_out(flow, observers=[kept], capture=True)
    for value in range(3):
        said = [line.text for line in kept.lines if line.call[1] == value]
        assert said == [
            f"before {value}",
            f"after {value}",
            f"logged {value}",
            f"child of {value}",
            f"thread of {value}",
            f"no line end  {value}",
        ]


def test_a_line_without_end_of_each_of_thousands_costs_each_its_own(carry_out: Any, kept: Any) -> None:
    barrier = Barrier(16_000)

    @task
    async def dot(value: int) -> None:
        print(value, end="")
        await barrier.wait()

    with Flow("dots") as flow:
        dot.map(list(range(16_000)))
    started = time.process_time()
    carry_out(flow, CoroutineExecutor(16_000), observers=[kept], capture=True)
    assert [(line.call[1], line.text) for line in sorted(kept.lines)] == [(n, str(n)) for n in range(16_000)]
    assert time.process_time() - started < 3.5, "what is quadratic takes more"


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), ValueError(), asyncio.CancelledError()]
)
def test_what_a_child_task_raises_reaches_its_parent_and_nobody_else(error: Any, carry_out: Any) -> None:
    async def fail() -> None:
        raise error

    @task
    async def parent() -> str:
        try:
            await asyncio.create_task(fail())
        except BaseException as raised:
            return type(raised).__name__
        return "nothing"

    with Flow("children") as flow:
        made, other = parent(), later(1)
    states = carry_out(flow).state.result
    assert (states[made].result, states[other].result) == (type(error).__name__, 1)


def test_a_task_that_cancels_itself_has_failed(carry_out: Any) -> None:
    @task
    async def cancel() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    with Flow("cancels") as flow:
        made, other = cancel(), later(1)
    states = carry_out(flow).state.result
    assert type(states[made]).__name__ == "Failed"
    assert isinstance(states[made].result, asyncio.CancelledError)
    assert states[other].result == 1


def test_a_task_that_cancels_all_others_has_them_fail_and_none_hang(carry_out: Any) -> None:
    @task
    async def cancel_all() -> None:
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()

    with Flow("cancels") as flow:
        cancel_all()
        made = [later(value) for value in range(10)]
    assert kinds(carry_out(flow), made) == {"Failed"}


def test_a_task_that_stops_the_loop_keeps_nobody_from_going_on(carry_out: Any) -> None:
    @task
    async def stop() -> int:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        return 1

    with Flow("stops") as flow:
        made = later(stop())
    assert carry_out(flow).state.result[made].result == 1


def test_a_group_of_child_tasks_fails_as_one(carry_out: Any) -> None:
    async def fail() -> None:
        raise ValueError("no")

    @task(max_retries=1, retry_delay=0)
    async def group() -> int:
        async with asyncio.TaskGroup() as tasks:
            if context.task_run_count == 1:
                tasks.create_task(fail())
                tasks.create_task(asyncio.sleep(3600))
        return int(context.task_run_count)

    with Flow("groups") as flow:
        made = group()
    assert carry_out(flow).state.result[made].result == 2


def test_a_failure_shows_the_frames_of_the_user_alone(carry_out: Any) -> None:
    @task
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    with Flow("fails") as flow:
        fail()
    outcome = carry_out(flow)
    failure = outcome.engine.details[0, -1].failure
    assert failure.place.endswith(" in fail")
    assert "loop_worker.py" not in failure.traceback


# -- time limits, and being stopped --------------------------------------------------------------


def test_a_task_beyond_its_limit_is_cancelled_and_cleans_up(carry_out: Any, kept: Any) -> None:
    cleaned: list[str] = []

    @task(timeout=0.05)
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(context.task_name)

    with Flow("hangs") as flow:
        made, other = hang(), later(1)
    outcome = carry_out(flow, CoroutineExecutor(1), observers=[kept])
    assert type(outcome.state.result[made]).__name__ == "TimedOut"
    assert outcome.state.result[made].message.endswith("took longer than its 0.05 s")
    assert outcome.state.result[other].result == 1
    assert (cleaned, outcome.left_behind) == (["hang"], ())


def test_a_task_that_swallows_its_cancellation_is_left_behind(carry_out: Any) -> None:
    let_go: list[Callable[[], None]] = []

    @task(timeout=0.05)
    async def stubborn() -> None:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        let_go.append(lambda: loop.call_soon_threadsafe(event.set) and None)
        while not event.is_set():
            try:
                await event.wait()
            except asyncio.CancelledError:
                continue

    with Flow("stubborn") as flow:
        made, other = stubborn(), later(1)
    started = time.monotonic()
    outcome = carry_out(flow)
    assert time.monotonic() - started < 2
    assert type(outcome.state.result[made]).__name__ == "TimedOut"
    assert outcome.state.result[other].result == 1
    assert len(outcome.left_behind) == 1 and outcome.left_behind[0].startswith("coroutines-")
    let_go[0]()
    wait_for_end("flowkit-coroutines")


def wait_for_end(name: str) -> None:
    """Until the threads of a name have ended."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(10)
            assert not thread.is_alive()


def test_a_second_attempt_runs_beside_a_first_that_does_not_end(carry_out: Any) -> None:
    release: list[asyncio.Event] = []

    @task(timeout=0.05, max_retries=1, retry_delay=0)
    async def twice() -> int:
        if context.task_run_count == 2:
            release[0].set()
            return 2
        release.append(asyncio.Event())
        while not release[0].is_set():
            try:
                await release[0].wait()
            except asyncio.CancelledError:
                continue
        return 1

    with Flow("twice") as flow:
        made = twice()
    outcome = carry_out(flow, CoroutineExecutor(1))
    assert outcome.state.result[made].result == 2
    assert outcome.left_behind == ()


def test_ctrl_c_ends_thousands_that_are_asleep(carry_out: Any, kept: Any) -> None:
    at: list[float] = []
    left = 5000

    @task
    async def sleep() -> None:
        nonlocal left
        left -= 1
        if not left:
            at.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with Flow("asleep") as flow:
        made = [sleep() for _ in range(5000)]
        after = later(made[0])
    outcome = carry_out(flow, observers=[kept])
    assert time.monotonic() - at[0] < 3, "the promise is one second, and the machine may be busy"
    assert (outcome.interrupted, outcome.left_behind) == (signal.SIGINT, ())
    assert kinds(outcome, [*made, after]) == {"Cancelled"}
    assert sum(row[3] == RUNNING for row in kept.rows) == 5000


def test_the_limit_of_a_run_ends_what_is_asleep(carry_out: Any, kept: Any) -> None:
    with Flow("asleep") as flow:
        made = [forever() for _ in range(10)]
    outcome = carry_out(flow, timeout=0.2, observers=[kept])
    assert outcome.timed_out and outcome.left_behind == ()
    assert kinds(outcome, made) == {"Cancelled"}
    assert {row[7].message for row in kept.rows if row[3] == CANCELLED} == {"Interrupted."}


def test_what_ends_by_itself_when_it_is_cancelled_counts(carry_out: Any) -> None:
    @task
    async def save() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "saved"
        return "not asked"

    with Flow("saves") as flow:
        made, other = save(), forever()
    outcome = carry_out(flow, timeout=0.1)
    assert outcome.state.result[made].result == "saved"
    assert kinds(outcome, [other]) == {"Cancelled"}


# -- what outlives a task -----------------------------------------------------------------------


def test_background_tasks_and_generators_are_ended_with_the_run(carry_out: Any) -> None:
    ended: list[str] = []
    kept_alive: list[Any] = []

    async def background() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator")

    @task
    async def leave() -> int:
        kept_alive.append(asyncio.create_task(background()))
        numbers = generate()
        kept_alive.append(numbers)
        await asyncio.sleep(0)
        return await anext(numbers)

    with Flow("leaves") as flow:
        made = leave()
    outcome = carry_out(flow)
    assert outcome.state.result[made].result == 1
    assert (ended, outcome.left_behind) == (["task", "generator"], ())


def test_no_thread_is_left_after_a_run(carry_out: Any) -> None:
    @task(cache=False)
    async def aside() -> str:
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    with Flow("aside") as flow:
        made = aside()
    outcome = carry_out(flow)
    pool = outcome.state.result[made].result
    assert pool.startswith("flowkit-coroutines-aside")
    assert outcome.left_behind == ()
    for name in ("flowkit-coroutines", "flowkit-coroutines-watch", pool):
        wait_for_end(name)


def test_a_thread_that_does_not_end_is_left_behind_and_the_run_ends(carry_out: Any, gate: Any) -> None:
    def wait() -> None:
        with Path(gate.path).open("rb", buffering=0) as end:
            end.read(1)

    @task(timeout=0.05)
    async def aside() -> None:
        await asyncio.to_thread(wait)

    with Flow("aside") as flow:
        made = aside()
    outcome = carry_out(flow)
    assert kinds(outcome, [made]) == {"TimedOut"}
    assert outcome.left_behind == ("a thread of the loop",)
    gate.open()
    wait_for_end("flowkit-coroutines")


# -- a task that holds the loop ------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_watch, "LONG", 0.05)


def test_a_task_that_holds_the_loop_is_named_once_with_its_place(
    impatient: None, carry_out: Any, gate: Any, caplog: pytest.LogCaptureFixture
) -> None:
    said = threading.Event()
    logger = logging.getLogger("flowkit")
    handler = logging.Handler()
    handler.emit = lambda record: said.set()  # type: ignore[method-assign]
    logger.addHandler(handler)

    @task
    async def hog() -> bool:
        return said.wait(10)

    with Flow("held") as flow:
        made, other = hog(), later(1)
    states = carry_out(flow).state.result
    logger.removeHandler(handler)
    assert (states[made].result, states[other].result) == (True, 1)
    held = [record.getMessage() for record in caplog.records if "holds the event loop" in record.getMessage()]
    assert len(held) == 1
    assert held[0].startswith("`hog` holds the event loop for 0.")
    assert "test_coroutines.py:" in held[0] and " in hog" in held[0]


def hogging(gate: Any) -> Task:
    @task(timeout=0.05)
    async def hog() -> None:
        with Path(gate.path).open("rb", buffering=0) as end:
            end.read(1)

    return hog


def test_another_loop_takes_over_from_one_that_a_given_up_task_holds(
    impatient: None, carry_out: Any, gate: Any
) -> None:
    with Flow("held") as flow:
        made = hogging(gate)()
        number(number(number(made)))  # so that it goes first
        others = [later(value) for value in range(100)]
        after = [later(each) for each in others]
    outcome = carry_out(flow)
    states = outcome.state.result
    assert kinds(outcome, [made]) == {"TimedOut"}
    assert [states[each].result for each in after] == list(range(100))
    assert outcome.left_behind == ("coroutines",)
    gate.open()
    wait_for_end("flowkit-coroutines")


def test_what_waits_for_a_loop_that_is_lost_has_failed_and_is_tried_again(
    impatient: None, carry_out: Any, gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coroutines, "_LOST", 0.1)

    @task(max_retries=1, retry_delay=0)
    async def again(hog: Any) -> int:
        if context.task_run_count == 1:
            asyncio.get_running_loop().call_soon(hog.set)
            await asyncio.Event().wait()
        return int(context.task_run_count)

    @task
    async def once() -> None:
        await asyncio.Event().wait()

    begun: list[asyncio.Event] = []

    @task(timeout=0.3)
    async def hog() -> None:
        begun.append(asyncio.Event())
        await begun[0].wait()
        with Path(gate.path).open("rb", buffering=0) as end:
            end.read(1)

    @task
    async def first() -> Any:
        while not begun:
            await asyncio.sleep(0)
        return begun[0]

    with Flow("lost") as flow:
        hog()
        made, other = again(first()), once()
    outcome = carry_out(flow)
    states = outcome.state.result
    assert states[made].result == 2
    assert kinds(outcome, [other]) == {"Failed"}
    assert "its event loop is held by `hog`, which was given up" in str(states[other].result)
    gate.open()
    wait_for_end("flowkit-coroutines")


def test_a_run_that_is_stopped_ends_though_its_loop_is_held(carry_out: Any, gate: Any) -> None:
    with Flow("held") as flow:
        hogging(gate).copy(timeout=None)()
    started = time.monotonic()
    outcome = carry_out(flow, timeout=0.1)
    assert time.monotonic() - started < 1.5
    assert outcome.left_behind == ("coroutines",)
    gate.open()
    wait_for_end("flowkit-coroutines")


# -- what else tasks have -------------------------------------------------------------------------


def test_steps_that_may_wait_do_not_hold_the_loop(carry_out: Any) -> None:
    """Each of forty handlers waits for a coroutine that runs beside it."""
    threads: set[str] = set()
    called = threading.Event()

    def handler(tracked: Any, old: Any, new: Any) -> None:
        threads.add(threading.current_thread().name.rpartition("_")[0])
        assert called.wait(10)

    @task(state_handlers=[handler])
    async def handled() -> str:
        return threading.current_thread().name

    @task
    async def call() -> None:
        called.set()

    with Flow("handled") as flow:
        made = [handled() for _ in range(40)]
        call()
    outcome = carry_out(flow)
    assert {outcome.state.result[each].result for each in made} == {"flowkit-coroutines"}
    assert threads == {"flowkit-coroutines-begin", "flowkit-coroutines-end"}


def test_a_process_that_a_coroutine_awaits_is_gone_with_it(carry_out: Any) -> None:
    started: list[asyncio.subprocess.Process] = []

    @task
    async def answer() -> bytes:
        process = await asyncio.create_subprocess_exec("echo", "yes", stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    @task(timeout=0.5)
    async def hang() -> None:
        process = await asyncio.create_subprocess_exec("sleep", "3600")
        started.append(process)
        try:
            await process.wait()
        finally:
            process.kill()
            await process.wait()

    with Flow("processes") as flow:
        made, hanging = answer(), hang()
    outcome = carry_out(flow)
    assert outcome.state.result[made].result == b"yes\n"
    assert kinds(outcome, [hanging]) == {"TimedOut"}
    assert (started[0].returncode, outcome.left_behind) == (-signal.SIGKILL, ())


def test_a_flow_may_be_run_and_awaited_in_a_coroutine(carry_out: Any) -> None:
    with Flow("inner") as inner:
        found = later(number(2))

    @task
    async def run_it() -> int:
        return int(inner.run().result[found].result)

    @task
    async def await_it() -> int:
        return int((await inner.arun()).result[found].result)

    with Flow("outer") as flow:
        made = [run_it(), await_it(), *[await_it() for _ in range(50)]]
    states = carry_out(flow).state.result
    assert {states[each].result for each in made} == {2}


def test_an_inner_run_that_is_awaited_is_stopped_with_its_task(carry_out: Any) -> None:
    with Flow("inner") as inner:
        forever()

    @task(timeout=0.3)
    async def await_it() -> None:
        await inner.arun()

    with Flow("outer") as flow:
        made, other = await_it(), later(1)
    outcome = carry_out(flow)
    assert kinds(outcome, [made]) == {"TimedOut"}
    assert outcome.state.result[other].result == 1
    assert outcome.left_behind == ()


def test_resources_are_coroutines_too(carry_out: Any) -> None:
    steps: list[str] = []

    class Connection:
        async def setup(self) -> str:
            await asyncio.sleep(0)
            steps.append("setup")
            return "connected"

        async def cleanup(self, connection: str) -> None:
            await asyncio.sleep(0)
            steps.append(f"cleanup {connection}")

    resource = flowkit.resource_manager(Connection)
    with Flow("resources") as flow, resource() as connection:
        made = use(connection)
    assert carry_out(flow).state.result[made].result == "used connected"
    assert steps == ["setup", "cleanup connected"]


@task
async def use(connection: str) -> str:
    await asyncio.sleep(0)
    return f"used {connection}"


def test_a_child_that_is_forked_in_a_coroutine_runs_no_other(carry_out: Any, tmp_path: Any) -> None:
    place = tmp_path / "said"

    @task
    async def fork() -> int:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return child

    @task
    async def say() -> None:
        with place.open("a") as file:
            file.write(".")

    with Flow("forks") as flow:
        made = fork()
        for _ in range(5):
            say()
    assert carry_out(flow).state.result[made].result > 0
    assert place.read_text() == "....."


def test_rows_name_a_place_for_each_call_at_a_time(carry_out: Any, kept: Any) -> None:
    barrier = Barrier(3)

    @task
    async def meet() -> None:
        await barrier.wait()

    with Flow("places") as flow:
        first = [meet() for _ in range(3)]
        later(1, upstream_tasks=first)
    carry_out(flow, observers=[kept])
    names = [row[6] for row in kept.rows if row[3] == SUCCESS]
    assert sorted(names[:3]) == ["coroutines-1", "coroutines-2", "coroutines-3"]
    assert names[3] in names[:3]
