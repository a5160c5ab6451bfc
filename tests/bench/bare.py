"""What flowkit is compared to: a plain `ThreadPoolExecutor`, or asyncio, with functions which do nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from flowkit.plan.plan import Plan


def _nothing() -> int:
    return 1


def independent(size: int, workers: int, function: Callable[[], Any] = _nothing) -> float:
    """CPU seconds to submit so many calls and wait for them: the measure of everything."""
    started = time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        wait([pool.submit(function) for _ in range(size)])
    return time.process_time() - started


def napping(size: int, seconds: float) -> float:
    """Wall seconds of so many coroutines that sleep, gathered by asyncio alone."""

    async def all_of_them() -> None:
        await asyncio.gather(*(asyncio.sleep(seconds) for _ in range(size)))

    started = time.perf_counter()
    asyncio.run(all_of_them())
    return time.perf_counter() - started


def dependent(plan: Plan, workers: int) -> float:
    """CPU seconds where each call is submitted once those that it waits for have ended.

    The least that keeps an order: counters under a lock, and no value is passed on.
    """
    waits, lock, over, left = list(plan.waits), threading.Lock(), threading.Event(), plan.size

    def work(node: int) -> None:
        nonlocal left
        _nothing()
        with lock:
            left -= 1
            ready = []
            for follower in plan.successors[node]:
                waits[follower] -= 1
                if not waits[follower]:
                    ready.append(follower)
        for follower in ready:
            pool.submit(work, follower)
        if not left:
            over.set()

    started = time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        for node, count in enumerate(plan.waits):
            if not count:
                pool.submit(work, node)
        over.wait()
    return time.process_time() - started
