"""Three stages, of which the second is fragile."""

from pathlib import Path

from flowkit import flow, task


@task
def load(n: int) -> list[int]:
    return list(range(n))


@task(max_retries=2, retry_delay=0.1)
def fragile(numbers: list[int]) -> int:
    print("asking the server for", len(numbers), "numbers")
    if not Path("server").exists():
        raise OSError("the server is away")
    return sum(numbers)


@task
def report(total: int) -> str:
    return f"{total} in all"


@flow
def stages(n: int = 5):
    """Load, ask, report."""
    return report(fragile(load(n)))
