"""Secret parameters at the command: never typed as options, asked for, or from the environment."""

from __future__ import annotations

import pytest
from command_shell import Shell
from command_terminal import CTRL_C, typed

FLOW = """
    from typing import Annotated

    from pydantic import SecretStr

    from flowkit import flow, secret, task

    @task
    def show(days, token, key, workers):
        print(f"days={days} kind={type(token).__name__} length={len(token)} key={key == 'built-in-key'}")

    @flow
    def load(
        token: Annotated[SecretStr, "The API's token"],
        days: int = 3,
        key: Annotated[str, secret] = "built-in-key",
        workers: SecretStr | None = None,
    ):
        return show(days, token, key, workers)
"""
SHOWN = "days=3 kind=SecretStr length=7 key=True"


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A project with a flow that needs a token."""
    shell.write("flows/load.py", FLOW)
    return shell


def test_a_secret_comes_from_the_environment_and_nothing_is_said_of_its_variable(project: Shell) -> None:
    said = project("run", "load", env={"FLOWKIT_SECRET_TOKEN": "hunter2"})
    assert said.printed == [SHOWN]
    assert "hunter2" not in said.out + said.err
    assert "ignored" not in said.err


def test_a_secret_comes_from_a_file_of_the_user(project: Shell) -> None:
    project.write("given.toml", 'token = "hunter2"\ndays = 4\n')
    said = project("run", "load", "--params", "given.toml")
    assert said.printed == [SHOWN.replace("3", "4", 1)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--token", "hunter2"),
        ("--token=hunter2",),
        ("--token", "-hunter2"),
        ("-p", "token=hunter2"),
        ("-ptoken=hunter2",),
        ("--", "--token=hunter2"),
        ("--", "--token", "hunter2"),
    ],
)
def test_a_secret_that_is_typed_is_refused_and_not_repeated(
    project: Shell, arguments: tuple[str, ...]
) -> None:
    said = project("run", "load", *arguments, code=2)
    assert "hunter2" not in said.out + said.err
    assert "--token`" in said.err or "`token` is secret, and cannot be given on the command line" in said.err
    assert "set `FLOWKIT_SECRET_TOKEN`" in said.err


def test_without_a_terminal_a_missing_one_is_named_with_all_else_that_is_wrong(project: Shell) -> None:
    said = project("run", "load", code=2)
    assert said.sentence == (
        "the flow `load` cannot run: `token` is required, and was not given; set `FLOWKIT_SECRET_TOKEN`"
    )
    assert said.hints[-1].startswith("a secret comes from its variable, from the file of `--params`")
    both = project("run", "load", "--days", "x", code=2)
    assert "for 2 reasons" in both.sentence


def test_in_a_terminal_it_is_asked_for_without_being_shown(project: Shell) -> None:
    seen = typed(project, "run", "load", keys=[("token (not shown): ", "hunter2\n")])
    assert "length=7" in seen.text
    assert "hunter2" not in seen.raw


def test_in_a_terminal_an_empty_answer_is_none_and_ctrl_c_stops(project: Shell) -> None:
    seen = typed(project, "run", "load", keys=[("token (not shown): ", "\n")], code=2)
    assert "FLOWKIT_SECRET_TOKEN" in seen.text
    typed(project, "run", "load", keys=[("token (not shown): ", CTRL_C)], code=130)


def test_nothing_is_asked_where_the_command_is_wrong_anyway(project: Shell) -> None:
    seen = typed(project, "run", "load", "--days", "x", code=2)
    assert "not shown" not in seen.text


def test_help_says_that_it_is_secret_and_not_what_its_default_is(project: Shell) -> None:
    said = " ".join(project("run", "load", "--help").out.replace("│", " ").split())
    assert "FLOWKIT_SECRET_TOKEN The API's token secret: asked for, or from this variable [required]" in said
    assert "FLOWKIT_SECRET_KEY secret: asked for, or from this variable" in said
    assert "built-in-key" not in said
    assert "--token" not in said and "--key" not in said
    assert "-p workers" not in said


def test_the_registry_and_the_commands_that_read_it_do_not_have_its_default(project: Shell) -> None:
    registered = project("register")
    assert "-p workers" not in registered.err
    kept = (project.folder / ".flowkit" / "registry.toml").read_text(encoding="utf-8")
    assert "built-in-key" not in kept
    assert kept.count("secret = true") == 3
    shown = project("show", "load").out
    assert "built-in-key" not in shown
    assert ["key", "str", "[secret]", "=", "•••"] in [line.split() for line in shown.splitlines()]


@pytest.mark.parametrize("option", ["--keep-going", "--debug", "--pdb"])
def test_a_failure_and_what_caused_it_never_show_a_secret(shell: Shell, option: str) -> None:
    shell.write(
        "flows/leaky.py",
        """
        from pydantic import SecretStr

        from flowkit import flow, task

        @task
        def ask(token):
            try:
                raise OSError("inner " + token.get_secret_value())
            except OSError as error:
                raise ValueError("outer " + token.get_secret_value()) from error

        @flow
        def leaky(token: SecretStr):
            return ask(token)
        """,
    )
    given = {"FLOWKIT_SECRET_TOKEN": "hunter2"}
    said = shell("run", "leaky", option, code=1, env=given, traceback=option == "--debug")
    assert "inner •••" in said.err
    assert "hunter2" not in said.out + said.err


SECOND = """
from pathlib import Path
from pydantic import SecretStr
from flowkit import flow, task

@task
def size(token: SecretStr) -> int:
    return len(token.get_secret_value())

@task
def other() -> int:
    return 1

@task
def last(size: int, other: int) -> None:
    print("size", size)
    assert Path("fine").exists()

@flow
def second(token: SecretStr):
    last(size(token), other())
"""


def test_another_secret_makes_again_what_was_made_from_it(shell: Shell) -> None:
    shell.write("flows/second.py", SECOND)
    shell("run", "second", code=1, env={"FLOWKIT_SECRET_TOKEN": "first-value"})
    said = shell("resume", code=1, env={"FLOWKIT_SECRET_TOKEN": "first-value"})
    assert "2 done before" in said.err
    (shell.folder / "fine").touch()
    said = shell("resume", env={"FLOWKIT_SECRET_TOKEN": "second-longer-value"})
    assert "1 done before" in said.err
    assert "size 19" in said.err
    assert "note: other parameters than before: token" in said.err
    for path in (shell.folder / ".flowkit").rglob("*"):
        assert path.is_dir() or b"first-value" not in path.read_bytes()


def test_a_password_in_the_url_of_an_open_parameter_is_not_shown_by_the_history(shell: Shell) -> None:
    shell.write(
        "flows/loads.py",
        """
        from flowkit import flow, task

        @task
        def load(url):
            assert url.endswith("hunter2@host/db")

        @flow
        def loads(url: str = ""):
            load(url)
        """,
    )
    shell("run", "loads", "--url", "postgres://bob:hunter2@host/db")
    commands = (
        ("runs", "show"),
        ("runs", "show", "--json"),
        ("runs", "--json"),
        ("report", "-o", "page.html"),
    )
    for command in commands:
        said = shell(*command)
        assert "hunter2" not in said.out + said.err
    page = (shell.folder / "page.html").read_text(encoding="utf-8")
    assert "postgres://bob:•••@host/db" in page
    assert "hunter2" not in page
