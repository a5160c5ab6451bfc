"""The demonstration of the pictures in docs/screenshots: a bit of everything."""

from datetime import timedelta

from acting import act, is_directed

import flowkit
from flowkit import flow, task

SHOPS = 40
EPOCHS = 300


@task
def orders(day: str) -> list[int]:
    """The shops that had orders."""
    act("orders", 1.2)
    print(f"{SHOPS} shops have orders from {day}")
    return list(range(SHOPS))


@task(cache=True)
def holidays() -> list[str]:
    """Those of the year."""
    act("holidays", 2.1)
    return ["2026-04-03", "2026-04-06"]


@task
def download(shop: int) -> float:
    """What a shop sold."""
    act(f"download-{shop}", 0.9)
    return 19.5 * shop


@task(max_retries=3, retry_delay=timedelta(seconds=20))
def rates() -> dict[str, float]:
    """Of exchange, on the day."""
    act("rates", 0.4)
    if is_directed() and flowkit.context["task_run_count"] == 1:
        raise ConnectionResetError("connection reset by peer")
    return {"CHF": 0.93}


@task
def train(shops: list[int], seed: int) -> float:
    """Fit the model."""
    for epoch in flowkit.progress(range(EPOCHS)):
        if epoch == 179:
            act("half of train", 14.2)
        if epoch == 180:
            print("epoch 180: loss 0.173")
            act("train", 12.1)
    return 0.941


@task
def check(sold: list[float], rates: dict[str, float], holidays: list[str]) -> float:
    """Whether the sales may be."""
    act("check", 0.3)
    return sum(sold)


@task
def report(model: float, total: float) -> str:
    """Write it all down."""
    act("report", 1.1)
    print("written to build/forecast.html")
    return "build/forecast.html"


@flow
def forecast(day: str = "2026-03-13", seed: int = 1):
    """Learn from what the shops sold, and say what they will sell."""
    change = rates()
    shops = orders(day)
    free = holidays()
    total = check(download.map(shops), change, free)
    return report(train(shops, seed), total)
