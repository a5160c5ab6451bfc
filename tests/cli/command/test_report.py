"""`flowkit report`: one file about a run, from the history alone."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from command_shell import Shell

FLOW = """
    from flowkit import flow, task, Parameter

    @task(cache=True)
    def load(n: int):
        print(f"loading {n} numbers")
        return list(range(n))

    @task(max_retries=1, retry_delay=0.01)
    def invert(number):
        return 1 / number

    @task
    def total(numbers):
        return sum(numbers)

    @flow
    def sums(n: int = 3):
        return total(invert.map(load(n)))
"""


def data_of(page: str) -> Any:
    """What the scripts of a page are given."""
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


@pytest.fixture
def sums(shell: Shell) -> Shell:
    """A shell in a project with a run that failed."""
    shell.write("flows/sums.py", FLOW)
    shell("run", "sums", "-q", code=1)
    return shell


def test_the_page_is_written_to_a_file_that_is_called_like_the_run(sums: Shell) -> None:
    said = sums("report")
    [file] = sums.folder.glob("report-1-*.html")
    assert said.out == ""
    assert said.err.startswith(f"wrote {file.name} (")
    name = json.loads(sums("runs", "--json").out)[0]["name"]
    assert file.name == f"report-1-{name}.html"
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")


def test_a_dash_stands_for_standard_output_and_a_name_for_a_file(sums: Shell) -> None:
    said = sums("report", "failed", "-o", "-")
    assert said.out.startswith("<!doctype html>")
    assert said.err == ""
    sums("report", "1", "-o", "page.html")
    assert (sums.folder / "page.html").stat().st_size > 10_000
    assert "cannot be written" in sums("report", "-o", "no/such/page.html", code=2).sentence


def test_the_page_is_utf8_also_where_the_terminal_is_not(sums: Shell) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert "✗" in sums("report", "-o", "-", env=plain).out


def test_a_reader_that_goes_away_is_no_error(sums: Shell) -> None:
    said = sums.line("flowkit report -o - | head -c 15", code=1)
    assert said.out == "<!doctype html>"
    assert said.err == ""


def test_a_run_that_there_is_not_is_named(sums: Shell) -> None:
    assert sums("report", "99", code=2).sentence == "there is no run `99`"


def test_the_page_needs_nothing_but_itself(sums: Shell) -> None:
    page = sums("report", "-o", "-").out
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, which nobody asks for
    assert not re.findall(r"<(?:script|img|iframe|link)[^>]* (?:src|href)=\"(?!data:|#)", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "unsafe" not in page
    assert " style=" not in page


def test_the_page_tells_what_failed_without_loading_the_flow(sums: Shell) -> None:
    sums.write("flows/sums.py", "raise SystemExit('user code was loaded')")
    page = html.unescape(sums("report", "-o", "-").out)
    assert "ZeroDivisionError: division by zero" in page
    assert "return 1 / number" in page  # as the traceback has it
    assert "flowkit replay 1 'invert[0]' --pdb" in page
    assert "user code" not in page


def test_the_page_tells_tasks_spans_and_logs(sums: Shell) -> None:
    data = data_of(sums("report", "-o", "-").out)
    tasks = data["tasks"]
    names = [data["names"][name] for name in tasks["name"]]
    states = [data["states"][state][0] for state in tasks["state"]]
    assert list(zip(names, tasks["child"], states, strict=True)) == [
        ("load", -1, "ok"),
        ("invert", -1, "failed"),
        ("invert", 0, "failed"),
        ("invert", 1, "ok"),
        ("invert", 2, "ok"),
        ("total", -1, "not run"),
    ]
    assert tasks["attempts"] == [1, 4, 2, 1, 1, 0]
    assert sum(not wait for wait in data["spans"]["wait"]) == 5
    assert [log["text"] for log in data["logs"]] == [["loading 3 numbers"]]


def test_a_secret_is_not_in_the_page(shell: Shell) -> None:
    shell.write(
        "flows/hidden.py",
        """
        from flowkit import Flow, Parameter, task

        @task
        def use(token):
            print(f"using {token}")
            raise ValueError(f"{token} is no good")

        with Flow("hidden") as flow:
            use(Parameter("token", secret=True))
        """,
    )
    shell(
        "run",
        "hidden",
        "-q",
        code=1,
        env={"FLOWKIT_SECRET_TOKEN": "hunter2-hunter2", "TOKEN": "hunter2-hunter2"},
    )
    page = shell("report", "-o", "-").out
    assert "•••" in page
    assert "hunter2" not in page


def test_a_run_with_a_hundred_thousand_tasks_is_a_file_that_can_be_sent(shell: Shell) -> None:
    shell.write(
        "flows/wide.py",
        """
        from flowkit import flow, task

        @task
        def square(n):
            if n % 40_000 == 39_999:
                raise ValueError(n)
            return n * n

        @flow
        def wide():
            return square.map(list(range(100_000)))
        """,
    )
    shell("run", "wide", "-q", code=1)
    page = shell("report", "-o", "-").out
    assert len(page.encode()) < 2_000_000
    tasks = data_of(page)["tasks"]
    assert {39_999, 79_999} < set(tasks["child"])
    assert len(tasks["child"]) < 500
    assert sum(data_of(page)["spans"]["many"]) == 100_000
