"""`flowkit graph`: every format, by its name or the file's ending, and what became of the tasks in a run."""

from __future__ import annotations

import json
import struct
from xml.etree import ElementTree

import pytest
from command_shell import Shell

SHOP = """
    from flowkit import Flow, Parameter, case, task

    @task(tags=["io"])
    def load(day):
        '''Reads the orders of a day.'''
        return [1, 2, 3]

    @task
    def clean(order):
        if order == 2:
            raise ValueError("negative price")
        return order

    @task
    def is_large(orders):
        return len(orders) > 2

    @task
    def send(orders):
        return "sent"

    @task
    def keep(orders):
        return "kept"

    @task
    def report(orders):
        return "written"

    with Flow("shop") as flow:
        day = Parameter("day", default="mon")
        orders = load(day)
        report(clean.map(orders))
        large = is_large(orders)
        with case(large, True):
            send(orders)
        with case(large, False):
            keep(orders)
"""

MADE = """
    from flowkit import flow, task

    @task
    def part(): return 1

    @flow(build=["width"])
    def made(width: int):
        return [part() for _ in range(width)]
"""

CAT = """
    from flowkit import flow, task

    @task(name="猫 é")
    def cat(): pass

    @flow
    def cats():
        cat()
"""


@pytest.fixture
def ran(shell: Shell) -> Shell:
    """A shell in whose project `shop` has run once, and failed."""
    shell.write("flows/shop.py", SHOP)
    shell("run", "shop", code=1)
    return shell


@pytest.mark.parametrize(
    ("ending", "begins"),
    [
        ("svg", b"<svg "),
        ("png", b"\x89PNG\r\n"),
        ("html", b"<!DOCTYPE html>"),
        ("HTML", b"<!DOCTYPE html>"),
        ("mmd", b"flowchart TD"),
        ("dot", b'digraph "shop"'),
        ("json", b"{\n"),
        ("txt", "╭".encode()),
    ],
)
def test_the_ending_of_the_file_chooses_the_format(shell: Shell, ending: str, begins: bytes) -> None:
    shell.write("flows/shop.py", SHOP)
    said = shell("graph", "shop", "-o", f"graph.{ending}")
    assert (said.out, said.err) == ("", f"wrote graph.{ending}\n")
    assert begins in (shell.folder / f"graph.{ending}").read_bytes()[:600]


def test_a_format_that_is_named_outranks_the_ending(shell: Shell) -> None:
    shell.write("flows/shop.py", SHOP)
    shell("graph", "shop", "--format", "svg", "-o", "graph.txt")
    assert (shell.folder / "graph.txt").read_text().startswith("<svg ")
    unknown = shell("graph", "shop", "-o", "graph.gif", code=2)
    assert unknown.sentence == "a graph cannot be drawn as `.gif`"


def test_a_png_is_not_printed(shell: Shell) -> None:
    shell.write("flows/shop.py", SHOP)
    said = shell("graph", "shop", "-f", "png", code=2)
    assert (said.out, said.sentence) == ("", "a PNG is no text to be printed")
    assert said.hints == ["name a file for it: `-o graph.png`"]


def test_the_direction_turns_pictures(shell: Shell) -> None:
    shell.write("flows/shop.py", SHOP)

    def shape(direction: str) -> tuple[int, int]:
        shell("graph", "shop", "-o", "graph.png", "--direction", direction)
        width, height = struct.unpack(">II", (shell.folder / "graph.png").read_bytes()[16:24])
        return width, height

    (down, deep), (right, high) = shape("down"), shape("right")
    assert right / high > 1.5 * (down / deep)


def test_a_run_is_shown_with_states_times_and_its_critical_path(ran: Shell) -> None:
    document = json.loads(ran("graph", "shop", "--run", "latest", "-f", "json").out)
    assert document["run"].startswith("run 1 · ")
    assert "✗ failed" in document["run"]
    nodes = {node["key"]: node for node in document["nodes"]}
    assert nodes["day"]["value"] == "'mon'"
    words = {key: node["state"]["word"] for key, node in nodes.items() if "state" in node}
    assert words == {
        "load": "ok",
        "clean": "failed",
        "report": "not run",
        "is_large": "ok",
        "send": "ok",
        "keep": "skipped",
    }
    assert (nodes["clean"]["state"]["children"], nodes["clean"]["state"]["done"]) == (3, 2)
    assert nodes["load"]["state"]["seconds"] >= 0
    assert document["critical_path"][0] == "load"
    critical = [key for key in words if nodes[key]["state"]["critical"]]
    assert sorted(critical) == sorted(document["critical_path"])


def test_every_format_shows_a_run(ran: Shell) -> None:
    text = ran("graph", "shop", "--run", "1", env={"COLUMNS": "200"}).out
    assert "✗ failed · 2 of 3 ok" in text
    assert "critical path: what the end of the run waited for" in text
    assert "✗ failed · 2 of 3 ok" in ran("graph", "shop", "--run", "1", "-f", "mermaid").out
    assert "✗ failed · 2 of 3 ok" in ran("graph", "shop", "--run", "1", "-f", "dot").out
    picture = ElementTree.fromstring(ran("graph", "shop", "--run", "1", "-f", "svg").out)
    shown = [each.text for each in picture.iter() if each.tag.endswith("text")]
    assert {"○ skipped", "⊘ not run", "= 'mon'"} <= set(shown)
    assert any(str(text).startswith("✗ failed · 2 of 3 ok · ") for text in shown)
    page = ran("graph", "shop", "--run", "1", "-f", "html").out
    assert "✗ failed · 2 of 3 ok" in page


def test_in_a_terminal_states_have_the_colours_of_a_run(ran: Shell) -> None:
    said = ran("graph", "shop", "--run", "1", env={"FORCE_COLOR": "1", "NO_COLOR": "", "COLUMNS": "200"}).out
    assert "\x1b[31m✗ failed\x1b[0m" in said
    assert "\x1b[32m✓ ok\x1b[0m" in said
    assert "\x1b" not in ran("graph", "shop", "--run", "1").out


def test_the_page_has_code_docstrings_tags_and_the_last_time(ran: Shell) -> None:
    page = ran("graph", "shop", "-f", "html").out
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    nodes = {node["label"]: node for node in data["nodes"]}
    assert nodes["load"]["doc"] == "Reads the orders of a day."
    assert nodes["load"]["place"] == "flows/shop.py:4"
    assert nodes["load"]["tags"] == ["io"]
    assert nodes["load"]["last"].endswith(" in run 1")
    assert data["codes"][nodes["load"]["code"]].splitlines()[:2] == ['@task(tags=["io"])', "def load(day):"]
    assert not {"code", "last"} & nodes["day"].keys()


def test_a_run_of_another_flow_is_refused(ran: Shell) -> None:
    ran.write("flows/made.py", MADE)
    said = ran("graph", "made", "-p", "width=1", "--run", "1", code=2)
    assert said.sentence.endswith("is one of the flow `shop`, not of `made`")
    assert said.hints == ["`flowkit graph shop --run 1` draws it"]
    assert ran("graph", "shop", "--run", "7", code=2).sentence == "there is no run `7`"


def test_tasks_that_are_gone_from_the_flow_are_named(ran: Shell) -> None:
    ran.write("flows/shop.py", SHOP.replace("report(clean.map(orders))", "clean.map(orders)"))
    said = ran("graph", "shop", "--run", "1", "-f", "json")
    assert said.err == "note: 1 task of run 1 is no longer in the flow: report\n"
    assert "report" not in [node["key"] for node in json.loads(said.out)["nodes"]]


def test_where_the_flow_is_gone_its_run_is_drawn_from_the_history(ran: Shell) -> None:
    whole = json.loads(ran("graph", "shop", "--run", "1", "-f", "json").out)
    (ran.folder / "flows/shop.py").unlink()
    said = ran("graph", "shop", "--run", "1", "-f", "json")
    assert said.err.endswith("the graph is that of the history\n")
    drawn = json.loads(said.out)

    def shape(document: dict[str, list[dict[str, object]]]) -> tuple[object, object]:
        edges = {(edge["source"], edge["target"], edge["label"]) for edge in document["edges"]}
        return sorted(edges), {str(node["key"]): node for node in document["nodes"]}

    assert shape(drawn) == shape(whole)
    ran.write("flows/shop.py", "1 / 0")
    assert "the graph is that of the history" in ran("graph", "flows/shop.py", "--run", "1").err
    assert ran("graph", "flows/shop.py", code=3).out == ""


def test_a_graph_that_is_made_from_parameters_is_made_from_those_of_the_run(shell: Shell) -> None:
    shell.write("flows/made.py", MADE)
    shell("run", "made", "--width", "3")
    document = json.loads(shell("graph", "made", "--run", "1", "-f", "json").out)
    states = [node["state"]["word"] for node in document["nodes"] if node["key"].startswith("part")]
    assert states == ["ok"] * 3


def test_names_come_through_every_format_as_text(shell: Shell) -> None:
    name = "<script>alert(1)</script> \\x1b[31m \\u202e \\\" & '"
    shell.write(
        "flows/odd.py",
        f"""
        from flowkit import Flow, task

        @task(name="{name}")
        def odd(): return 1

        with Flow("odd") as flow:
            odd()
        """,
    )
    for format in ("text", "svg", "html", "mermaid", "dot", "json"):
        said = shell("graph", "odd", "-f", format).out
        assert not {"\x1b", "\u202e"} & set(said)
        assert ("<script>alert" in said) is (format in ("text", "dot", "json"))
    shell("graph", "odd", "-o", "odd.png")


def test_a_box_is_as_wide_as_the_escapes_that_an_encoding_makes_of_its_label(shell: Shell) -> None:
    shell.write("flows/cat.py", CAT)
    ascii_only = shell("graph", "cat.py", cwd="flows", env={"PYTHONIOENCODING": "ascii"}).out
    lines = [line.rstrip() for line in ascii_only.splitlines() if line.startswith((".", "|", "'"))]
    assert r"\u732b \xe9" in ascii_only
    assert len(set(map(len, lines))) == 1 and lines
    assert "猫 é" in shell("graph", "cat.py", cwd="flows", env={"PYTHONIOENCODING": "utf-8"}).out
