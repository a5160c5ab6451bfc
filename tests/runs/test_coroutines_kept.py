"""What is kept of coroutines: as of other tasks, though what waits for it is not on their loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, context, task


@task(cache=True)
async def entry(value: int, place: str) -> int:
    with Path(place).open("a") as file:
        file.write(".")
    print(f"made {value}")
    await asyncio.sleep(0.01)
    return value


def test_calls_that_wait_for_the_entry_of_another_on_their_loop_get_it(place: Place, tmp_path: Path) -> None:
    """More of them than there are threads for what waits."""
    made = tmp_path / "made"
    with Flow("entries") as flow:
        for value in range(100):
            entry(value % 2, str(made))
    states = place.run(flow).outcome.state.result.values()
    assert sorted(state.result for state in states) == [0] * 50 + [1] * 50
    assert made.read_text() == ".."


def test_a_coroutine_is_found_again_with_what_it_printed(place: Place, tmp_path: Path) -> None:
    with Flow("entries") as flow:
        entry(1, str(tmp_path / "made"))
    place.run(flow)
    again = place.run(flow)
    assert (again.state("entry"), again.seen.lines) == ("Cached", ["made 1"])


@pytest.mark.parametrize(
    "options", [{}, {"durability": "task"}, {"target": "{map_index}"}, {"persist": False}]
)
def test_results_are_kept_and_passed_on_as_of_others(
    place: Place, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    @task(**options)
    async def keep(value: int) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"value": value}

    @task
    async def total(found: list[dict[str, int]]) -> int:
        return sum(each["value"] for each in found)

    with Flow("keeps") as flow:
        total(keep.map([0, 1, 2]))
    session = place.run(flow)
    assert session.value("keep") == [{"value": value} for value in range(3)]
    assert session.values["total"] == 3


def test_the_name_of_a_run_is_made_before_its_task(place: Place) -> None:
    @task(task_run_name="number {value}")
    async def named(value: int) -> str:
        await asyncio.sleep(0)
        return str(context.task_run_name)

    with Flow("names") as flow:
        named(3)
    assert place.run(flow).values["named"] == "number 3"
