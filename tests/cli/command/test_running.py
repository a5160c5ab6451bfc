"""`flowkit run`: each of its options, by exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from command_shell import Shell, normalised
from command_terminal import typed

ETL = """
    import logging
    from flowkit import flow, task

    @task(tags={"io"})
    def extract():
        print("reading")
        logging.getLogger("mine").info("of mine")
        return [1, 2]

    @task
    def clean(rows):
        return rows

    @task
    def train(rows):
        return sum(rows)

    @task(tags={"io"})
    def save(model):
        print("saving")

    @flow
    def etl():
        save(train(clean(extract())))
"""

FAILING = """
    from flowkit import Flow, task

    @task
    def fine():
        print("fine says")

    @task
    def broken(x):
        print("broken says")
        raise ValueError("negative price: -3")

    @task
    def after(x):
        pass

    @task
    def other(x):
        pass

    with Flow("failing") as flow:
        first = fine()
        after(broken(first))
        other(first)
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project with a flow of four tasks in a row."""
    shell.write("flows/etl.py", ETL)
    return shell


@pytest.fixture
def failing(shell: Shell) -> Shell:
    """A project with a flow of which a task fails."""
    shell.write("flows/failing.py", FAILING)
    return shell


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (["--select", "1+clean"], ["extract", "clean"]),
        (["--select", "tag:io,+train"], ["extract"]),
        (["--select", "+train", "--exclude", "train clean"], ["extract"]),
    ],
)
def test_what_is_selected_runs_and_the_rest_is_said(etl: Shell, options: list[str], runs: list[str]) -> None:
    document = json.loads(etl("run", "etl", *options, "--dry-run", "--json").out)
    assert [row["task"] for row in document["plan"] if row["action"] == "run"] == runs
    assert {row["reason"] for row in document["plan"] if row["action"] == "skip"} <= {"not selected"}


def test_only_what_is_selected_really_runs(etl: Shell) -> None:
    said = etl("run", "etl", "--select", "extract clean")
    assert said.printed == ["reading", "INFO of mine"]
    assert "✓ 2 ok" in said.err


def test_what_is_not_selected_gives_the_result_of_an_earlier_run(etl: Shell) -> None:
    etl("run", "etl", "-q")
    said = etl("run", "etl", "--select", "train+")
    assert said.printed == ["saving"]
    assert "✓ 2 ok · 1 done before" in said.err


def test_without_history_nothing_is_asked_of_earlier_runs(etl: Shell) -> None:
    etl("run", "etl", "-q")
    forgetful = {"FLOWKIT_HISTORY": "false"}
    for expression in ("state:modified", "result:failed"):
        said = etl("run", "etl", "--select", expression, code=2, env=forgetful)
        assert said.sentence == f"`{expression}` asks for what earlier runs left, and there is no history"
    needy = etl("run", "etl", "--select", "train", code=2, env=forgetful)
    assert needy.sentence.endswith("which is not selected, and no results of earlier runs are kept")


def test_selections_that_cannot_be_are_refused(etl: Shell) -> None:
    first = etl("run", "etl", "--select", "result:failed", code=2)
    assert first.sentence == "`result:failed` asks for the latest run of `etl`: there is none"
    assert (
        etl("run", "etl", "--exclude", "tag:nope", code=2).sentence == "no task of `etl` has the tag `nope`"
    )
    assert etl("run", "etl", "--select", "trian", code=2).hints == ["did you mean `train`?"]
    needy = etl("run", "etl", "--select", "train", code=2)
    assert needy.sentence == (
        "the task `train` needs the result of `clean`, which is not selected, and no earlier run has kept it"
    )
    assert needy.hints == ["select it with all that it needs: `--select +train`"]


def test_a_dry_run_shows_the_plan_and_runs_nothing(etl: Shell) -> None:
    said = etl("run", "etl", "--dry-run", "--exclude", "save")
    assert said.out == (
        "run   extract  first time\nrun   clean    first time\nrun   train    first time\n"
        "skip  save     not selected\n"
    )
    assert said.err == ""


def test_the_executor_and_its_workers_are_chosen(etl: Shell) -> None:
    inline = normalised(etl("run", "etl", "--executor", "inline").err)
    assert "etl  run 1 NAME · 4 tasks · 1 worker\n" in inline
    three = normalised(etl("run", "--workers", "3", "etl").err)
    assert "etl  run 2 NAME · 4 tasks · 3 workers\n" in three
    refused = etl("run", "etl", "--executor", "rocket", code=2)
    lanes = "`threads`, `processes`, `inline`, `coroutines`, `dask`, `ray`, `dask:ADDRESS`, `ray:ADDRESS`"
    assert f"one of {lanes}" in refused.sentence
    assert refused.out == ""
    assert "`--workers`" in etl("run", "etl", "-w", "0", code=2).sentence


def test_json_is_one_object_a_line_and_everything_else_goes_to_stderr(failing: Shell) -> None:
    said = failing("run", "failing", "--json", "-q", code=1)
    events = [json.loads(line) for line in said.out.splitlines()]
    assert {event["schema"] for event in events} == {1}
    [name] = {event["run"] for event in events}
    assert f"run 1 ({name}) of failing failed" in failing("resume", name, code=1).err
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert events[-1]["exit_code"] == 1
    assert events[-1]["counts"]["ok"] == 2
    assert events[-1]["counts"]["failed"] == 1
    assert [event["text"] for event in events if event["event"] == "task_output"] == [
        "fine says",
        "broken says",
    ]
    assert "negative price: -3" in said.err


def test_a_failure_is_shown_with_the_users_own_line_and_exits_1(failing: Shell) -> None:
    said = failing("run", "failing", "--executor", "inline", code=1)
    assert said.out == ""
    assert normalised(said.err) == (
        "HH:MM:SS  failing  run 1 NAME · 4 tasks · 1 worker\n"
        "HH:MM:SS  1/4  START    fine\n"
        "  fine | fine says\n"
        "HH:MM:SS  1/4  OK       fine      TIME\n"
        "HH:MM:SS  2/4  START    broken\n"
        "  broken | broken says\n"
        "HH:MM:SS  2/4  FAIL     broken    TIME  ValueError: negative price: -3\n"
        "\n"
        "error[task-failed]: broken raised ValueError: negative price: -3\n"
        "  --> flows/failing.py:11 in broken\n"
        "    9 | def broken(x):\n"
        '   10 |     print("broken says")\n'
        ' > 11 |     raise ValueError("negative price: -3")\n'
        "  inputs  x = None\n"
        "  after TIME\n"
        "  last output: broken says\n"
        "\n"
        "HH:MM:SS  3/4  NOT RUN  after     needs broken\n"
        "HH:MM:SS  4/4  START    other\n"
        "HH:MM:SS  4/4  OK       other     TIME\n"
        "\n"
        "  next  flowkit resume 1               goes on with what is left\n"
        "        flowkit logs 1 broken          what it printed and logged\n"
        "        flowkit replay 1 broken --pdb  runs it alone, up to the failure\n"
        "        flowkit report 1               the whole run on one page\n"
        "\n"
        "  ✗ 2 ok · 1 failed · 1 not run   TIME\n"
        "HH:MM:SS  DONE ok=2 cached=0 failed=1 skipped=0 not_run=1 cancelled=0 retried=0 time=TIME run=1\n"
    )


def test_fail_fast_starts_nothing_after_a_failure(failing: Shell) -> None:
    said = failing("run", "failing", "--fail-fast", "--executor", "inline", code=1)
    assert "CANCEL   other" in said.err
    assert "OK       other" in failing("run", "failing", "--keep-going", code=1).err


def test_debug_adds_the_whole_traceback(failing: Shell) -> None:
    said = failing("run", "failing", "--debug", code=1, traceback=True)
    assert "flowkit/engine/worker.py" in said.err
    unknown = failing("run", "nope", "--debug", code=2, traceback=True)
    assert unknown.sentence == "no flow is called `nope`"


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("prefix", ["fine says", "broken says"]),
        ("group", ["fine says", "broken says"]),
        ("failed", ["broken says"]),
        ("none", []),
    ],
)
def test_what_tasks_print_is_shown_as_asked(failing: Shell, mode: str, shown: list[str]) -> None:
    assert failing("run", "failing", "--output", mode, code=1).printed == shown


def test_quiet_shows_failures_and_the_last_line_only(failing: Shell) -> None:
    shown = failing("run", "failing", "-q", code=1).err
    assert "negative price: -3" in shown
    assert "START" not in shown
    assert "fine says" not in shown
    assert shown.rstrip().splitlines()[-1].startswith("  ✗ 2 ok · 1 failed · 1 not run")


def test_a_junit_report_is_written(failing: Shell) -> None:
    failing("run", "failing", "--junit", "report.xml", "-q", code=1)
    suites = ElementTree.parse(failing.folder / "report.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("4", "1")
    [failure] = suites.iter("failure")
    assert failure.get("message") == "ValueError: negative price: -3"


def test_records_of_logging_are_shown_from_a_level_on(etl: Shell) -> None:
    assert "of mine" in etl("run", "etl").err  # the setting is INFO where nothing else is said
    assert "of mine" in etl("logs", "latest", "extract").out
    assert "of mine" not in etl("run", "etl", "-v", "--log-level", "warning").err
    assert "of mine" not in etl("run", "etl", env={"FLOWKIT_LOGGING__LEVEL": "WARNING"}).err


def test_a_run_that_takes_too_long_exits_124(shell: Shell) -> None:
    shell.write(
        "flows/slow.py",
        """
        import threading
        from flowkit import flow, task

        @task
        def nap():
            threading.Event().wait(60)

        @flow
        def slow():
            nap()
        """,
    )
    for options in (["--timeout", "0.2"], ["--timeout", "0.2s", "-q"]):
        said = shell("run", "slow", *options, code=124)
        assert "stopped after its limit of" in said.err
    assert "after its limit" in shell("run", "slow", "-q", code=124, env={"FLOWKIT_RUN__TIMEOUT": "0.2"}).err
    wrong = shell("run", "slow", "--timeout", "5d", code=2)
    assert (wrong.sentence, wrong.hints) == (
        "`--timeout 5d` is not a time",
        ["for example 90, 90s, 5m or 1h"],
    )


def test_a_run_that_cannot_begin_leaves_none_in_the_history(etl: Shell) -> None:
    for refused in (["--timeout", "5d"], ["--junit", "flows"], ["--force", "nope"], ["--select", "train"]):
        etl("run", "etl", *refused, code=2)
    etl.write(
        "flows/lost.py", ETL.replace("@task\n", '@task(executor="rocket")\n').replace("etl()", "lost()")
    )
    assert etl("run", "lost", code=2).sentence == "there is no executor `rocket`"
    assert json.loads(etl("runs", "--json").out) == []


def test_a_run_that_is_gone_on_with_wrongly_stays_as_it_was(failing: Shell) -> None:
    failing("run", "failing", "-q", code=1)
    before = failing("runs", "--json").out
    for refused in (["--timeout", "5d"], ["--junit", "flows"], ["--force", "nope"], ["-p", "nope=1"]):
        failing("resume", "1", *refused, code=2)
    assert failing("runs", "--json").out == before


def test_pdb_opens_where_the_task_failed(failing: Shell) -> None:
    seen = typed(
        failing,
        "run",
        "failing",
        "--pdb",
        "-q",
        keys=[("(Pdb) ", "p x is None\n"), ("(Pdb) ", "q\n")],
        code=1,
    )
    assert "broken: ValueError: negative price: -3" in seen.text
    assert "failing.py(11)broken()" in seen.text
    assert "True" in seen.text


def test_pdb_says_that_nothing_failed(etl: Shell) -> None:
    assert "there is nothing to debug" in etl("run", "etl", "-q", "--pdb").err


def test_a_level_may_be_written_in_capitals(etl: Shell) -> None:
    etl("run", "etl", "-q", "--log-level", "DEBUG")


@pytest.mark.parametrize("arguments", [["--nope"], ["--", "etl"], ["-w", "2", "--nope"]], ids=" ".join)
def test_a_run_of_nothing_is_no_success(etl: Shell, arguments: list[str]) -> None:
    said = etl("run", *arguments, code=0 if "etl" in arguments else 2)
    assert said.err != ""


@pytest.mark.parametrize(
    "script",
    [
        "from flows.etl import flow\nflow.run()",
        "import flows.etl\nflows.etl.flow.run()",
        "import flowkit\nfrom flows.etl import flow\nflowkit.FlowRunner(flow).run()",
    ],
)
def test_a_run_of_a_script_that_imports_its_flow_can_be_gone_on_with(shell: Shell, script: str) -> None:
    shell.write(
        "flows/etl.py",
        """
        from pathlib import Path
        from flowkit import Flow, task

        @task
        def one():
            return 1

        @task
        def two(value):
            assert Path("fine").exists()

        with Flow("etl") as flow:
            two(one())
        """,
    )
    shell.write("main.py", script)
    shell("main.py", prefix=[sys.executable], env={"PYTHONPATH": "."}, traceback=True)
    (shell.folder / "fine").touch()
    assert "1 done before" in shell("resume").err


def test_a_report_goes_through_a_link_and_into_a_pipe_and_replaces_neither(etl: Shell) -> None:
    real, link, pipe = (etl.folder / name for name in ("real.xml", "link.xml", "pipe"))
    real.write_text("before")
    link.symlink_to(real)
    etl("run", "etl", "-q", "--junit", "link.xml")
    assert link.is_symlink()
    assert real.read_text().startswith("<?xml")
    os.mkfifo(pipe)
    said = etl.line("cat pipe & flowkit run etl -q --junit pipe; wait")
    assert said.out.startswith("<?xml")
    assert pipe.is_fifo()


def test_a_history_that_is_removed_while_the_run_goes_on_is_said(shell: Shell) -> None:
    shell.write(
        "flows/gone.py",
        """
        import shutil
        from flowkit import flow, task

        @task
        def removes():
            shutil.rmtree(".flowkit")

        @flow
        def gone():
            removes()
        """,
    )
    assert "The history was removed while the run went on" in shell("run", "gone").err


@pytest.mark.parametrize(("command", "code"), [(("resume",), 2), (("replay", "latest", "drop"), 1)])
def test_parameters_that_cannot_be_read_are_asked_for_and_not_replaced_by_defaults(
    shell: Shell, command: tuple[str, ...], code: int
) -> None:
    shell.write(
        "flows/pay.py",
        """
        from pathlib import Path
        from flowkit import flow, task

        @task
        def drop(table: str):
            print("dropping", table)
            assert Path("fine").exists()

        @flow
        def pay(table: str = "production"):
            drop(table)
        """,
    )
    shell("run", "pay", "--table", "test", code=1)
    (shell.folder / "fine").touch()
    elsewhere = str(shell.folder / "elsewhere")
    said = shell(*command, code=code, env={"HOME": elsewhere, "XDG_CONFIG_HOME": elsewhere})
    assert "`table`" in said.err
    assert "signed with another key" in said.err
    assert "dropping" not in said.err
    if command == ("resume",):
        said = shell("resume", "-p", "table=test", env={"HOME": elsewhere, "XDG_CONFIG_HOME": elsewhere})
        assert "dropping test" in said.err


# -- in the ways of Prefect classic ----------------------------------------------------------

CLASSIC = """
from prefect import Flow, Parameter, task

@task
def say(x):
    print("x is", x)

with Flow("one") as one:
    say(Parameter("x", default=1))
with Flow("two") as two:
    say(Parameter("y", default=2))
"""


def test_a_flow_of_a_module_is_run(shell: Shell) -> None:
    shell.write("package/__init__.py", "")
    shell.write("package/flows_of_it.py", CLASSIC)
    shell.write("alone.py", CLASSIC)
    for module in ("package.flows_of_it", "alone"):
        said = shell("run", "-m", module, "two", "--y", "5")
        assert "x is 5" in said.err
        path = f"{module.replace('.', '/')}.py"
        assert (
            f"note: `{path}` imports `prefect`, which is not installed: flowkit stands in for it" in said.err
        )
    said = shell("run", "--module=alone", code=2)
    assert said.sentence == "`alone.py` has 2 flows: `one`, `two`"
    assert shell("run", "-m", "nothing", "two", code=2).sentence.startswith("there is no module `nothing`")


def test_parameters_come_from_a_file_by_its_name_in_classic_too(shell: Shell) -> None:
    shell.write("flows/classic.py", CLASSIC)
    shell.write("given.json", '{"x": 7}')
    assert "x is 7" in shell("run", "one", "--param-file", "given.json").err
    assert "x is 8" in shell("run", "one", "--param-file", "given.json", "--param", "x=8").err
