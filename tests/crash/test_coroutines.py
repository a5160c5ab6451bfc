"""The coroutine lane by the real command: what its tasks hold, and leave behind, ends with the run."""

from __future__ import annotations

import signal
import time

import pytest
from checker import check_litter, check_orphans, recorded
from scene import Scene

from flowkit.plan.status import CANCELLED, FAILED, SUCCESS, TIMED_OUT
from flowkit.store.run_status import RunStatus

PROMPTLY = 3.0  # seconds; the promise is one, and the machine may be busy

ASLEEP = """
    import asyncio, os
    from pathlib import Path
    from flowkit import flow, task

    slept = []

    @task
    async def sleep(number):
        slept.append(number)
        if len(slept) == 3000:
            Path("reached").touch()
        if not Path("go").exists():
            await asyncio.Event().wait()
        return number

    @task
    async def total(numbers):
        return sum(numbers)

    @flow
    def asleep():
        total(sleep.map(list(range(3000))))
"""


@pytest.mark.parametrize("executor", ["inline", "threads", "coroutines"])
def test_ctrl_c_ends_thousands_that_are_asleep_and_resume_goes_on(scene: Scene, executor: str) -> None:
    scene.write(ASLEEP)
    started = scene.start("run", "flows/flow.py:asleep", "-q", "--executor", executor)
    assert started.wait_until((scene.folder / "reached").exists), started.said().err
    began = time.monotonic()
    started.signal(signal.SIGINT)
    said = started.said()
    assert time.monotonic() - began < PROMPTLY
    assert (said.code, "left behind" in said.err, "Traceback" in said.err) == (130, False, False)
    check_orphans(started.command.pid)
    found = recorded(scene)
    assert found.status is RunStatus.INTERRUPTED
    assert {each.status for each in found.attempts} <= {CANCELLED}
    (scene.folder / "go").touch()
    scene.flowkit("resume", "-q")
    assert recorded(scene).values["total"] == 3000 * 2999 // 2


def test_what_swallows_its_cancellation_or_holds_the_loop_keeps_no_process(scene: Scene) -> None:
    """Each is timed out at its time, the others go on, and what cannot be stopped is named."""
    scene.write("""
        import asyncio, threading
        from flowkit import flow, task

        @task(timeout=0.2)
        async def asleep():
            await asyncio.Event().wait()

        @task(timeout=0.2)
        async def stubborn():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

        @task(timeout=0.2)
        async def aside():
            await asyncio.to_thread(threading.Event().wait)

        @task(timeout=0.2)
        async def hog(others):
            while True:
                pass

        @task
        async def one(number):
            return number

        @flow
        def odd():
            hog(one.map([1, 2, 3]))
            one(asleep())
            one(stubborn())
            one(aside())
    """)
    began = time.monotonic()
    said = scene.flowkit("run", "flows/flow.py:odd", code=1)
    assert time.monotonic() - began < 30
    ends = {each.key: each.status for each in recorded(scene).attempts}
    assert [ends[key] for key in ("asleep", "stubborn", "aside", "hog")] == [TIMED_OUT] * 4
    assert [ends[f"one[{number}]"] for number in range(3)] == [SUCCESS] * 3
    assert "left behind" in said.err
    check_litter(scene)


def test_a_loop_that_is_held_for_ever_is_said_and_the_rest_of_the_run_goes_on(scene: Scene) -> None:
    scene.write("""
        import threading
        from flowkit import flow, task

        @task(timeout=0.2)
        async def hog():
            threading.Event().wait()

        @task
        async def one(number):
            return number

        @flow
        def odd():
            hog()
            one.map(one.map([1, 2, 3]))
    """)
    said = scene.flowkit("run", "flows/flow.py:odd", "--workers", "1", code=1)
    found = recorded(scene)
    assert sorted(found.values.values()) == [1, 1, 2, 2, 3, 3]
    assert "worker coroutines" in said.err
    assert "could not be stopped and was left behind" in said.err


@pytest.mark.parametrize("most", range(8, 14))
def test_where_no_more_threads_can_be_started_coroutines_end_all_the_same(scene: Scene, most: int) -> None:
    scene.write("""
        import asyncio
        from flowkit import flow, task

        @task(durability="task")
        async def one(number):
            await asyncio.sleep(0)
            return [number]

        @flow
        def odd():
            one.map(one.map([1, 2, 3]))
    """)
    said = scene.flowkit("run", "flows/flow.py:odd", before=("few_threads", most), code=None)
    if said.code:
        assert said.code != 70, said.err
        assert "can't start new thread" in said.err
        scene.flowkit(*(("run", "flows/flow.py:odd") if recorded(scene).run is None else ("resume",)))
    assert len(recorded(scene).values) == 6
    check_litter(scene)


def test_what_cannot_be_kept_is_no_reason_to_hang(scene: Scene) -> None:
    """Results and exceptions that no pickle takes, one that fails when it is unpickled, a generator."""
    scene.write("""
        import threading
        from flowkit import flow, task

        class Picky(Exception):
            def __init__(self, one, *, two): super().__init__("picky")

        class Broken:
            def __reduce__(self): raise RuntimeError("not me")

        class Backwards:
            def __reduce__(self): return (int, ("no number",))

        MAKE = [
            lambda: lambda: 1, threading.Lock, Broken, Backwards, lambda: open("/dev/null"),
            lambda: (number for number in range(3)),
        ]

        @task
        async def make(kind):
            return MAKE[kind]()

        @task
        async def fail():
            raise Picky(1, two=2)

        @task
        async def take(made):
            return type(made).__name__

        @flow
        def odd():
            take.map(make.map(list(range(len(MAKE)))))
            fail()
    """)
    said = scene.flowkit("run", "flows/flow.py:odd", code=1)
    assert "is not kept" in said.err
    found = recorded(scene, values=False)
    assert [each.key for each in found.attempts if each.status == FAILED] == ["fail"]


def test_what_a_coroutine_leaves_in_the_process_does_not_keep_the_runner(scene: Scene) -> None:
    """Changed in the process, as with threads: the folder, the environment; left: tasks, threads, files."""
    scene.write("""
        import asyncio, os, threading
        from flowkit import flow, task

        left = []

        async def tick():
            while True:
                await asyncio.sleep(0.01)

        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                print("closed")

        @task
        async def leave():
            left.append(asyncio.create_task(tick()))
            left.append(open(os.devnull))
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            left.append(numbers())
            await anext(left[-1])
            os.chdir("/")
            os.environ["CHANGED"] = "1"
            os.umask(0)

        @task
        async def see(_):
            return [os.getcwd(), os.environ.get("CHANGED")]

        @flow
        def odd():
            see(leave())
    """)
    scene.flowkit("run", "flows/flow.py:odd")
    found = recorded(scene)
    assert found.values["see"] == ["/", "1"]
    check_litter(scene)
