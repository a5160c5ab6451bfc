"""`flowkit cache`: what is in it, what it was made from, and that only what is asked for goes."""

from __future__ import annotations

import json

import pytest
from command_shell import Shell
from command_terminal import typed

FLOW = """
    from flowkit import Flow, Parameter, task

    @task(cache=True)
    def load(size):
        return b"x" * size

    @task(cache=True)
    def half(data):
        return len(data) // 2

    with Flow("etl") as etl:
        half(load(Parameter("size", default=100_000)))
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project in which a flow has run; one result is a file."""
    shell.write("flows/etl.py", FLOW)
    shell("run", "etl")
    return shell


def entries(shell: Shell) -> list[tuple[str, int]]:
    return [(entry["task"], entry["run"]) for entry in json.loads(shell("cache", "ls", "--json").out)]


def files(shell: Shell) -> int:
    return sum(path.is_file() for path in (shell.folder / ".flowkit" / "results").rglob("*"))


def test_entries_are_listed_with_their_run_and_size(etl: Shell) -> None:
    lines = etl("cache", "ls").out.splitlines()
    assert lines[0].split() == ["FLOW", "TASK", "MADE", "IN", "RUN", "LAST", "USED", "TOOK", "SIZE"]
    assert lines[1].startswith("etl   half") and lines[2].endswith("98 KiB")
    assert (
        etl("cache", "ls", "elt").err == "there is nothing in the cache of `elt`\nhint: did you mean `etl`?\n"
    )


def test_what_differs_between_entries_is_said(etl: Shell) -> None:
    etl("run", "etl", "--size", "10")
    etl.write("flows/etl.py", FLOW.replace("// 2", "// 3"))
    etl("run", "etl", "--size", "10")
    found = json.loads(etl("cache", "why", "half", "--json").out)
    newest, _, oldest = [entry["differs"] for entry in found]
    assert newest == ["made by the code of the latest run"]
    assert oldest == [
        "the code has changed since: `etl.half` changed (flows/etl.py:8)",
        "another `data` from `load` than in run 2",
    ]
    assert etl("cache", "why", "haf", code=2).hints == ["did you mean `half`?"]


def test_only_what_is_named_is_removed(etl: Shell) -> None:
    etl("run", "etl", "--size", "10")
    etl("cache", "clear", "etl:half", "--yes")
    assert entries(etl) == [("load", 2), ("load", 1)]
    assert etl("cache", "clear", "--older", "7d", "--yes").err == "there is nothing to remove\n"
    etl("cache", "clear", "--yes")
    assert entries(etl) == []
    assert (
        etl("cache", "clear", "nope", "--yes", code=2).sentence == "the flow `nope` has nothing in the cache"
    )


def test_a_file_that_a_run_still_has_stays(etl: Shell) -> None:
    before = files(etl)
    said = etl("cache", "clear", "etl:load", "--yes").err
    assert said.startswith("removed 1 entry: freed ") and said.endswith("(the rest is part of runs)\n")
    assert files(etl) == before
    etl("resume", "1")


def test_nothing_is_removed_unasked(etl: Shell) -> None:
    assert "say `--yes`" in etl("cache", "clear", code=2).sentence
    seen = typed(etl, "cache", "clear", keys=[("remove 2 entries", "n\r")], code=1)
    assert "[y/N]" in seen.text
    assert len(entries(etl)) == 2
    typed(etl, "cache", "clear", keys=[("remove 2 entries", "y\r")])
    assert entries(etl) == []
