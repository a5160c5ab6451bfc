"""Group 15 of classic's rules, executors, as whole flows."""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any

import pytest


def test_executors_are_objects_that_can_be_used_again() -> None:
    """15.1: also after they were pickled, and for another flow."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor, LocalExecutor

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        four = double(double(1))
    for executor in (LocalExecutor(), LocalDaskExecutor(scheduler="sync")):
        again = pickle.loads(pickle.dumps(executor))
        for _ in range(2):
            assert flow.run(executor=again).result[four].result == 4


def test_a_local_executor_runs_one_task_at_a_time() -> None:
    """15.2: in this very thread."""
    from prefect import Flow, task
    from prefect.executors import LocalExecutor

    now: list[int] = []

    @task
    def alone(x):
        now.append(x)
        try:
            return len(now), threading.get_ident()
        finally:
            now.pop()

    with Flow("f") as flow:
        each = alone.map(list(range(5)))
    assert set(flow.run(executor=LocalExecutor()).result[each].result) == {(1, threading.get_ident())}


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_a_local_dask_executor_runs_tasks_in_threads(scheduler: str) -> None:
    """15.3: as many at once as it has workers; with `sync`, one in this thread."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor

    workers = 3 if scheduler == "threads" else 1
    together = threading.Barrier(workers, timeout=30)

    @task
    def meet(x):
        together.wait()
        return threading.get_ident()

    with Flow("f") as flow:
        each = [meet(n) for n in range(3)]
    state = flow.run(executor=LocalDaskExecutor(scheduler=scheduler, num_workers=workers))
    assert state.is_successful()
    threads = {state.result[t].result for t in each}
    assert len(threads) == workers
    assert (threading.get_ident() in threads) is (scheduler == "sync")


def test_a_local_dask_executor_may_be_asked_for_processes() -> None:
    """15.3: `scheduler="processes"` runs in other processes."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor

    @task
    def where(x):
        return x, os.getpid()

    with Flow("f") as flow:
        here = where(1)
    number, process = flow.run(executor=LocalDaskExecutor(scheduler="processes")).result[here].result
    assert number == 1
    assert process != os.getpid()


def test_a_result_that_cannot_be_pickled_is_the_failure_of_its_task_with_processes() -> None:
    """15.4: corrected: it fails its task, not the whole flow without a word about the task."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor

    @task
    def lock() -> Any:
        return threading.Lock()

    with Flow("f") as flow:
        made = lock()
    state = flow.run(executor=LocalDaskExecutor(scheduler="processes"))
    assert state.is_failed()
    assert isinstance(state.result[made].result, TypeError)
    assert "a `lock` cannot be pickled" in str(state.result[made].result)


def test_a_dask_executor_keeps_what_it_is_told() -> None:
    """15.5: address, or class and arguments of a cluster."""
    from prefect.executors import DaskExecutor

    there = DaskExecutor(address="tcp://127.0.0.1:8786")
    assert there.address == "tcp://127.0.0.1:8786"
    made = DaskExecutor(cluster_kwargs={"n_workers": 2}, adapt_kwargs={"maximum": 3})
    assert made.cluster_kwargs["n_workers"] == 2
    assert made.adapt_kwargs == {"maximum": 3}
