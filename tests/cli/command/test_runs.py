"""`flowkit runs` and `runs show`: what has run, without loading the flows that ran."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_history import BROKEN, MANY, UNDER_WAY, MadeHistory, failed, row
from command_shell import PREFIX, Shell

from flowkit.cli.wording import duration
from flowkit.plan.status import MAPPED, SUCCESS
from flowkit.store import owners
from flowkit.store.run_status import RunStatus


@pytest.fixture
def made(shell: Shell) -> Iterator[MadeHistory]:
    """The history of the shell's project."""
    history = MadeHistory(shell.folder / ".flowkit")
    yield history
    history.close()


def test_where_nothing_has_run_that_is_said_and_nothing_is_made(shell: Shell) -> None:
    said = shell("runs")
    assert (said.out, said.err.splitlines()[0]) == ("", "there are no runs yet")
    assert shell("runs", "show", code=2).sentence == "there are no runs yet"
    assert json.loads(shell("runs", "--json").out) == []
    assert not (shell.folder / ".flowkit").exists()


def test_runs_are_listed_latest_first_with_how_they_ended(shell: Shell, made: MadeHistory) -> None:
    made.run(flow="etl"), made.run(RunStatus.FAILED, BROKEN, flow="ml")
    header, second, first = shell("runs").out.splitlines()
    assert header.split() == ["RUN", "NAME", "FLOW", "STATUS", "STARTED", "TOOK", "TASKS"]
    assert second.split()[:1] + second.split()[2:5] == ["2", "ml", "✗", "failed"]
    assert first.split()[:1] + first.split()[2:5] == ["1", "etl", "✓", "ok"]
    assert first.endswith("ago  5.0s  1 ok")


def test_runs_are_chosen_by_flow_status_time_and_number(shell: Shell, made: MadeHistory) -> None:
    for flow in ("etl", "ml", "etl"):
        made.run(RunStatus.FAILED if flow == "ml" else RunStatus.SUCCESS, flow=flow)

    def listed(*options: str) -> list[int]:
        return [run["run"] for run in json.loads(shell("runs", "--json", *options).out)]

    assert listed("--flow", "etl") == [3, 1]
    assert listed("--status", "failed") == [2]
    assert listed("-n", "2") == [3, 2]
    assert listed("--since", "2026-01-01") == [3, 2, 1]
    assert listed("--since", "1s") == []


def test_what_no_run_fits_is_said_with_the_nearest(shell: Shell, made: MadeHistory) -> None:
    made.run(flow="etl")
    said = shell("runs", "--flow", "etll")
    assert said.err == "there are no such runs\nhint: did you mean `etl`?\n"
    assert shell("runs", "--status", "faild", code=2).hints == ["did you mean `failed`?"]
    assert shell("runs", "--since", "soon", code=2).sentence == "`soon` is no moment"
    assert shell("runs", "show", "77", code=2).sentence == "there is no run `77`"


def test_a_run_is_shown_with_every_task_and_what_failed(shell: Shell, made: MadeHistory) -> None:
    made.run(), made.run(RunStatus.FAILED, BROKEN, reason="Some reference tasks failed.")
    said = shell("runs", "show", "2").out
    assert said.startswith("run 2 · ")
    assert "\nSome reference tasks failed.\n" in said
    assert "\nparameters  path = a.csv\n" in said
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line}
    assert lines["load"][:3] == ["✓", "cached", "1"]
    assert "from run 1" in said
    assert lines["clean"][:3] == ["✗", "failed", "1"]
    assert lines["report"][:3] == ["·", "not", "reached"]
    assert "error[task-failed]: clean raised ValueError: negative price: -3\n" in said
    assert "  --> flows/etl.py:31 in clean\n" in said
    assert '  |   File "flows/etl.py", line 31, in clean\n' in said


def test_a_mapped_task_is_one_line_unless_its_children_are_wanted(shell: Shell, made: MadeHistory) -> None:
    made.run(RunStatus.FAILED, MANY)
    said = shell("runs", "show").out
    [line] = [line for line in said.splitlines() if line.startswith("clean")]
    assert line.split()[1:3] == ["✗", "failed"]
    assert line.endswith("3 children: 2 ok, 1 failed")
    assert "error[task-failed]: clean[1] raised ValueError" in said
    said = shell("runs", "show", "--children").out
    assert [line.split()[0] for line in said.splitlines() if line.startswith("clean[")] == [
        "clean[0]",
        "clean[1]",
        "clean[2]",
    ]


def test_the_page_of_a_mapped_task_has_a_line_for_its_first_children(shell: Shell, made: MadeHistory) -> None:
    rows = [row(1, SUCCESS, child=child, took=2.0) for child in range(14)]
    made.run(RunStatus.FAILED, [*rows[:12], failed(1, child=12), rows[13], row(1, MAPPED, attempt=0)])
    page = shell("runs", "show", "1", "clean").out
    head, times = page.splitlines()[0], page.splitlines()[2]
    assert head.endswith("etl · 13 ok, 1 failed")
    assert (times.split(" · ")[0], times.split(" · ")[2]) == ("14 children", "took 2.0s")
    listed = [line.split()[:4] for line in page.splitlines() if line.startswith("clean[")]
    assert listed == [[f"clean[{n}]", "✓", "ok", "1"] for n in range(9)] + [["clean[12]", "✗", "failed", "1"]]
    assert "4 more; `flowkit runs show 1 clean --children` lists all" in page
    whole = shell("runs", "show", "1", "clean", "--children").out
    assert [line.split()[0] for line in whole.splitlines() if line.startswith("clean[")] == [
        f"clean[{n}]" for n in range(14)
    ]
    assert "more;" not in whole


def test_a_run_is_shown_to_programs(shell: Shell, made: MadeHistory) -> None:
    made.run(RunStatus.FAILED, MANY)
    document = json.loads(shell("runs", "show", "--json").out)
    assert (document["run"], document["status"], document["duration"]) == (1, "failed", 5)
    assert document["sessions"][0]["executor"] == "threads"
    load, clean, report = document["tasks"]
    assert (load["task"], load["status"]) == ("load", "ok")
    assert clean["children"] == {"ok": 2, "failed": 1}
    assert report == {"task": "report", "status": None, "attempts": []}


def test_a_run_whose_process_is_gone_is_shown_as_crashed(shell: Shell, made: MadeHistory) -> None:
    made.crashed(), made.run(None)
    states = [(run["run"], run["status"]) for run in json.loads(shell("runs", "--json").out)]
    assert states == [(2, "running"), (1, "crashed")]
    assert "its process was gone" in shell("runs", "show", "1").out
    assert made.rows("SELECT status FROM runs WHERE number=1") == [(RunStatus.CRASHED,)]


class Trap:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("marker"),))


def test_neither_flows_nor_results_are_loaded(shell: Shell, made: MadeHistory) -> None:
    made.run(large=pickle.dumps(Trap()))
    made.connection.execute("UPDATE results SET data=?", (pickle.dumps(Trap()),))
    shell.write("flows/etl.py", "open('marker', 'w')\n")
    shell("runs"), shell("runs", "show"), shell("logs"), shell("doctor", "--no-flows"), shell("clean")
    assert not (shell.folder / "marker").exists()


def test_text_of_users_cannot_steer_the_terminal(shell: Shell, made: MadeHistory) -> None:
    made.run(
        flow="evil\x1b[2J", keys=("\x1b]0;x\x07", "b", "c"), reason="\x1b[31m", parameters={"p": "\x1b[2J"}
    )
    said = shell("runs").out + shell("runs", "show").out
    assert "\x1b" not in said
    assert "evil\\x1b[2J" in said


def test_a_damaged_history_is_set_aside_and_the_next_command_goes_on(shell: Shell) -> None:
    state = shell.folder / ".flowkit"
    state.mkdir(mode=0o700)
    (state / "history.db").write_text("no history at all" * 100)
    said = shell("runs")
    [kept] = state.glob("history.db.corrupt-*")
    assert f"warning: the history was damaged; it is kept as `{kept}` and a new one begins" in said.err
    assert shell("runs").err.startswith("there are no runs yet")


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_a_read_only_history_can_be_read(shell: Shell, made: MadeHistory) -> None:
    made.crashed()
    made.connection.execute("UPDATE sessions SET boot='an earlier start of the machine'")
    made.close()
    powers = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", *PREFIX]
    for path in (*made.folder.iterdir(), made.folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        shell("doctor", prefix=prefix, code=1)
        for command in (["runs"], ["runs", "show"], ["logs"]):
            said = shell(*command, prefix=prefix if os.getuid() == 0 else PREFIX)
            assert ("crashed" in said.out) == (command != ["logs"])
    finally:
        made.folder.chmod(0o700)


def test_a_history_of_newer_code_is_refused(shell: Shell, made: MadeHistory) -> None:
    made.connection.execute("PRAGMA user_version=99")
    assert "was written by a newer flowkit" in shell("runs", code=2).sentence


def test_a_state_folder_that_others_may_write_to_is_not_read(shell: Shell, made: MadeHistory) -> None:
    made.folder.chmod(0o777)
    assert "may be written by others" in shell("runs", code=2).sentence


def test_nothing_of_a_run_whose_process_is_gone_is_shown_as_running(shell: Shell) -> None:
    shell.write(
        "flows/deadly.py",
        """
        import os
        import signal

        from flowkit import flow, task

        @task
        def each(number):
            if number == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        @flow
        def deadly():
            return each.map([0, 1])
        """,
    )
    shell("run", "deadly", code=-9)
    text = shell("runs", "show").out
    assert "crashed" in text
    assert "▸ running" not in text
    assert json.loads(shell("runs", "show", "--json").out)["tasks"][0]["status"] in ("cancelled", None)


def test_tasks_stand_below_those_that_they_need(shell: Shell) -> None:
    """Also of chains of mapped tasks, whose later links are begun first, and where a task is new."""
    chain = """
        from flowkit import flow, task

        @task
        def read(number):
            return number

        @task
        def sum_up(number):
            assert number < {limit}
            return number

        @task
        def check(number):
            return number

        @flow
        def chain():
            return sum_up.map({middle}(read.map([0, 1])))
        """
    shell.write("flows/chain.py", chain.format(limit=1, middle=""))
    shell("run", "chain", code=1)
    document = json.loads(shell("runs", "show", "--json").out)
    assert [task["task"] for task in document["tasks"]] == ["read", "sum_up"]
    shell.write("flows/chain.py", chain.format(limit=2, middle="check.map"))
    shell("resume")
    document = json.loads(shell("runs", "show", "--json", "--children").out)
    tasks = [task["task"].partition("[")[0] for task in document["tasks"]]
    assert list(dict.fromkeys(tasks)) == ["read", "check", "sum_up"]


GIVEN = """
    from flowkit import Flow, task

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def check(number):
        if number == 3:
            raise ValueError(number)

    @task
    def report(numbers):
        return len(numbers)

    with Flow("given") as given:
        found = numbers()
        check.map(found)
        report(found)

    if __name__ == "__main__":
        states = dict(given.run().result)
        given.run(task_states={task: state for task, state in states.items() if task.name != "report"})
"""


def test_tasks_whose_states_were_given_are_shown_with_these(shell: Shell) -> None:
    path = shell.write("flows/given.py", GIVEN)
    shell(str(path), prefix=[sys.executable], traceback=True)
    rows = {line.split()[0]: line.split() for line in shell("runs", "show", "2").out.splitlines() if line}
    assert rows["numbers"] == ["numbers", "✓", "ok", "its", "state", "was", "given", "to", "`flow.run`"]
    assert rows["check"][1:] == ["✗", "failed", "3", "children:", "2", "ok,", "1", "failed"]
    assert rows["report"][1:4] == ["✓", "ok", "1"]
    assert "check[2]  ✗ failed" in shell("runs", "show", "2", "--children").out
    tasks = {
        each["task"]: each["status"] for each in json.loads(shell("runs", "show", "2", "--json").out)["tasks"]
    }
    assert tasks["numbers"] == "ok"
    said = [
        shell("why", "2", task).out.splitlines()[0] for task in ("numbers", "check[2]", "check", "report")
    ]
    assert said == [
        "numbers did not run: its state was given to `flow.run`",
        "check[2] did not run: its state was given to `flow.run`",
        "check: 0 of its 3 children ran",
        "report ran: it has no cache: it runs in every run (`@task(cache=True)` keeps its result)",
    ]
    assert "states" not in shell("diff", "1", "2").out


def test_a_run_that_goes_on_is_listed_with_what_is_done_of_it(shell: Shell, made: MadeHistory) -> None:
    run = made.run(None, UNDER_WAY)
    try:
        assert shell("runs").out.splitlines()[1].endswith("  1 ok, 1 running")
        [listed] = json.loads(shell("runs", "--json").out)
        assert listed["counts"] == {"ok": 1, "running": 1}
    finally:
        owners.release(made.folder, run)


def test_a_task_that_the_flow_has_lost_is_marked(shell: Shell) -> None:
    flow = """
        from flowkit import Flow, task

        @task
        def load():
            return 1

        @task
        def old(value):
            return value

        @task
        def last(values):
            raise ValueError(values)

        with Flow("etl") as etl:
            last([old(load())])
    """
    shell.write("flows/etl.py", flow)
    shell("run", "etl", code=1)
    shell.write(
        "flows/etl.py", flow.replace("old(load())", "load()").replace("raise ValueError(values)", "return 1")
    )
    shell("resume")
    rows = [line.split() for line in shell("runs", "show").out.splitlines()]
    rows = rows[next(place for place, row in enumerate(rows) if row[:1] == ["TASK"]) + 1 :]
    assert [row[0] for row in rows] == ["load", "last", "old"]
    assert rows[2][-5:] == ["no", "longer", "in", "the", "flow"]
    tasks = json.loads(shell("runs", "show", "--json").out)["tasks"]
    assert [each["task"] for each in tasks if each.get("removed")] == ["old"]


AGAIN = """
from pathlib import Path
from flowkit import flow, task

@task(max_retries=4, retry_delay=60)
def flaky(number):
    if number == 1:
        raise OSError("server away")

@task
def read(name):
    size = len(name)
    if not Path("there").exists():
        raise FileNotFoundError(f"{size} nowhere")

@flow
def waits():
    flaky.map([0, 1, 2])

@flow
def resumed():
    read("abc")
"""


def test_a_run_that_was_stopped_while_a_task_waited_for_a_retry_shows_its_last_error(shell: Shell) -> None:
    shell.write("flows/again.py", AGAIN)
    said = shell("run", "waits", "--timeout", "1", "-q", code=124)
    assert "flaky[1] raised OSError: server away" in said.err
    assert said.err.rstrip().endswith("stopped after its limit of 1s")
    page = shell("runs", "show", "1").out
    assert "\nstopped after its limit of 1s\n" in page
    assert "error[task-failed]: flaky[1] raised OSError: server away\n  --> flows/again.py:8" in page
    task_page = shell("runs", "show", "1", "flaky[1]").out
    assert task_page.splitlines()[0].endswith("⊘ cancelled")
    assert [line.split()[:2] for line in task_page.splitlines()[3:5]] == [["1", "↻"], ["⊘", "cancelled"]]
    assert "It was stopped while waiting for attempt 2 of 5." in task_page
    attempts = json.loads(shell("runs", "show", "1", "flaky[1]", "--json").out)["tasks"][0]["attempts"]
    assert [each["status"] for each in attempts] == ["retrying", "cancelled"]
    assert json.loads(shell("runs", "--json").out)[0]["reason"] == "stopped after its limit of 1s"
    shell("report", "1", "-o", "report.html")
    html = (shell.folder / "report.html").read_text()
    assert 'id="failures"' in html and 'id="retries"' in html


def test_a_failure_that_was_mended_is_still_shown_with_its_code_and_values(shell: Shell) -> None:
    shell.write("flows/again.py", AGAIN)
    shell("run", "resumed", code=1)
    shell.write("there", "")
    shell("resume")
    page = shell("runs", "show", "1", "read").out
    assert page.splitlines()[0].endswith("✓ ok")
    assert (
        "error[task-failed]: read raised FileNotFoundError: 3 nowhere\n  --> flows/again.py:14 in read"
        in page
    )
    assert "      size = 3\n  inputs  name = 'abc'\n" in page


def test_a_run_took_as_long_as_its_summary_has_said(shell: Shell) -> None:
    shell.write("flows/again.py", AGAIN)
    shell.write("there", "")
    said = shell("run", "resumed", "-q").err.rstrip()
    (run,) = json.loads(shell("runs", "--json").out)
    assert said.endswith(f"   {duration(run['duration'])}")


def test_like_failures_of_the_past_have_a_line_from_the_third_on(shell: Shell) -> None:
    shell.write("flows/again.py", AGAIN.replace("flaky.map([0, 1, 2])", "read.map(['a', 'b', 'c', 'd'])"))
    shell("run", "waits", code=1)
    page = shell("runs", "show", "1").out
    assert (page.count("error[task-failed]"), page.count("  --> ")) == (4, 2)
