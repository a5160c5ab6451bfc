"""A run whose flow is not where it was goes on with the flow of its name, or it is said what is missing."""

from __future__ import annotations

import pytest
from command_shell import Shell

FLOW = """
    from pathlib import Path
    from flowkit import flow, task

    @task
    def first():
        Path("told").open("a").write("first ")
        return 1

    @task
    def second(found):
        if not Path("go").exists():
            raise ValueError("not yet")
        Path("told").open("a").write("second ")
        return found + 1

    @flow(name="two steps")
    def two():
        second(first())
"""
GONE = "run 1 (NAME) was made from `flows/two.py:two`, which is not there any more"


@pytest.fixture
def failed(shell: Shell) -> Shell:
    """A project with a run of which the first task is done."""
    shell.write("flows/two.py", FLOW)
    shell("run", "two", code=1)
    (shell.folder / "go").touch()
    return shell


def name_of(shell: Shell) -> str:
    return shell("runs", "show", "1").out.split(" · ")[1]


def move(shell: Shell, source: str, target: str) -> None:
    (shell.folder / target).parent.mkdir(exist_ok=True)
    (shell.folder / source).rename(shell.folder / target)


def check_gone_on(shell: Shell, place: str) -> None:
    """It goes on, says where the flow is now, and what was done is not done again."""
    said = shell("resume")
    assert f"note: the flow `two steps` is `{place}` now; it was `flows/two.py:two`" in said.err
    assert (shell.folder / "told").read_text() == "first second "
    assert "is done: nothing is left to run" in shell("resume").err


def test_a_flow_whose_file_was_renamed_goes_on_from_there(failed: Shell) -> None:
    move(failed, "flows/two.py", "flows/renamed.py")
    check_gone_on(failed, "flows/renamed.py:two")


def test_a_flow_that_is_in_another_file_goes_on_from_there(failed: Shell) -> None:
    failed.write("flows/other.py", FLOW)
    failed.write("flows/two.py", FLOW.replace("two steps", "three steps").replace("two()", "three()"))
    check_gone_on(failed, "flows/other.py:two")


def test_a_flow_that_has_another_attribute_goes_on(failed: Shell) -> None:
    failed.write("flows/two.py", FLOW.replace("def two()", "def both()"))
    check_gone_on(failed, "flows/two.py:both")


def test_a_flow_that_was_registered_elsewhere_goes_on_from_there(failed: Shell) -> None:
    move(failed, "flows/two.py", "jobs/nightly.py")
    failed("register", "jobs/nightly.py")
    check_gone_on(failed, "jobs/nightly.py:two")


def test_a_flow_outside_of_the_folder_of_flows_is_found_beside_its_old_file(shell: Shell) -> None:
    shell.write("jobs/two.py", FLOW)
    shell("run", "jobs/two.py", code=1)
    (shell.folder / "go").touch()
    move(shell, "jobs/two.py", "jobs/renamed.py")
    assert "the flow `two steps` is `jobs/renamed.py:two` now" in shell("resume").err


def test_a_task_is_replayed_from_where_its_flow_is_now(failed: Shell) -> None:
    move(failed, "flows/two.py", "flows/renamed.py")
    said = failed("replay", "1", "second")
    assert said.out == "2\n"
    assert "the flow `two steps` is `flows/renamed.py:two` now" in said.err


def test_a_flow_that_is_nowhere_is_said_to_be_with_what_can_still_be_done(failed: Shell) -> None:
    (failed.folder / "flows/two.py").unlink()
    said = failed("resume", code=2)
    assert said.sentence == GONE.replace("NAME", name_of(failed))
    assert said.hints == [
        "a flow called `two steps` in `flows/`, or one that `flowkit register PATH` knows, takes its place",
        "`flowkit runs show 1` and `flowkit logs 1` show what the run has done",
    ]
    assert name_of(failed) in failed("runs", "show", "1").out


def test_a_flow_with_another_name_is_not_taken_for_it(failed: Shell) -> None:
    failed.write("flows/two.py", FLOW.replace("two steps", "three steps").replace("two()", "three()"))
    assert failed("resume", code=2).sentence == GONE.replace("NAME", name_of(failed))
    assert (failed.folder / "told").read_text() == "first "


def test_of_two_flows_with_its_name_none_is_chosen(failed: Shell) -> None:
    (failed.folder / "flows/two.py").unlink()
    for name in ("one", "other"):
        failed.write(f"flows/{name}.py", FLOW)
    said = failed("resume", code=2)
    assert said.sentence == GONE.replace("NAME", name_of(failed))
    assert said.hints[0] == (
        "several files have a flow called `two steps`, `flows/one.py` and `flows/other.py`: "
        "`flowkit register PATH` chooses one"
    )
    failed("register", "flows/other.py")
    check_gone_on(failed, "flows/other.py:two")


def test_a_flow_file_that_cannot_be_loaded_is_not_looked_for_elsewhere(failed: Shell) -> None:
    failed.write("flows/other.py", FLOW)
    failed.write("flows/two.py", "def f(:")
    said = failed("resume", code=3)
    assert "`flows/two.py:1:7` is not valid Python" in said.sentence
    assert "run 1 was made from `flows/two.py:two`" in said.hints


def test_a_run_that_cannot_go_on_is_left_as_it_is(failed: Shell) -> None:
    (failed.folder / "flows/two.py").unlink()
    failed("resume", code=2)
    failed.write("flows/two.py", FLOW)
    failed("resume")
    assert (failed.folder / "told").read_text() == "first second "
