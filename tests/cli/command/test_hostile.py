"""Names, values, logs and errors that would steer a terminal: every command shows them, none obeys them.

What may reach a stream is text, line ends and, on a terminal, the colours of ours and of what tasks print.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

import pytest
from command_shell import Said, Shell
from command_terminal import typed

EVIL = "e\x1b[2J\x1b]8;;http://x\x07\x1b]0;t\x07\u202e\u200b\x9b31m[bold]\r\x08\x00日本e\u0301"
LINES = ["\x1b[31mred\x1b[0m plain", EVIL, "10%\r20%", "::error::no", "\udcff half", "a\tb", "w" * 200_000]
TYPED = EVIL.replace("\x00", "")  # as no argument of a program can have that
NAME = "[red]e\u202e\u200b日本 e\u0301[/red] ' ;"  # of a flow, which may have no control characters
PARAMETER = "given\u202e\u200b日本[/]"
FILE = "odd\x1b[2J\u202ename.py"
FLOW = """
    import logging
    from flowkit import Flow, Parameter, task

    EVIL, TYPED, LINES = {evil!a}, {typed!a}, {lines!a}

    @task(name=TYPED, log_stdout=True)
    def each(item, given):
        for line in LINES:
            print(line)
        logging.getLogger(EVIL[:5]).error(EVIL)
        if item == 2:
            raise ValueError(EVIL + "\\n" + EVIL)
        return EVIL

    @task(name="plain", cache=True)
    def plain(given):
        return given

    with Flow({name!a}) as flow:
        given = Parameter({parameter!a}, default=EVIL)
        each.map([1, 2], [EVIL, EVIL])
        plain(given)
"""
COMMANDS: list[tuple[list[str], int]] = [
    (["register"], 0),
    (["register", "--json"], 0),
    (["list"], 0),
    (["show", "FLOW"], 0),
    (["graph", "FLOW"], 0),
    (["graph", "FLOW", "--format", "mermaid"], 0),
    (["graph", "FLOW", "--format", "dot"], 0),
    (["graph", "FLOW", "--format", "json"], 0),
    (["run", "FLOW", "--dry-run"], 0),
    (["run", "FLOW", "--dry-run", "--json"], 0),
    (["run", "FLOW", "--help"], 0),
    (["run", "FLOW"], 1),
    (["run", "FLOW", "-v", "--output", "group"], 1),
    (["run", "FLOW", "--debug", "--output", "failed"], 1),
    (["run", "FLOW", "--json"], 1),
    (["run", "FLOW", "-p", f"{PARAMETER}{TYPED}=1"], 2),
    (["run", TYPED[:9]], 2),
    (["runs"], 0),
    (["runs", "--json"], 0),
    (["runs", "--flow", TYPED], 0),
    (["runs", "show"], 0),
    (["runs", "show", "--children"], 0),
    (["runs", "show", "1", "TASK"], 0),
    (["runs", "show", "1", "--json"], 0),
    (["runs", "show", TYPED], 2),
    (["logs"], 0),
    (["logs", "--json"], 0),
    (["logs", "1", TYPED], 0),
    (["report", "1", "-o", "-"], 0),
    (["why", "1", "TASK"], 0),
    (["why", "1", "plain", "--json"], 0),
    (["diff", "1", "2"], 0),
    (["diff", "1", "2", "--json"], 0),
    (["cache", "ls"], 0),
    (["cache", "why", "plain"], 0),
    (["cache", "clear", TYPED, "--yes"], 2),
    (["resume", "1"], 1),
    (["replay", "1", "TASK"], 1),
    (["replay", "1", "plain"], 0),
    (["cancel", "1"], 2),
    (["predict", "FLOW"], 0),
    (["predict", "FLOW", "--workers", TYPED], 2),
    (["runs", f"--{TYPED}"], 2),
    (["runs", "show", "1", "plain", TYPED], 2),
    (["graph", "FLOW", "--format", TYPED], 2),
    (["run", "FLOW", "--workers", TYPED], 2),
    (["run", "FLOW", f"--{TYPED}"], 2),
    ([TYPED], 2),
    (["config"], 0),
    (["doctor"], 0),
    (["clean", "--dry-run"], 0),
    (["backup", "copy\x1b[2J.db"], 0),
    (["unregister", "FLOW"], 0),
]


def flow_of(name: str, parameter: str) -> str:
    return FLOW.format(evil=EVIL, lines=LINES, name=name, parameter=parameter, typed=TYPED)


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A project in which everything that has a name is hostile."""
    shell.write(
        f"flows/{FILE}", FLOW.format(evil=EVIL, lines=LINES, name=NAME, parameter=PARAMETER, typed=TYPED)
    )
    return shell


def raw_in(text: str) -> set[str]:
    """What a terminal would obey, or not show, of a text."""
    return {
        character
        for character in text
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }


def filled(project: Shell, arguments: Sequence[str]) -> list[str]:
    names = {"FLOW": NAME, "TASK": f"{TYPED}[1]"}
    return [names.get(argument, argument) for argument in arguments]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_command_lets_through_what_would_steer_a_terminal(project: Shell, encoding: str) -> None:
    project.environ["PYTHONIOENCODING"] = encoding
    wrong = []
    for given, code in COMMANDS:
        arguments = filled(project, given)
        said: Said = project(*arguments, code=code, traceback="--debug" in given)
        ascii_only = encoding == "ascii" and given[0] != "report"  # a page says itself that it is UTF-8
        for name, text in (("stdout", said.out), ("stderr", said.err)):
            if found := raw_in(text) | ({"not ASCII"} if ascii_only and not text.isascii() else set()):
                wrong.append((given, name, sorted(found)))
        if "--json" in given and said.out:
            documents = (
                said.out.splitlines()
                if given[0] in ("run", "logs") and "--dry-run" not in given
                else [said.out]
            )
            assert all(json.loads(document) for document in documents)
    assert not wrong


def test_in_the_locale_c_nothing_fails_and_signs_have_others_in_their_place(project: Shell) -> None:
    environ = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    project.write("flows/simple.py", flow_of("simple", "a"))
    for given, code in [
        (["run", "simple"], 1),
        (["runs"], 0),
        (["doctor"], 0),
        (["--help"], 0),
        (["logs"], 0),
    ]:
        said = project(*given, code=code, env=environ)
        assert (said.out + said.err).isascii()
        assert not raw_in(said.out + said.err)
        assert not re.search(r"\\u2[56]", said.out + said.err), "a sign of ours that has no other"


def test_on_a_terminal_only_colours_and_what_draws_the_display_is_sent(project: Shell) -> None:
    seen = typed(project, "run", NAME, code=1, NO_COLOR="")
    drawn = re.sub(r"\x1b\[[0-9;]*m|\x1b\[\?(?:25|2026)[lh]|\x1b\[\d*[AJK]|\r", "", seen.raw)
    assert not raw_in(drawn)
    assert "\x1b[31mred" in seen.raw, "a colour of the task's own is kept"
    project("register")
    for command in (
        ["logs"],
        ["runs"],
        ["runs", "show"],
        ["runs", "show", "1", "plain"],
        ["list"],
        ["show", NAME],
    ):
        raw = typed(project, *command, NO_COLOR="").raw.replace("\r\n", "\n")
        assert not raw_in(re.sub(r"\x1b\[[0-9;]*m", "", raw)), command
    assert "\x1b[31mred\x1b[0m plain" in typed(project, "logs", NO_COLOR="").raw
    assert "\x1b" not in typed(project, "logs", NO_COLOR="1").raw


def test_a_line_of_ten_megabytes_is_printed_kept_and_read(shell: Shell) -> None:
    shell.write(
        "flows/wide.py",
        """
        from flowkit import flow, task

        @task(log_stdout=True)
        def each():
            print("x" * 10_000_000)

        @flow
        def wide():
            each()
        """,
    )
    shell("run", "wide")
    assert sum(line.count("x") for line in shell("logs").out.splitlines()) == 10_000_000


def test_completion_offers_no_name_that_would_steer_the_terminal(project: Shell) -> None:
    project.write("flows/simple.py", flow_of("simple", "a"))
    project("register")
    for words in ("flowkit run ", "flowkit runs show ", "flowkit run simple --"):
        for name, given in (("bash", [words, ":="]), ("zsh", words.split(" ")[1:])):
            said = project(*given, env={"_FLOWKIT_COMPLETE": name})
            assert not raw_in((said.out + said.err).replace("\t", " "))
            if words == "flowkit run ":
                assert said.out.split()[0] == "simple"
                assert len(said.out.splitlines()) == 1
