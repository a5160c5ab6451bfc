"""Texts from templates, the context and arguments."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest

from flowkit import Flow, Parameter, task
from flowkit.errors import CallError, UsageError
from flowkit.plan.state import Failed
from flowkit.tasks.templates import JinjaTemplate, StringFormatter

BOTH = pytest.mark.parametrize(
    ("kind", "template"),
    [(StringFormatter, "{name} in {flow_name}"), (JinjaTemplate, "{{ name }} in {{ flow_name }}")],
)


@BOTH
def test_names_are_arguments_and_those_of_the_context(ended: Any, kind: Any, template: str) -> None:
    assert ended(kind(template), name="ü { %s").result == "ü { %s in alone"
    assert ended(kind(), template=template, name=1, flow_name="mine").result == "1 in mine"


@BOTH
def test_arguments_are_results_of_tasks(kind: Any, template: str) -> None:
    @task
    def give(value: Any) -> Any:
        return value

    with Flow("results") as flow:
        name = Parameter("name")
        made = kind(template)(name=name)
        late = kind()(template=give(template), name=give("x"))
        mapped = kind(template).map(name=give(["a", "b"]))
    result = flow.run({"name": "y"}, history=False).result
    assert result[made].result == "y in results"
    assert result[late].result == "x in results"
    assert result[mapped].result == ["a in results", "b in results"]


def test_dates_and_parameters_of_the_context(ended: Any) -> None:
    year = str(datetime.now(UTC).year)
    assert ended(StringFormatter("{date:%Y} {task_run_count} {parameters}")).result == f"{year} 1 {{}}"
    assert ended(JinjaTemplate("{{ today[:4] }}{% if map_index is none %}!{% endif %}")).result == f"{year}!"


def test_a_name_that_is_not_there(ended: Any) -> None:
    state = ended(StringFormatter("{nobody}", name="greet"))
    assert type(state) is Failed and isinstance(state.result, UsageError)
    assert state.result.message == "the template of the task `greet` uses a name that is not there: 'nobody'"
    assert "flow_name" in str(state.result)
    assert isinstance(ended(StringFormatter("{}")).result, UsageError)
    assert ended(JinjaTemplate("<{{ nobody }}>")).result == "<>"


@BOTH
def test_without_a_template(ended: Any, kind: Any, template: str) -> None:
    state = ended(kind())
    assert isinstance(state.result, CallError) and "needs a `template`" in str(state.result)


@BOTH
def test_outside_of_a_run_there_is_no_context(kind: Any, template: str) -> None:
    assert kind().run(template, name="a", flow_name="b") == "a in b"


def test_a_template_of_jinja_s_own_and_one_that_is_wrong(ended: Any) -> None:
    own = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("{{ x }}")
    assert JinjaTemplate(own).run(x=1) == "1"
    assert isinstance(ended(JinjaTemplate("{% if %}")).result, jinja2.TemplateSyntaxError)


def test_what_to_install_is_said_where_jinja_is_not() -> None:
    code = """
import sys
sys.modules["jinja2"] = None
from flowkit.tasks.templates import JinjaTemplate, StringFormatter
assert StringFormatter("a").run() == "a"
try:
    JinjaTemplate("a").run()
except Exception as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == (
        "the task `JinjaTemplate` needs Jinja, which is not installed\n"
        "hint: run `pip install 'flowkit-runner[templates]'`\n"
    )
