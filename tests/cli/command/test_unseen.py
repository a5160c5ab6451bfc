"""What a fingerprint sees by its version, or not at all, is said where somebody asks why a task ran."""

from __future__ import annotations

import json

import pytest
from command_shell import Shell

from flowkit.fingerprint.versions import version_of

FLOW = """
    import importlib
    import threading
    import hypothesis
    from flowkit import Flow, task

    class Client:
        def __init__(self):
            self.lock = threading.Lock()
            self.module = "json"

        def ask(self, size):
            return size

    client = Client()

    @task(cache=True)
    def load(size):
        hypothesis.seed(1)
        importlib.import_module(client.module)
        return client.ask(size)

    @task(cache=True)
    def half(size):
        return size / 2

    @task
    def show(size):
        return client.ask(size)

    with Flow("etl") as etl:
        show(half(load(10)))
"""
VERSION = f"hypothesis {version_of('hypothesis')}"
HINT = "of what is not followed only the class counts; name in `depends_on=` what else matters"


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project in which a flow has run whose first task reaches what cannot be followed."""
    shell.write("flows/etl.py", FLOW)
    shell("run", "etl")
    return shell


def test_why_says_it_of_a_task_with_a_cache(etl: Shell) -> None:
    etl("run", "etl")
    said = etl("why", "latest", "load")
    assert [line.split(maxsplit=2) for line in said.out.splitlines()[-2:]] == [
        ["by", "version", VERSION],
        ["not", "followed", "etl.client, etl.load imports a module whose name is computed"],
    ]
    assert said.hints == [HINT]
    found = json.loads(etl("why", "latest", "load", "--json").out)
    assert found["versions"] == [VERSION]
    assert found["unfollowed"] == ["etl.client", "etl.load imports a module whose name is computed"]


@pytest.mark.parametrize("task", ["half", "show"])
def test_why_says_nothing_of_it_where_all_is_seen_or_there_is_no_cache(etl: Shell, task: str) -> None:
    said = etl("why", "latest", task)
    assert "not followed" not in said.out
    assert said.err == ""


def test_cache_why_says_it_once_for_each_code(etl: Shell) -> None:
    etl.write("flows/etl.py", FLOW.replace("load(10)", "load(20)"))
    etl("run", "etl")
    said = etl("cache", "why", "load")
    assert [line.strip() for line in said.out.splitlines() if "followed" in line or "version" in line] == [
        f"by version: {VERSION}",
        "not followed: etl.client, etl.load imports a module whose name is computed",
    ]
    assert said.hints == [HINT]
    assert etl("cache", "why", "half").err == ""
    found = json.loads(etl("cache", "why", "load", "--json").out)
    assert [entry["versions"] for entry in found] == [[VERSION], [VERSION]]
    assert found[0]["unfollowed"][0] == "etl.client"


def test_it_is_no_change_of_the_code_that_something_is_not_followed(etl: Shell) -> None:
    etl.write(
        "flows/etl.py",
        FLOW.replace(
            "return client.ask(size)\n\n    @task(cache=True)", "return size\n\n    @task(cache=True)"
        ),
    )
    etl("run", "etl")
    told = [each["kind"] for each in json.loads(etl("why", "latest", "load", "--json").out)["code"]]
    assert told and "unfollowed" not in told
