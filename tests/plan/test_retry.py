"""Delays between attempts: they grow, they have a bound, and jitter does change them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowkit import backoff


@given(st.floats(0.01, 100), st.floats(1, 3), st.integers(1, 12))
def test_a_backoff_grows_by_its_factor(first: float, factor: float, attempt: int) -> None:
    delay = backoff(first, factor)
    assert abs(delay(attempt) - first * factor ** (attempt - 1)) <= 1e-9 * delay(attempt)


@given(st.floats(1, 100), st.floats(0.01, 1), st.integers(1, 12))
def test_jitter_changes_delays_and_stays_within_its_share(first: float, jitter: float, attempt: int) -> None:
    delay = backoff(first, 2, longest=50, jitter=jitter)
    drawn = [delay(attempt) for _ in range(50)]
    middle = backoff(first, 2, longest=50)(attempt)
    assert len(set(drawn)) > 1
    assert all(abs(each - middle) <= middle * jitter * (1 + 1e-9) for each in drawn)
