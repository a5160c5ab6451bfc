"""The orders of each shop, cleaned, summed up, and reported when they are worth it."""

import csv
from pathlib import Path
from typing import Annotated

from flowkit import flatten, flow, secret, task, unmapped
from flowkit.schedules import CronSchedule


@task
def shops(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.csv"))
    print(f"{len(found)} shops")
    return found


@task(max_retries=2, retry_delay=[1, 10])
def extract(path: Path, token: str) -> list[dict[str, str]]:
    if not token:
        raise ValueError("no token")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@task(cache=True)
def clean(row: dict[str, str], rate: float) -> float:
    amount = float(row["amount"])
    print(f"{row['order']}: {amount:.2f}")
    return round(amount * rate, 2)


@task
def total(amounts: list[float]) -> float:
    print(f"{len(amounts)} orders")
    return sum(amounts)


@task
def report(amount: float, limit: float) -> str:
    text = f"A good day: {amount:.2f}" if amount > limit else f"{amount:.2f}"
    print(text)
    return text


@flow(name="shop-orders", schedule=CronSchedule("0 3 * * *"))
def shop_orders(shop_token: Annotated[str, secret], folder: Path = Path("data"), limit: float = 100):
    """Sum up the orders of all shops."""
    rows = extract.map(shops(folder), token=unmapped(shop_token))
    return report(total(clean.map(flatten(rows), rate=unmapped(1.19))), limit)
