"""Flows that the tests of the helpers for tests run, and pytest inside of pytest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowkit import Flow, task


@task(max_retries=3, retry_delay=timedelta(hours=1))
def fetch(day: str) -> list[int]:
    print("asking for", day)
    raise OSError("the server is away")


@task
def clean(rows: list[int]) -> list[int]:
    return [2 * row for row in rows]


@pytest.fixture
def orders() -> Flow:
    """Its first task fails after three retries, an hour apart."""
    with Flow("orders") as flow:
        clean(fetch("mon"))
    return flow
