"""A mapped task on a Dask cluster, and `Client.map` on the same one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import DaskExecutor
from flowkit.plan.compiler import compile_flow


def nothing(value: int) -> None:
    """What is called."""


_nothing = task(nothing, name="nothing")


@contextmanager
def cluster(workers: int) -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as made:
        yield made


def mapped(there: LocalCluster, size: int) -> float:
    """CPU seconds of this process, with the cluster's scheduler, for a mapped task of so many children."""
    with Flow("mapped") as flow:
        _nothing.map(list(range(size)))
    plan = compile_flow(flow, lane="dask")
    executor = DaskExecutor(there.scheduler_address)
    started = time.process_time()
    outcome = Engine(plan, [executor]).run()
    cost = time.process_time() - started
    assert outcome.state.is_successful()
    return cost


def client_map(there: LocalCluster, size: int) -> float:
    """The same of `Client.map`, until all results are here."""
    with Client(there, set_as_default=False) as client:
        started = time.process_time()
        futures: Any = client.map(nothing, range(size), pure=False)
        client.gather(futures)
        return time.process_time() - started
