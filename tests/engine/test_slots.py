"""Slots of the machine: one holder each, free at once when that ends, and taken in turns."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest

from flowkit import Flow, task
from flowkit.engine.context import CURRENT
from flowkit.engine.engine import Engine
from flowkit.engine.executors import ThreadExecutor
from flowkit.engine.limiting import waits
from flowkit.engine.slot import Slot, holder_of, holder_said, holder_text
from flowkit.engine.slots import Queue
from flowkit.errors import FlowkitError
from flowkit.plan.compiler import compile_flow
from flowkit.plan.limited import LimitedMachine
from flowkit.plan.limits import Limit, limits_of

PATIENCE = 20.0
_HOLD = """
import sys
from pathlib import Path
from flowkit.engine.slot import Slot
slot = Slot(Path(sys.argv[1]))
print(slot.take(b"{}"), flush=True)
sys.stdin.read()
"""


def hung_up(slot: Slot, seconds: float = 0.0) -> bool:
    """Whether it is told that a slot may be free, or is within so many seconds."""
    assert slot.watched is not None
    poll = select.poll()
    poll.register(slot.watched, 0)
    return bool(poll.poll(seconds * 1000))


def test_a_slot_has_one_holder_whom_others_can_read(tmp_path: Path) -> None:
    slot, other = Slot(tmp_path / "s"), Slot(tmp_path / "s")
    assert slot.take(holder_text(41, "rates"))
    assert not other.take(b"me")
    assert holder_said(holder_of(other.path)) == "run 41"
    assert not hung_up(other)
    slot.give_back()
    assert hung_up(other)
    assert other.take(holder_text(None, "rates"))
    assert holder_said(holder_of(other.path)) == f"`rates` in process {os.getpid()}"
    other.give_back()
    assert holder_said(holder_of(other.path)) == ""


def test_a_holder_that_came_after_the_first_look_is_seen_to_end_too(tmp_path: Path) -> None:
    slot, second, waiting = (Slot(tmp_path / "s") for _ in range(3))
    assert slot.take(b"")
    assert not waiting.take(b"")
    slot.give_back()
    assert second.take(b"")
    assert not hung_up(waiting)
    assert not waiting.take(b"")
    second.give_back()
    assert hung_up(waiting)


def test_the_slot_of_a_process_that_is_killed_is_free_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "s")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "True\n"
        slot = Slot(tmp_path / "s")
        assert not slot.take(b"")
        holder.send_signal(signal.SIGKILL)
        assert hung_up(slot, PATIENCE)
        assert slot.take(b"")
        slot.give_back()


def test_a_forked_process_that_lives_on_keeps_no_slot(tmp_path: Path) -> None:
    slot, ear_and_bell = Slot(tmp_path / "s"), os.pipe()
    assert slot.take(b"")
    child = os.fork()
    if not child:
        os.close(ear_and_bell[1])
        os.read(ear_and_bell[0], 1)  # until the parent is done
        os._exit(0)
    try:
        slot.give_back()
        other = Slot(tmp_path / "s")
        assert other.take(b"")
        other.give_back()
    finally:
        os.close(ear_and_bell[1])
        os.waitpid(child, 0)
        os.close(ear_and_bell[0])


def test_who_gives_a_slot_back_gets_it_again_after_those_that_wait(tmp_path: Path) -> None:
    mine, others = (Queue(tmp_path, "db", 1, holder_text(number, "f")) for number in (1, 2))
    first = mine.take()
    assert first is not None
    assert others.take() is None
    first.give_back()
    assert mine.take() is None
    assert mine.holders == ["run 2"]
    second = others.take()
    assert second is not None
    assert mine.take() is None
    second.give_back()
    third = mine.take()
    assert third is not None
    third.give_back()


def test_a_limit_has_as_many_slots_as_it_says(tmp_path: Path) -> None:
    queues = [Queue(tmp_path, "a limit/of: any name", 2, str(number).encode()) for number in range(3)]
    slots = [queue.take() for queue in queues]
    assert [slot is not None for slot in slots] == [True, True, False]
    assert queues[2].holders == []  # as what is written there says no run
    for slot in slots[:2]:
        assert slot is not None
        slot.give_back()
    queues[2].rest()
    assert {path.suffix for path in tmp_path.iterdir()} == {".1", ".2", ".turn", ".pipe"}


def test_names_that_look_alike_are_different_limits(tmp_path: Path) -> None:
    slots = [Queue(tmp_path, name, 1, b"").take() for name in ("a/b", "a b", "ä b", "x" * 300, "x" * 301)]
    assert all(slots)
    for slot in slots:
        assert slot is not None
        slot.give_back()


# -- runs -------------------------------------------------------------------------------------


def engine_of(flow: Flow, folder: Path, number: int, timeout: float = PATIENCE) -> Engine:
    """A run, where one task at a time on the machine may have the tag `db`."""
    plan = compile_flow(flow)
    limits = limits_of(plan, {"db": Limit(1, outside=True)}, 2, 1 << 30)
    return Engine(plan, [ThreadExecutor(3)], limits=limits, slots=folder, number=number, timeout=timeout)


def test_a_limit_of_the_machine_holds_across_runs(tmp_path: Path) -> None:
    """Each call stays until the other run waits, or has ended."""
    inside = threading.Lock()
    met: list[bool] = []
    engines: list[Engine] = []

    @task(tags={"db"})
    def alone(number: int) -> None:
        met.append(inside.acquire(blocking=False))
        current = CURRENT.get()
        assert current is not None
        (other,) = [engine for engine in engines if engine is not current[0]]
        while not (cast(LimitedMachine, other.machine).asking or other.machine.over):
            os.sched_yield()
        inside.release()

    with Flow("f") as flow:
        alone.map(list(range(10)))
    engines += [engine_of(flow, tmp_path, number) for number in (1, 2)]
    threads = [threading.Thread(target=engine.run) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(engine._ended is not None and engine._ended.exit_code == 0 for engine in engines)
    assert met == [True] * 20


def test_nothing_is_left_behind_by_a_run(tmp_path: Path) -> None:
    @task(tags={"db"})
    def nothing() -> None: ...

    with Flow("f") as flow:
        nothing()
        nothing()
    before = len(list(Path("/dev/fd").iterdir()))
    assert engine_of(flow, tmp_path, 1).run().exit_code == 0
    assert len(list(Path("/dev/fd").iterdir())) == before
    assert "flowkit-slots" not in {thread.name for thread in threading.enumerate()}
    left = Queue(tmp_path, "db", 1, b"").take()
    assert left is not None
    left.give_back()


def test_who_is_waited_for_is_said_and_a_run_that_waits_can_be_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.engine.slots.PATIENCE", 0.0)
    caplog.set_level("INFO", "flowkit")

    @task(tags={"db"})
    def wait() -> None: ...

    with Flow("f") as flow:
        wait()
    held = Queue(tmp_path, "db", 1, holder_text(41, "other")).take()
    assert held is not None
    engine = engine_of(flow, tmp_path, 7, timeout=0.3)
    outcome = engine.run()
    assert outcome.timed_out
    assert "waiting for `db`, held by run 41" in caplog.messages
    assert waits(engine) == []
    held.give_back()


def test_a_task_that_forks_leaves_no_slot_to_its_child(tmp_path: Path) -> None:
    ear, bell = os.pipe()
    children = []

    @task(tags={"db"})
    def fork() -> None:
        child = os.fork()
        if not child:
            os.close(bell)
            os.read(ear, 1)
            os._exit(0)
        children.append(child)

    with Flow("f") as flow:
        fork()
    engine = engine_of(flow, tmp_path, 1)
    running = threading.Thread(target=engine.run)  # in the main thread its signals would wait for the child
    running.start()
    running.join(PATIENCE)
    watching, other = Queue(tmp_path, "db", 1, b""), Queue(tmp_path, "db", 1, b"")
    slot = watching.take()
    assert slot is not None
    assert other.take() is None
    slot.give_back()
    poll = select.poll()
    for watched in other.watched:
        poll.register(watched, 0)
    assert poll.poll(PATIENCE * 1000), "the child does not hold the pipe open either"
    other.rest()
    os.close(bell)
    os.waitpid(children[0], 0)
    os.close(ear)


def test_a_folder_that_cannot_be_used_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    @task(tags={"db"})
    def nothing() -> None: ...

    with Flow("f") as flow:
        nothing()
    with pytest.raises(FlowkitError, match=r"the slots in `.*/gone` cannot be used: No such file") as caught:
        engine_of(flow, tmp_path / "gone", 1).run()
    assert caught.value.exit_code == 1
