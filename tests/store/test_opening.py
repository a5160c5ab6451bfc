"""What the beginning of a run writes: numbers that are given once, and the outline, also after damage."""

from __future__ import annotations

import pytest
from made_history import MadeHistory

BEYOND = 1 << 50  # no number of a run


def test_the_number_of_a_run_that_was_forgotten_is_not_given_again(made: MadeHistory) -> None:
    assert [made.run(), made.run()] == [1, 2]
    made.connection.execute("DELETE FROM runs WHERE number=2")
    assert made.run() == 3


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM sqlite_sequence",
        "UPDATE sqlite_sequence SET seq=1",
        "UPDATE sqlite_sequence SET seq='x'",
        "UPDATE sqlite_sequence SET seq=NULL",
        f"UPDATE sqlite_sequence SET seq={BEYOND}",
    ],
)
def test_a_damaged_count_of_runs_stops_no_run(made: MadeHistory, damage: str) -> None:
    """SQLite does not look at it when it checks a file."""
    assert [made.run(), made.run()] == [1, 2]
    made.connection.execute(damage)
    assert made.run() == 3


@pytest.mark.parametrize("damage", ["x'00'", "'text'", "CAST(x'00' || document AS BLOB)"])
def test_an_outline_that_is_damaged_is_written_anew_by_the_next_run(made: MadeHistory, damage: str) -> None:
    made.run()
    whole = made.rows("SELECT * FROM outlines")
    made.connection.execute(f"UPDATE outlines SET document={damage}")
    made.run()
    assert made.rows("SELECT * FROM outlines") == whole
