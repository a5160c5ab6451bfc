"""The tasks that cases of several groups are made of."""

from __future__ import annotations

from types import SimpleNamespace


def steps() -> SimpleNamespace:
    """one() -> 1; double(x) -> 2 * x; fail()."""
    from prefect import task

    @task
    def one():
        return 1

    @task
    def double(x):
        return 2 * x

    @task
    def fail():
        raise ValueError("no")

    return SimpleNamespace(one=one, double=double, fail=fail)
