"""What newcomers type: one sentence that names the thing, and the way out; exit code 2, nothing on stdout."""

from __future__ import annotations

import pytest
from command_shell import Shell

FLOW = """
    from flowkit import flow

    @flow
    def summers(warm: float = 28.0):
        pass
"""
HELP = "`flowkit --help` lists the commands"
ASKING = ("logs", "report", "resume", "runs show 1")
CALLED = "`flowkit{} --help` shows how it is called"


@pytest.mark.parametrize(
    ("typed", "sentence", "hints"),
    [
        ("rum summers", "`flowkit` has no command `rum`", ["did you mean `run` or `resume`?", HELP]),
        (
            "summers",
            "`flowkit` has no command `summers`",
            ["`flowkit run summers` runs the flow of that name", HELP],
        ),
        ("help", "`flowkit` has no command `help`", [HELP]),
        (
            "runs shwo",
            "`flowkit runs` has no command `shwo`",
            ["did you mean `show`?", "`flowkit runs --help` lists the commands"],
        ),
        (
            "--verison",
            "`flowkit` has no option `--verison`",
            ["did you mean `--version`?", CALLED.format("")],
        ),
        ("run", "`flowkit run` needs the name of a flow", ["`flowkit` alone lists them"]),
        ("run Sumers", "no flow is called `Sumers`", ["did you mean `summers`?"]),
        ("run flows/summers", "there is no flow file `flows/summers`", ["did you mean `flows/summers.py`?"]),
        (
            "run summers --wram 30",
            "the flow `summers` cannot run: no option `--wram`; did you mean `--warm`?",
            ["`flowkit run summers --help` lists its parameters"],
        ),
        (
            "run summers -warm 30",
            "`flowkit run --workers`: input should be a valid integer, unable to parse string as an integer",
            ["did you mean `--warm`?", CALLED.format(" run summers")],
        ),
        (
            "run summers --workers x",
            "`flowkit run --workers` takes a whole number, not `x`",
            [CALLED.format(" run summers")],
        ),
        (
            "run summers --warm",
            "`flowkit run --warm` needs a value",
            [CALLED.format(" run summers")],
        ),
        ("logs latest --level", "`flowkit logs --level` needs a value", [CALLED.format(" logs")]),
        ("runs --limit", "`flowkit runs --limit` needs a value", [CALLED.format(" runs")]),
        (
            "run summers 30",
            "the flow `summers` cannot run: unexpected argument `30`",
            ["`flowkit run summers --help` lists its parameters"],
        ),
        (
            "graph",
            "`flowkit graph` needs `NAME`",
            ["`flowkit` alone lists the flows", CALLED.format(" graph")],
        ),
        *((f"{each}", "there are no runs yet", ["`flowkit run NAME` runs a flow"]) for each in ASKING),
        ("why", "`flowkit why` needs `RUN`", [CALLED.format(" why")]),
        (
            "completion tcsh",
            "`flowkit completion SHELL`: 'tcsh' is not one of 'bash', 'zsh', 'fish'",
            [CALLED.format(" completion")],
        ),
        (
            "show summers",
            "no flow called `summers` is registered",
            ["`flowkit register` registers what `flows/` has"],
        ),
    ],
)
def test_a_mistake_is_named_with_the_way_out(
    shell: Shell, typed: str, sentence: str, hints: list[str]
) -> None:
    shell.write("flows/summers.py", FLOW)
    said = shell(*typed.split(), code=2)
    assert (said.sentence, said.hints, said.out) == (sentence, hints, "")


def test_a_group_of_commands_alone_shows_what_it_has(shell: Shell) -> None:
    assert "clear" in shell("cache", code=2).out
