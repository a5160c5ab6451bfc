"""Parameters as options: typed, listed by `--help`, and all that is wrong said at once."""

from __future__ import annotations

import json

import pytest
from command_shell import Shell

TYPES = '''
    from dataclasses import dataclass
    from datetime import date, datetime
    from enum import Enum
    from pathlib import Path
    from typing import Annotated, Literal, Optional

    from pydantic import BaseModel, FilePath

    from flowkit import flow, task

    class Colour(Enum):
        RED = "red"
        BLUE = "blue"

    @dataclass
    class Point:
        x: int
        y: int = 0

    class Model(BaseModel):
        rate: float

    @task
    def show(**values):
        for name, value in values.items():
            print(f"{name}={value!r}")

    @flow
    def types(
        source: FilePath,
        text: Annotated[str, "What to [bold]say[/bold]"] = "a",
        number: int = 1,
        rate: float = 0.5,
        dry: bool = False,
        wet: bool = True,
        folder: Path = Path("here"),
        day: date = date(2026, 1, 2),
        moment: datetime = datetime(2026, 1, 2, 3, 4),
        colour: Colour = Colour.RED,
        mode: Literal["fast", "slow"] = "fast",
        level: Literal[1, 2] = 1,
        maybe: Optional[int] = 7,
        names: list[str] = ["x"],
        numbers: list[int] = [1],
        table: dict[str, int] = {"a": 1},
        model: Model = Model(rate=1.0),
        point: Point = Point(1),
        workers: int = 3,
    ):
        """All the types there are."""
        return show(
            source=source, text=text, number=number, rate=rate, dry=dry, wet=wet, folder=folder, day=day,
            moment=moment, colour=colour, mode=mode, level=level, maybe=maybe, names=names, numbers=numbers,
            table=table, model=model, point=point, workers=workers,
        )
'''


@pytest.fixture
def types(shell: Shell) -> Shell:
    """A project with a flow that prints its parameters, one of each type."""
    shell.write("flows/types.py", TYPES)
    return shell


def values(printed: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in printed)


def test_help_lists_the_parameters_with_types_texts_and_defaults(types: Shell) -> None:
    said = types("run", "types", "--help")
    assert said.err == ""
    assert "All the types there are." in said.out
    panel = said.out[said.out.index("Parameters of the flow") : said.out.index("How to run it")]
    lines = [" ".join(line.strip("│ ").split()) for line in panel.splitlines()]
    for line in (
        "--source PATH [required]",
        "--text STR What to [bold]say[/bold] [default: a]",
        "--number INT [default: 1]",
        "--rate FLOAT [default: 0.5]",
        "--day DATE [default: 2026-01-02]",
        "--colour red|blue [default: red]",
        "--mode fast|slow [default: fast]",
        "--names list[str] [default: ['x']]",
        "--point POINT [default: Point(x=1, y=0)]",
    ):
        assert line in lines
    assert any(line.startswith("--dry --no-dry ") for line in lines)
    assert "--workers" not in panel, "that is an option of run"
    assert "-p workers=INT [default: 3]" in lines
    assert "Usage: flowkit run types [OPTIONS]" in said.out
    assert "NAME" not in said.out[: said.out.index("How to run it")]


def test_each_type_is_read_from_text(types: Shell) -> None:
    said = types(
        "run", "types", "--source", "flows/types.py", "--text", "x y", "--number=-5", "--rate", "1e3",
        "--dry", "--no-wet", "--folder", "/tmp", "--day", "2026-02-03", "--moment", "2026-02-03T10:00",
        "--colour", "blue", "--mode", "slow", "--level", "2", "--maybe", "none",
        "--names", "a", "--names", "b",
        "--numbers", "[3, 4]", "--table", '{"b": 2}', "--model", '{"rate": 2}', "--point", '{"x": 5}',
        "-p", "workers=9",
    )  # fmt: skip
    assert values(said.printed) == {
        "source": "PosixPath('flows/types.py')",
        "text": "'x y'",
        "number": "-5",
        "rate": "1000.0",
        "dry": "True",
        "wet": "False",
        "folder": "PosixPath('/tmp')",
        "day": "datetime.date(2026, 2, 3)",
        "moment": "datetime.datetime(2026, 2, 3, 10, 0)",
        "colour": "<Colour.BLUE: 'blue'>",
        "mode": "'slow'",
        "level": "2",
        "maybe": "None",
        "names": "['a', 'b']",
        "numbers": "[3, 4]",
        "table": "{'b': 2}",
        "model": "Model(rate=2.0)",
        "point": "Point(x=5, y=0)",
        "workers": "9",
    }


def test_other_spellings_and_defaults(types: Shell) -> None:
    said = types(
        "run", "types", "-p", "source=flows/types.py", "--colour", "BLUE", "--numbers", "3", "--numbers", "4",
        "--names", '["p", "q"]', "--maybe", "4", "--moment", "2026-02-03 10:00",
    )  # fmt: skip
    found = values(said.printed)
    assert found["colour"] == "<Colour.BLUE: 'blue'>"
    assert (found["numbers"], found["names"]) == ("[3, 4]", "['p', 'q']")
    assert (found["maybe"], found["moment"]) == ("4", "datetime.datetime(2026, 2, 3, 10, 0)")
    assert (found["folder"], found["model"], found["dry"]) == (
        "PosixPath('here')",
        "Model(rate=1.0)",
        "False",
    )


def test_all_that_is_wrong_is_said_at_once_before_anything_runs(types: Shell) -> None:
    said = types(
        "run", "types", "--number", "x", "--rate", "y", "--day", "2026-13-01", "--moment", "z",
        "--colour", "green", "--mode", "medium", "--level", "3", "--maybe", "q", "--numbers", "z",
        "--table", "5", "--model", '{"rate": "q"}', "--point", '{"y": 1}', "-p", "workers=x",
        "-p", "nosuch=1", "--numbr", "3", "extra",
        code=2,
    )  # fmt: skip
    assert said.out == ""
    assert said.sentence.startswith("the flow `types` cannot run, for 17 reasons:")
    assert said.hints == ["`flowkit run types --help` lists its parameters"]
    for problem in (
        "no option `--numbr`; did you mean `--number`?",
        "unexpected argument `extra`",
        "`nosuch` is not a parameter",
        "`source` is required, and was not given",
        "`number` cannot be `x`",
        "`day` cannot be `2026-13-01`",
        "`colour` cannot be `green`: input should be 'red' or 'blue'",
        "`mode` cannot be `medium`: input should be 'fast' or 'slow'",
        "`table` takes a JSON object",
        "`model` cannot be",
        "`point` cannot be",
        "`workers` cannot be `x`",
    ):
        assert problem in said.err
    absent = types("run", "types", "--source", "nowhere.csv", code=2)
    assert absent.sentence.startswith("the flow `types` cannot run: `source` cannot be `nowhere.csv`")


CLASSIC = """
    from flowkit import Flow, Parameter, task

    @task
    def show(**values):
        for name, value in values.items():
            print(f"{name}={value!r}")

    with Flow("classic") as flow:
        show(
            a=Parameter("a"),
            b=Parameter("b", default=2),
            c=Parameter("c", required=False),
            d=Parameter("with space", default=1.5),
            select=Parameter("select", default="x"),
            help=Parameter("help", default="y"),
        )
"""


def test_classic_parameters_are_typed_by_their_defaults(shell: Shell) -> None:
    shell.write("flows/classic.py", CLASSIC)
    warned = shell("register").err
    for name in ("select", "help"):
        assert f"give it by `-p {name}=VALUE`\n" in warned
    said = shell(
        "run",
        "classic",
        "--a",
        '{"n": 1}',
        "--b",
        "3",
        "-p",
        "with space=2",
        "-p",
        "select=z",
        "-p",
        "help=h",
    )
    assert values(said.printed) == {
        "a": "{'n': 1}",
        "b": "3",
        "c": "None",
        "d": "2.0",
        "select": "'z'",
        "help": "'h'",
    }
    missing = shell("run", "classic", "--b", "x", code=2)
    assert "`a` is required, and was not given" in missing.err
    assert "`b` cannot be `x`" in missing.err


def test_a_file_gives_parameters_and_options_win_over_pairs_and_those_over_the_file(shell: Shell) -> None:
    shell.write("flows/classic.py", CLASSIC)
    shell.write("given.toml", 'a = 5\nb = 6\nc = "file"\n')
    shell.write("given.json", json.dumps({"a": [1], "nope": 1}))
    said = shell("run", "classic", "--params", "given.toml", "-p", "a=pair", "-p", "b=7", "--b", "8")
    assert values(said.printed)["a"] == "'pair'"
    assert values(said.printed)["b"] == "8"
    assert values(said.printed)["c"] == "'file'"
    unknown = shell("run", "classic", "--params", "given.json", code=2)
    assert unknown.sentence == "the flow `classic` cannot run: `nope` is not a parameter"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.toml", None, "the parameters file `none.toml` cannot be read: No such file or directory"),
        ("cut.json", "{", "the parameters file `cut.json` is not JSON: "),
        ("deep.json", "[" * 100_000, "the parameters file `deep.json` is not JSON: "),
    ],
)
def test_a_parameters_file_that_cannot_be_used_is_named(
    shell: Shell, name: str, content: str | None, says: str
) -> None:
    shell.write("flows/classic.py", CLASSIC)
    if content is not None:
        shell.write(name, content)
    assert shell("run", "classic", "--params", name, code=2).sentence.startswith(says)


def test_a_parameters_file_of_very_many_names_is_answered_in_a_few_lines(shell: Shell) -> None:
    shell.write("flows/classic.py", CLASSIC)
    shell.write("many.json", json.dumps(dict.fromkeys(map(str, range(2_000)), 1)))
    assert len(shell("run", "classic", "--params", "many.json", code=2).err) < 5_000


def test_a_flag_and_a_parameter_of_the_same_option_are_warned_of(shell: Shell) -> None:
    body = CLASSIC.replace(
        "help=Parameter", 'x=Parameter("x", default=True), y=Parameter("no_x", default=1), h=Parameter'
    )
    shell.write("flows/classic.py", body)
    assert "`no_x`" in shell("register").err


CONTEXT = """
    from flowkit import context, flow, task

    @task
    def look(broken):
        print(repr(context.get("colour")), repr(context.get("taste")), context.today)
        if broken:
            raise ValueError("no")

    @flow
    def looking(broken: bool = False):
        look(broken)
"""


def test_keys_of_the_context_are_json_or_text(shell: Shell) -> None:
    shell.write("flows/looking.py", CONTEXT)
    said = shell(
        "run",
        "looking",
        "--context",
        "colour=[1, 2]",
        "--context",
        "taste=a=b",
        "--context",
        "date=2020-01-02",
    )
    assert said.printed == ["[1, 2] 'a=b' 2020-01-02"]


def test_the_context_is_as_it_was_when_the_run_goes_on_or_a_task_is_replayed(shell: Shell) -> None:
    shell.write("flows/looking.py", CONTEXT)
    shell("run", "looking", "--broken", "--context", "colour=red", "--context", "date=2020-01-02", code=1)
    assert shell("resume", "-p", "broken=false").printed == ["'red' None 2020-01-02"]
    assert "'red' None 2020-01-02" in shell("replay", "1", "look").out


def test_a_key_without_a_value_is_refused(shell: Shell) -> None:
    shell.write("flows/looking.py", CONTEXT)
    assert (
        "`--context colour` is not of the form `--context KEY=VALUE`"
        in shell("run", "looking", "--context", "colour", code=2).err
    )
    said = shell("run", "looking", "--context", 'secrets={"TOKEN": "hunter2hunter2"}', code=2).err
    assert "`--context` takes no secrets, as others can read a command line" in said
    assert "FLOWKIT_SECRET_NAME" in said
    assert "hunter2" not in said


def test_keys_that_the_file_puts_into_the_context_are_there_too(shell: Shell) -> None:
    shell.write("flows/looking.py", CONTEXT + '    context["taste"] = context["colour"] = "of the file"\n')
    assert shell("run", "looking", "--context", "colour=red", "--context", "date=2020-01-02").printed == [
        "'red' 'of the file' 2020-01-02"
    ]
