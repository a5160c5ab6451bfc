"""The demonstration of failures in docs/screenshots."""

from dataclasses import dataclass

from acting import act

from flowkit import flow, task


@dataclass
class Line:
    """Of an invoice."""

    article: str
    pieces: int
    price: float


@task
def read(path: str) -> list[Line]:
    """The lines of the file."""
    act("read", 0.2)
    print(f"3 lines in {path}")
    return [Line("tea", 2, 4.5), Line("cups", 6, 3.2), Line("voucher", 1, -10.0)]


@task
def totals(lines: list[Line], tax: float) -> list[float]:
    """What each line comes to."""
    act("totals", 1.4)
    found = []
    for line in lines:
        found.append(amount(line) * (1 + tax))
    return found


def amount(line: Line) -> float:
    """Without tax."""
    if line.price < 0:
        raise ValueError(f"negative price: {line.price} for {line.article}")
    return line.pieces * line.price


@task
def publish(amounts: list[float]) -> None:
    """Send them."""
    act("publish", 0.3)


@flow
def invoices(path: str = "invoices.csv", tax: float = 0.19):
    """Sum up the lines of invoices, and send them."""
    return publish(totals(read(path), tax))
