"""What the command shows of a task that failed, at once, and from the history when its file has changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_shell import Said, Shell

FLOW = """
    from flowkit import flow, secret, task
    from typing import Annotated

    class Row:
        def __init__(self, price):
            self.price = price

        def __repr__(self):
            return f"Row(price={self.price})"

    def check(rows, key):
        for row in rows:
            if row.price < 0:
                raise ValueError(f"negative price: {row.price}")

    @task(max_retries=1, retry_delay=0)
    def clean(price, key, padding="x" * 100_000):
        print("reading", price)
        header = ["Bearer " + key + padding, key]
        check([Row(price)], key)

    @flow
    def shop(key: Annotated[str, secret] = "open-sesame-" + "0123456789" * 20):
        clean.map([1, -3], flowkit.unmapped(key))

    import flowkit
"""
BLOCK = """\
error[task-failed]: clean[1] raised ValueError: negative price: -3
  --> flows/shop.py:15 in check
   13 |     for row in rows:
   14 |         if row.price < 0:
 > 15 |             raise ValueError(f"negative price: {row.price}")
      row = Row(price=-3)  rows = [Row(price=-3)]
  called from flows/shop.py:21 in clean
 > 21 |     check([Row(price)], key)
  inputs  price = -3  key = '•••'
          padding = 'xxxxx…xxxxx'
"""


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A project with a flow whose second child fails, twice."""
    shell.write("flows/shop.py", FLOW)
    return shell


def block_in(text: str) -> str:
    """The failure, without its last facts; long texts shorter still."""
    found = text[text.index("error[") :].partition("  attempt ")[0]
    return re.sub(r"x{20,}", "xxxxx", found)


def test_the_failure_is_the_same_days_later_when_the_file_has_changed(project: Shell) -> None:
    now = project("run", "shop", code=1)
    assert block_in(now.err) == BLOCK
    assert "attempt 2 of 2 · after" in now.err
    assert "last output: reading -3" in now.err
    project.write("flows/shop.py", "# nothing is left of it\n")
    for command in (["runs", "show"], ["runs", "show", "1", "clean"], ["runs", "show", "1", "clean[1]"]):
        then = project(*command)
        assert block_in(then.out) == BLOCK
        assert "attempt 2 of 2 · after" in then.out
        assert "last output: reading -3" in then.out


def test_the_page_of_a_task_has_its_attempts_and_what_it_printed(project: Shell) -> None:
    project("run", "shop", code=1)
    page = project("runs", "show", "latest", "clean[1]").out
    assert re.match(r"clean\[1\] · run 1 \S+ · shop · ✗ failed\n", page)
    assert re.search(r"(?m)^1 +↻ retrying .* threads-\d+  ValueError: negative price: -3$", page)
    assert re.search(r"(?m)^2 +✗ failed .* threads-\d+  ValueError: negative price: -3$", page)
    assert page.rstrip().endswith("reading -3")
    [known] = json.loads(project("runs", "show", "latest", "clean[1]", "--json").out)["tasks"]
    assert known["task"] == "clean[1]" and len(known["attempts"]) == 2
    assert project("runs", "show", "1", "clena", code=2).hints == ["did you mean `clean`?"]


@pytest.mark.parametrize("lane", ["processes", "dask", "inline", "coroutines"])
def test_every_lane_tells_the_same_and_another_process_is_named(project: Shell, lane: str) -> None:
    said = project("run", "shop", "--executor", lane, code=1)
    assert block_in(said.err) == BLOCK
    named = re.search(rf"attempt 2 of 2 · on {lane}-\d+ · pid \d+ · after", said.err)
    assert (named is not None) == (lane in ("processes", "dask"))
    assert (re.search(rf"on {lane}-\d+ · pid \d+", project("runs", "show").out) is not None) == bool(named)


def test_programs_get_frames_inputs_and_process(project: Shell) -> None:
    out = project("run", "shop", "--json", code=1).out
    [error] = [
        event["error"]
        for event in map(json.loads, out.splitlines())
        if event["event"] == "task_finished" and "error" in event
    ]
    assert [frame["function"] for frame in error["frames"]] == ["clean", "check"]
    assert error["frames"][-1]["values"] == {"row": "Row(price=-3)", "rows": "[Row(price=-3)]"}
    assert error["inputs"]["price"] == "-3"
    assert error["pid"] > 0


def test_neither_the_history_nor_the_screen_has_anything_of_a_secret(project: Shell) -> None:
    for lane in ("threads", "processes"):
        said = project("run", "shop", "--executor", lane, code=1)
        events = project("run", "shop", "--json", "--executor", lane, code=1)
        for text in (said.err, events.out, project("runs", "show", "--json").out):
            assert "open-ses" not in text and "012345" not in text
    kept = b"".join(path.read_bytes() for path in Path(project.folder, ".flowkit").glob("history.db*"))
    assert kept and b"open-ses" not in kept and b"012345" not in kept


def test_github_is_told_the_line_of_the_users_code(project: Shell) -> None:
    said = project("run", "shop", code=1, env={"GITHUB_ACTIONS": "true"})
    [note] = [line for line in said.err.splitlines() if line.startswith("::error")]
    said_of_it = "error[task-failed]: clean[1] raised ValueError: negative price: -3"
    assert note == f"::error file=flows/shop.py,line=15::{said_of_it}"


def test_frames_of_installed_packages_have_a_line_each(shell: Shell) -> None:
    shell.write(
        "lib/site-packages/parsing.py",
        """
        def outer(apply, text):
            return inner(apply, text)

        def inner(apply, text):
            return apply(text)

        def strict(text):
            hidden = text
            raise LookupError("no")
        """,
    )
    shell.write(
        "flows/use.py",
        """
        import sys
        from pathlib import Path

        sys.path.insert(0, str(Path(__file__).parents[1] / "lib/site-packages"))
        import parsing
        from flowkit import flow, task

        def mine(text):
            return parsing.strict(text)

        @task
        def load(text="a"):
            return parsing.outer(mine, text)

        @flow
        def use():
            load()
        """,
    )
    said: Said = shell("run", "use", code=1)
    text = said.err[said.err.index("error[") :].partition("  after")[0]
    assert text == (
        "error[task-failed]: load raised LookupError: no\n"
        "  --> flows/use.py:10 in mine\n"
        "    9 | def mine(text):\n"
        " > 10 |     return parsing.strict(text)\n"
        "      text = 'a'\n"
        "  raised in parsing.py:10 in strict\n"
        "  called from parsing.py:6 in inner\n"
        "  called from parsing.py:3 in outer\n"
        "  called from flows/use.py:14 in load\n"
        " > 14 |     return parsing.outer(mine, text)\n"
        "  inputs  text = 'a'\n"
    )


def test_a_task_that_comes_back_after_a_signal_tells_of_it_in_its_own_words(shell: Shell) -> None:
    shell.write(
        "flows/stop.py",
        """
        from flowkit import flow, task
        from flowkit.signals import FAIL

        @task
        def load():
            raise FAIL("no rows")

        @flow
        def stop():
            load()
        """,
    )
    shell("run", "stop", code=1)
    assert (
        "error[task-failed]: load failed: no rows\n  --> flows/stop.py:7 in load\n"
        in shell("runs", "show").out
    )
