"""`flowkit predict`: what it shows of a run that is to come."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
from command_shell import Shell

from flowkit.store import database
from flowkit.store.history import History

FLOW = """
    from flowkit import flow, task

    @task
    def load(day: int):
        return list(range(4))

    @task
    def clean(number):
        return number

    @task
    def train(numbers):
        return sum(numbers)

    @task
    def report(total):
        return total

    @flow
    def shop(day: int = 1):
        report(train(clean.map(load(day))))
"""


@pytest.fixture
def ran(shell: Shell) -> Shell:
    """A shell where the flow ran once: `load` took a minute, each child half of one, `train` two."""
    shell.write("flows/shop.py", FLOW)
    shell("run", "shop", "--workers", "2")
    take(shell, load=60.0, clean=30.0, train=120.0, report=6.0)
    return shell


def take(shell: Shell, **seconds: float) -> None:
    """As if the tasks of the latest run had taken so long, one after the other on one worker."""
    folder = shell.folder / ".flowkit"
    with History(folder) as history:
        run = history.find("latest")
        keys = history.outline(run)["keys"]
    connection = database.open_to_write(folder / database.FILE)
    for key, each in seconds.items():
        query = "UPDATE attempts SET ended=started+?, worker='w' WHERE node=? AND run=? AND attempt>0"
        connection.execute(query, (each, keys.index(key), run.number))
    connection.execute("UPDATE sessions SET ended=started WHERE run=?", (run.number,))
    connection.close()


def lines(text: str) -> list[str]:
    """The lines, where all children are the same one: they take as long as each other."""
    return [re.sub(r"clean\[\d\]", "clean[0]", line.rstrip()) for line in text.splitlines()]


def test_it_shows_a_table_the_critical_path_and_what_it_rests_on(ran: Shell) -> None:
    said = ran("predict", "shop", "--workers", "1,2,4")
    run = json.loads(ran("runs", "--json").out)[0]["name"]
    assert lines(said.out) == [
        "shop: 4 tasks (7 calls), 5:06 of work",
        "",
        "WORKERS  TAKES  AT LEAST  SPEED-UP  IDLE",
        "      1   5:06      5:06      1.0x    0%",
        "      2   4:06      3:36      1.2x   38%",
        "      4   3:36      3:36      1.4x   65%",
        "",
        "critical path: 3:36, which no number of workers makes shorter",
        "  load         1:00",
        "  clean[0]    30.0s",
        "  train        2:00",
        "  report       6.0s",
        "",
        "4 workers are enough: more make it less than 5% quicker (3:36 at best)",
        "",
        f"known: 4 tasks from run 1 ({run})",
    ]


def test_without_numbers_it_compares_the_usual_ones(ran: Shell) -> None:
    said = ran("predict", "shop")
    assert [line.split()[0] for line in lines(said.out)[3:7]] == ["1", "2", "4", "8"]


def test_where_more_workers_would_help_that_is_said(ran: Shell) -> None:
    assert (
        "more than 2 workers would still help: with any number it takes 3:36"
        in ran("predict", "shop", "-w", "2,1").out
    )


def test_as_json_it_has_all_of_it_in_seconds(ran: Shell) -> None:
    said = ran("predict", "shop", "-w", "1,4", "--json")
    document: dict[str, Any] = json.loads(said.out)
    assert document["schema"] == 1
    assert document["flow"] == "shop"
    assert document["calls"] == 7
    assert document["work"] == pytest.approx(306, abs=0.1)
    path = [task["task"].partition("[")[0] for task in document["critical_path"]["tasks"]]
    assert path == ["load", "clean", "train", "report"]
    first, second = document["predictions"]
    assert (first["workers"], second["workers"]) == (1, 4)
    assert second["seconds"] == pytest.approx(216, abs=0.1)
    assert document["enough"] == 4
    assert document["known"] == {"1": 4}
    assert document["guessed"]["tasks"] == []


def test_a_flow_that_was_never_run_is_refused_with_what_to_do(shell: Shell) -> None:
    shell.write("flows/shop.py", FLOW)
    said = shell("predict", "shop", code=2)
    assert said.out == ""
    assert (
        said.sentence
        == "how long the tasks of `shop` take is not known: no run of it here has finished a task"
    )
    assert said.hints == ["run it once (`flowkit run shop`), then it is"]
    assert not (shell.folder / ".flowkit" / database.FILE).exists()


def test_where_no_history_is_kept_that_is_the_reason(shell: Shell) -> None:
    shell.write("flows/shop.py", FLOW)
    shell.write("flowkit.toml", "history = false")
    said = shell("predict", "shop", code=2)
    assert said.sentence == "what tasks took in earlier runs is not known, as no history is kept"


def test_a_task_that_is_new_is_guessed_and_named(ran: Shell) -> None:
    ran.write("flows/shop.py", FLOW.replace("def train(", "def learn(").replace("train(clean", "learn(clean"))
    said = ran("predict", "shop", "-w", "1")
    assert "guessed: learn; never made, taken to last 30.0s as the median task does" in said.out


@pytest.mark.parametrize("workers", ["0", "2,many", "", "-1", "9999999999"])
def test_numbers_that_are_none_are_refused(ran: Shell, workers: str) -> None:
    said = ran("predict", "shop", f"--workers={workers}", code=2)
    assert said.hints == ["for example 1,2,4,8"]


def test_an_executor_that_runs_one_at_a_time_is_named(ran: Shell) -> None:
    said = ran("predict", "shop", "--executor", "inline", "-w", "1,8")
    assert [line.split()[1] for line in lines(said.out)[3:5]] == ["5:06", "5:06"]
    assert "`inline` carries out one task at a time" in said.err


def test_one_worker_is_as_quick_as_one_worker_also_where_there_is_hardly_any_work(shell: Shell) -> None:
    shell.write("flows/shop.py", FLOW)
    shell("run", "shop")
    said = json.loads(shell("predict", "shop", "--json", "-w", "1,2").out)
    assert said["predictions"][0]["speed_up"] == 1


def test_processors_are_named_only_where_more_workers_than_there_are_would_help(ran: Shell) -> None:
    note = "only tasks that wait gain"
    ran.write("flows/shop.py", FLOW.replace("range(4)", "range(1)"))
    ran("run", "shop")
    take(ran, load=1.0, clean=30.0, train=1.0, report=1.0)
    assert note not in ran("predict", "shop", "--workers", "1,1000000").err
    many = 3 * (os.cpu_count() or 1)
    ran.write("flows/shop.py", FLOW.replace("range(4)", f"range({many})"))
    ran("run", "shop")
    take(ran, load=1.0, clean=30.0, train=1.0, report=1.0)
    assert note in ran("predict", "shop", "--workers", "1,1000000").err
    assert note not in ran("predict", "shop", "--workers", "1").err


def test_what_would_come_from_the_cache_is_made_all_the_same_which_is_said(shell: Shell) -> None:
    shell.write("flows/shop.py", FLOW.replace("@task\n    def train", "@task(cache='inputs')\n    def train"))
    for _ in range(2):
        shell("run", "shop")
    said = shell("predict", "shop", "-w", "1")
    assert "1 task from run 1" in said.out
    assert "no result is taken from the cache" in said.err


def test_nothing_runs(ran: Shell) -> None:
    ran.write("flows/shop.py", FLOW.replace("return total", 'print("I ran")'))
    said = ran("predict", "shop")
    assert "I ran" not in said.out + said.err
    assert len(json.loads(ran("runs", "--json").out)) == 1
