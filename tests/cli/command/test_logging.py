"""What tasks log under `flowkit run`: shown once, with its task and level, whatever the program sets up."""

from __future__ import annotations

import json

import pytest
from command_shell import Shell

HEAD = """
    import logging, sys
    from flowkit import flow, task
    import flowkit

"""
BODY = """
    @task
    def work():
        {work}

    @flow
    def logs():
        work()
"""


def saying(shell: Shell, work: str, before: str = "") -> Shell:
    """A project whose flow `logs` has one task."""
    shell.write("flows/logs.py", f"{HEAD}    {before}\n{BODY.format(work=work)}")
    return shell


def test_a_record_is_shown_behind_its_task_with_its_level(shell: Shell) -> None:
    saying(shell, 'flowkit.context.logger.info("of the task"); logging.warning("of the program")')
    assert shell("run", "logs").printed == ["INFO of the task", "WARNING of the program"]


@pytest.mark.parametrize("output", ["prefix", "group"])
def test_every_line_of_an_exception_has_the_level(shell: Shell, output: str) -> None:
    saying(shell, 'logging.error("no", exc_info=ValueError("negative"))')
    printed = shell("run", "logs", "--output", output).printed
    assert printed == ["ERROR no", "ERROR ValueError: negative"]


def test_a_task_that_sets_logging_up_is_shown_once(shell: Shell) -> None:
    saying(shell, 'logging.basicConfig(force=True, level="DEBUG"); logging.debug("seen")')
    said = shell("run", "logs")
    assert (said.printed, said.err.count("seen")) == (["DEBUG seen"], 1)


def test_a_program_that_shows_its_records_itself_goes_on_and_they_are_events_too(shell: Shell) -> None:
    saying(shell, 'logging.warning("seen")', before='logging.basicConfig(format="own %(message)s")')
    said = shell("run", "logs", "-v")
    assert ("own seen\n" in said.err, said.err.count("seen")) == (True, 1)
    events = [json.loads(line) for line in shell("run", "logs", "--json").out.splitlines()]
    [event] = [event for event in events if event["event"] == "task_output"]
    assert (event["stream"], event["level"], event["text"]) == ("log", 30, "seen")


def test_records_of_flowkit_are_taken_from_the_level_that_is_set(shell: Shell) -> None:
    saying(shell, 'flowkit.context.logger.info("quiet"); flowkit.context.logger.error("loud")')
    assert shell("run", "logs", "--log-level", "error").printed == ["ERROR loud"]
    assert shell("run", "logs", env={"FLOWKIT_LOGGING__LEVEL": "ERROR"}).printed == ["ERROR loud"]


@pytest.mark.parametrize("options", [[], ["--json"], ["--junit", "report.xml"], ["--output", "group"]])
def test_no_text_and_no_locale_fails_the_command(shell: Shell, options: list[str]) -> None:
    odd = r'"nul \0 \x1b[31mred\x1b[0m half\rover \udcff 漢"'
    saying(shell, rf'sys.stdout.buffer.write(b"\xff\xfe\n"); print({odd}); logging.error({odd})')
    plain_c = {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    said = shell("run", "logs", *options, env=plain_c)
    assert "\x1b" not in said.err
    assert all(json.loads(line) for line in said.out.splitlines())
