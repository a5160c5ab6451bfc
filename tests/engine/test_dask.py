"""The lane on a Dask cluster: values stay there, dead workers cost an attempt, and nothing waits for ever."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dask_cluster import DaskCluster, carried_out, number, size_of, zeros

from flowkit import Flow, context, task, unmapped
from flowkit.engine.dask import there
from flowkit.engine.dask.cluster import CONNECTING
from flowkit.engine.dask.held import Held
from flowkit.engine.dask.jobs import Pace, Ready, resources_of
from flowkit.engine.engine import Engine
from flowkit.engine.executors import DaskExecutor
from flowkit.engine.outcome import Outcome
from flowkit.engine.sealed import OpeningError
from flowkit.engine.secret import Secret
from flowkit.errors import UsageError
from flowkit.plan.status import RUNNING, SUCCESS


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers that offer a GPU each."""
    with DaskCluster(tmp_path_factory.mktemp("dask"), resources="GPU=1") as made:
        yield made


@task
def spoil(array: Any) -> None:
    array[0] = 1.0


@task
def where() -> tuple[int, str]:
    return os.getpid(), context.task_name


class Shut:
    """Pickles, and cannot be unpickled."""

    def __init__(self) -> None:
        self.much = "x" * 100_000

    def __reduce__(self) -> Any:
        return _refuse, (self.much,)


def _refuse(much: str) -> None:
    raise ValueError("it stays shut")


@task
def shut() -> Shut:
    return Shut()


@task
def lock() -> Any:
    return threading.Lock()


@task
def says() -> None:
    print("printed")
    logging.getLogger("a").warning("logged")
    logging.getLogger("b").debug("told in detail")
    logging.getLogger("a").debug("not told")


def test_a_large_value_stays_on_the_cluster_and_is_brought_home_at_the_end(cluster: DaskCluster) -> None:
    with Flow("stays") as flow:
        made = zeros(100_000)
        size = size_of(made)
    outcome = carried_out(flow, DaskExecutor(cluster.address))
    held = outcome.engine.values[outcome.plan.tasks.index(made)]
    assert type(held) is Held
    assert outcome.state.result[size].result == 100_000
    assert outcome.state.result[made].result.shape == (100_000,)


def test_a_small_value_comes_back_with_its_answer(cluster: DaskCluster) -> None:
    with Flow("small") as flow:
        made = zeros(10)
    outcome = carried_out(flow, DaskExecutor(cluster.address))
    assert type(outcome.engine.values[outcome.plan.tasks.index(made)]) is not Held
    assert outcome.state.result[made].result.shape == (10,)


def test_who_takes_a_value_that_stays_cannot_change_it_for_others(cluster: DaskCluster) -> None:
    with Flow("spoils") as flow:
        made = zeros(100_000)
        spoilt = spoil(made)
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    assert "read-only" in state.result[spoilt].message
    assert not state.result[made].result.any()


def test_a_large_argument_is_sent_before_its_call(cluster: DaskCluster) -> None:
    with Flow("large") as flow:
        size = size_of(number("x" * 3_000_000))
        each = size_of.map([b"y" * 300_000, b"z" * 5])
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    assert state.result[size].result == 3_000_000
    assert state.result[each].result == [300_000, 5]


def test_a_mapped_task_takes_a_value_that_stays(cluster: DaskCluster) -> None:
    @task
    def at(index: int, array: Any) -> float:
        return float(array[index]) + index

    with Flow("maps") as flow:
        each = at.map([1, 2, 3], unmapped(zeros(100_000)))
        again = size_of.map([zeros(50_000), zeros(60_000)])
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    assert state.result[each].result == [1.0, 2.0, 3.0]
    assert state.result[again].result == [50_000, 60_000]


@pytest.mark.parametrize("made", [shut, lock])
def test_what_cannot_be_sent_or_opened_is_a_failure_of_who_makes_or_takes_it(
    made: Any, cluster: DaskCluster
) -> None:
    with Flow("odd") as flow:
        odd = made()
        taken = number(odd)
        other = number(1)
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    if made is lock:
        assert "a `lock` cannot be pickled" in state.result[odd].message
    else:
        assert "it stays shut" in state.result[taken].message
        with pytest.raises(OpeningError, match="it stays shut"):
            state.result[odd]
    assert state.result[other].result == 1


def test_what_tasks_print_and_log_comes_back(
    cluster: DaskCluster, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the levels that loggers have here let it."""
    monkeypatch.setattr(logging.getLogger("b"), "level", logging.DEBUG)
    with Flow("says") as flow:
        says()
    carried_out(flow, DaskExecutor(cluster.address), observers=[kept], capture=True)
    assert [(line.stream, line.text) for line in kept.lines] == [
        ("stdout", "printed"),
        ("log", "logged"),
        ("log", "told in detail"),
    ]


class Hears:
    """An observer that knows when a line has come."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.has_heard = threading.Event()

    def begin(self, engine: Engine) -> None:
        """Nothing to do."""

    def see(self, rows: Any, lines: Any) -> None:
        self.lines += [line.text for line in lines]
        if lines:
            self.has_heard.set()

    def end(self, outcome: Outcome) -> None:
        """Nothing to do."""


@task
def tell_and_wait(path: str) -> None:
    os.environ["FLOWKIT_SECRET_PASSWORD"] = "correct horse"
    print("the password is", Secret("PASSWORD").get())
    with Path(path).open("rb", buffering=0) as gate:
        gate.read(1)
    print("and that was it")


def test_what_a_task_prints_is_heard_while_it_goes_on(cluster: DaskCluster, gate: Any) -> None:
    """Once, before its answer, and without secrets that only it knows."""
    hears, outcomes = Hears(), list[Outcome]()
    with Flow("tells") as flow:
        tell_and_wait(gate.path)
    run = threading.Thread(
        target=lambda: outcomes.append(
            carried_out(flow, DaskExecutor(cluster.address), observers=[hears], capture=True)
        )
    )
    run.start()
    assert hears.has_heard.wait(20)
    assert hears.lines == ["the password is •••"]
    gate.open()
    run.join(20)
    assert hears.lines == ["the password is •••", "and that was it"]
    assert outcomes[0].state.is_successful()


@task
def tell_much(seconds: float) -> int:
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        print(count)
        count += 1
        threading.Event().wait(0.001)
    return count


def test_lines_come_once_and_in_order_however_they_came(cluster: DaskCluster) -> None:
    hears = Hears()
    with Flow("tells") as flow:
        made = tell_much(0.8)
    outcome = carried_out(flow, DaskExecutor(cluster.address), observers=[hears], capture=True)
    assert hears.lines == [str(number) for number in range(outcome.state.result[made].result)]


def test_a_task_with_a_resource_tag_runs_where_it_is_offered(cluster: DaskCluster) -> None:
    with Flow("resources") as flow:
        made = where.copy(tags=["dask-resource:GPU=1"], name="trained")()
        wrong = where.copy(tags=["dask-resource:GPU"])()
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    assert state.result[made].result[0] in [worker.pid for worker in cluster.workers]
    assert state.result[made].result[1] == "trained"
    assert "`dask-resource:GPU` is not like `dask-resource:GPU=1`" in state.result[wrong].message


def test_a_resource_that_nobody_offers_is_said_aloud(
    cluster: DaskCluster, caplog: pytest.LogCaptureFixture
) -> None:
    with Flow("waits") as flow:
        where.copy(tags=["dask-resource:TPU=1"])()
    with caplog.at_level(logging.WARNING, "flowkit"):
        assert carried_out(flow, DaskExecutor(cluster.address), timeout=1.0).timed_out
    assert "No worker of the Dask cluster offers TPU=1; where waits for one." in caplog.messages


def test_a_task_may_be_called_as_what_goes_with_calls(cluster: DaskCluster) -> None:
    with Flow("names") as flow:
        first = number(1, task_args={"name": "function", "priority": 1})
        second = where()
    state = carried_out(flow, DaskExecutor(cluster.address)).state
    assert state.result[first].result == 1
    assert state.result[second].result[1] == "where"


def test_a_value_that_is_lost_with_its_worker_is_said_to_be(tmp_path: Path, gate: Any) -> None:
    with DaskCluster(tmp_path, 1) as small:
        with Flow("loses") as flow:
            made = zeros(100_000)
            waits = end_worker(gate.path, upstream_tasks=[made])
            taken = size_of(made, upstream_tasks=[waits])
        taken.trigger = "all_finished"
        run = threading.Thread(target=lambda: outcomes.append(carried_out(flow, DaskExecutor(small.address))))
        outcomes: list[Outcome] = []
        run.start()
        gate.open(2)  # it may have been quicker than the word that it has begun, and is made again then
        small.workers[0].wait(20)
        small.more(1)
        run.join(30)
    state = outcomes[0].state
    assert "no other copy is kept" in state.result[taken].message


@task
def end_worker(path: str) -> None:
    end = os.open(path, os.O_RDWR)
    os.read(end, 1)
    os._exit(1)


def test_without_dask_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs dask and distributed") as raised:
        _ = DaskExecutor().workers
    assert raised.value.hints == ('pip install "flowkit-runner[dask]"',)


@pytest.mark.parametrize("address", ["foo", "bogus://foo:1"])
def test_an_address_that_is_none_is_said_without_a_word_of_dask(address: str) -> None:
    code = f"""
from flowkit.executors import DaskExecutor
try:
    DaskExecutor({address!r}).workers
except Exception as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ended.stdout.startswith(f"the Dask scheduler at `{address}` does not answer: ")
    assert not ended.stderr


def test_where_nobody_listens_that_is_said_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(
        UsageError, match=r"`tcp://127.0.0.1:1` does not answer: Connection refused"
    ) as raised:
        _ = DaskExecutor("tcp://127.0.0.1:1").workers
    assert time.monotonic() - began < CONNECTING / 2
    assert "dask scheduler" in raised.value.hints[0]


def test_who_listens_and_says_nothing_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        executor = DaskExecutor(f"127.0.0.1:{mute.getsockname()[1]}", client_kwargs={"timeout": 0.2})
        with pytest.raises(UsageError, match="does not answer: timed out"):
            _ = executor.workers


def test_a_scheduler_that_is_slow_has_its_time(tmp_path: Path) -> None:
    found: list[int] = []
    with DaskCluster(tmp_path, 1) as small:
        asks = threading.Thread(target=lambda: found.append(DaskExecutor(small.address).workers))
        small.scheduler.send_signal(signal.SIGSTOP)
        asks.start()
        asks.join(0.5)
        assert not found
        small.scheduler.send_signal(signal.SIGCONT)
        asks.join(20)
    assert found == [1]


@task
def fork() -> bool:
    """Whether the child that returned, too, has ended."""
    child = os.fork()
    return child != 0 and os.waitpid(child, 0)[0] == child


def test_a_child_that_a_task_forks_and_that_returns_from_it_ends(cluster: DaskCluster) -> None:
    with Flow("forks") as flow:
        made = fork()
    outcome = carried_out(flow, DaskExecutor(cluster.address))
    assert outcome.state.result[made].result is True


def test_a_cluster_is_made_by_a_class_and_its_name(kept: Any) -> None:
    given = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0"}
    with Flow("made") as flow:
        made = where()
    executor = DaskExecutor(cluster_class="distributed.LocalCluster", cluster_kwargs=given)
    assert executor.workers == 2
    assert carried_out(flow, executor, observers=[kept]).state.result[made].result[0] != os.getpid()
    assert SUCCESS in {row[3] for row in kept.rows}
    unknown = carried_out(flow, DaskExecutor(cluster_class="distributed.Nope"))
    assert "there is no class `distributed.Nope`" in (unknown.state.message or "")


def test_short_calls_travel_together_as_long_as_all_places_have_some() -> None:
    def ready(function: int, *, alone: bool = False) -> Ready:
        return Ready(None, {}, function, alone)  # type: ignore[arg-type]

    from collections import deque

    pace = Pace()
    assert len(pace.cut(deque(ready(1) for _ in range(8)), 2)) == 1, "nothing is known of them"
    pace.learn(1, 0.001, 100)
    assert len(pace.cut(deque(ready(1) for _ in range(8)), 2)) == 4
    assert len(pace.cut(deque([ready(1), ready(2), ready(1)]), 1)) == 1
    assert len(pace.cut(deque([ready(1), ready(1, alone=True)]), 1)) == 1
    pace.learn(1, 10.0, 1)
    assert len(pace.cut(deque(ready(1) for _ in range(8)), 2)) == 1, "they are long now"


def test_resources_are_read_from_tags() -> None:
    assert resources_of(["a", "dask-resource:GPU=1", "dask-resource:MEMORY=2.5"]) == {"GPU": 1, "MEMORY": 2.5}
    for wrong in ("dask-resource:GPU", "dask-resource:=1", "dask-resource:GPU=x"):
        with pytest.raises(ValueError, match="is not like"):
            resources_of([wrong])


SCRIPT = """
from flowkit import Flow, task
from flowkit.executors import DaskExecutor

class Point:
    def __init__(self, x):
        self.x = x

@task
def point(x):
    return Point(x)

@task
def total(points):
    return sum(point.x for point in points)

with Flow("script") as flow:
    made = total(point.map([1, 2, 3]))
state = flow.run(executor=DaskExecutor(workers=1))
if __name__ == "__main__":
    print(state.result[made].result)
"""


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    """Its workers import it too, as those of `multiprocessing` do; its classes are those of the script."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    said = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, timeout=30, cwd=tmp_path
    )
    assert said.stdout == "6\n", said.stderr
    assert said.stderr.count("The flow script starts") == 1
    assert "distributed" not in said.stderr


def test_versions_that_do_not_fit_are_said_before_anything_runs(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch, kept: Any
) -> None:
    monkeypatch.setattr(there, "versions", lambda: {"flowkit": "0.0", "Python": "3.11"})
    with Flow("misfit") as flow:
        number(1)
    outcome = carried_out(flow, DaskExecutor(cluster.address), observers=[kept])
    assert isinstance(outcome.engine.stranded, UsageError)
    assert "has flowkit 0.1.0, this process has 0.0" in outcome.engine.stranded.message
    assert RUNNING not in {row[3] for row in kept.rows}


def test_a_worker_that_comes_later_takes_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[Outcome] = []
    with DaskCluster(tmp_path, 0) as empty, caplog.at_level(logging.WARNING, "flowkit"):
        with Flow("waits") as flow:
            made = size_of("x" * 300_000)
        run = threading.Thread(target=lambda: outcomes.append(carried_out(flow, DaskExecutor(empty.address))))
        run.start()
        empty.more(1)
        run.join(30)
    assert outcomes[0].state.result[made].result == 300_000


def test_runs_at_once_share_a_cluster(cluster: DaskCluster) -> None:
    with Flow("both") as flow:
        made = size_of.map([zeros(20_000 + count) for count in range(4)])
    outcomes: list[Outcome] = []
    runs = [
        threading.Thread(target=lambda: outcomes.append(carried_out(flow, DaskExecutor(cluster.address))))
        for _ in range(3)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(40)
    assert [outcome.state.result[made].result for outcome in outcomes] == [
        [20_000, 20_001, 20_002, 20_003]
    ] * 3
