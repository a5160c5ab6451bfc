"""A day of a shop: what the pictures of docs/report.md show a run of."""

import logging
import time
from datetime import timedelta

from flowkit import context, flow, task

log = logging.getLogger("shop")


@task(cache=True)
def customers(day: str) -> list[str]:
    time.sleep(0.4)
    return [f"customer {number}" for number in range(40)]


@task(cache=True)
def rates(day: str) -> dict[str, float]:
    time.sleep(0.2)
    return {"EUR": 1.0, "USD": 1.08}


@task(max_retries=3, retry_delay=timedelta(seconds=0.3))
def orders(day: str) -> list[int]:
    log.info("asking the server for the orders of %s", day)
    time.sleep(0.15)
    if context.task_run_count < 3:
        raise ConnectionError("the server is away (HTTP 503)")
    return list(range(44))


@task
def clean(order: int) -> dict[str, float]:
    print(f"cleaning order {order}")
    time.sleep(0.04 + order * 7 % 11 / 100)
    if order == 33:
        price = -3.0
        raise ValueError(f"negative price: {price}")
    return {"order": order, "price": 10.0 * order}


@task
def convert(customers: list[str], rates: dict[str, float]) -> float:
    log.warning("the rate of USD is a day old")
    time.sleep(0.5)
    return len(customers) * rates["USD"]


@task
def join(orders: list[dict[str, float]], customers: list[str]) -> int:
    return len(orders)


@task
def publish(joined: int, converted: float) -> None:
    print("published")


@flow
def shop(day: str = "2026-11-30"):
    """What was ordered on a day, cleaned and published."""
    known = customers(day)
    publish(join(clean.map(orders(day)), known), convert(known, rates(day)))
