"""Which parameters are secret, and how their values come in and are spoken of."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.function import flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import holds_secret, secret, variable_of
from flowkit.flow.values import checked


class Login(BaseModel):
    user: str
    password: SecretStr


class Own(SecretStr):
    """A class of the user's."""


@dataclass
class Account:
    name: str
    login: Annotated[str, secret]
    parent: Account | None = None


@pytest.mark.parametrize(
    "annotation",
    [
        SecretStr,
        SecretBytes,
        Own,
        Annotated[str, secret],
        Annotated[int, "the PIN", secret],
        SecretStr | None,
        Optional[Annotated[str, secret]],  # noqa: UP045
        list[SecretStr],
        dict[str, list[SecretBytes]],
        Login,
        Account,
    ],
)
def test_a_type_that_hides_something_makes_a_parameter_secret(annotation: Any) -> None:
    assert holds_secret(annotation)
    assert Parameter("p", annotation=annotation).secret


@pytest.mark.parametrize(
    "annotation",
    [None, Any, str, int | None, Annotated[str, "secret"], Literal["secret"], list[str], "SecretStr"],
)
def test_other_types_do_not(annotation: Any) -> None:
    assert not Parameter("p", annotation=annotation).secret


def test_a_parameter_can_be_said_to_be_secret_and_its_copy_is_too() -> None:
    token = Parameter("token", secret=True)
    assert token.secret and token.copy("other").secret and pickle.loads(pickle.dumps(token)).secret
    assert pickle.loads(pickle.dumps(secret)) is secret


def test_the_parameters_of_a_function_are_secret_by_their_annotations() -> None:
    @flow
    def load(days: int, token: SecretStr, key: Annotated[str, secret] = "k") -> None: ...

    assert [each.secret for each in load.parameters()] == [False, True, True]


def test_pydantic_is_not_imported_to_find_out() -> None:
    code = (
        "import sys; from typing import Annotated; from flowkit import Parameter, secret\n"
        "assert Parameter('p', annotation=Annotated[str, secret]).secret\n"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def flow_of(*parameters: Parameter) -> Flow:
    made = Flow("f")
    for each in parameters:
        made.add_task(each)
    return made


@pytest.mark.parametrize(
    ("name", "variable"),
    [("token", "FLOWKIT_SECRET_TOKEN"), ("api-token v2", "FLOWKIT_SECRET_API_TOKEN_V2")],
)
def test_each_has_a_variable(name: str, variable: str) -> None:
    assert variable_of(name) == variable


def test_a_value_that_is_given_wins_over_the_environment_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = flow_of(Parameter("token", "built in", secret=True))
    assert checked(made, {}) == {"token": "built in"}
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", "")
    assert checked(made, {}, {}) == {"token": "built in"}, "empty is not set"
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", "from outside")
    assert checked(made, {}) == {"token": "from outside"}
    assert checked(made, {"token": "given"}) == {"token": "given"}


def test_the_variable_of_a_parameter_that_is_not_secret_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_DAYS", "5")
    assert checked(flow_of(Parameter("days", 1)), {}) == {"days": 1}


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (None, "0123", "0123"),
        (None, "123", "123"),
        (SecretStr, "123", SecretStr("123")),
        (SecretBytes, "abc", SecretBytes(b"abc")),
        (Annotated[int, secret], "123", 123),
        (Login, '{"user": "me", "password": "x"}', Login(user="me", password=SecretStr("x"))),
    ],
)
def test_the_text_of_a_variable_is_read_as_its_type(
    annotation: Any, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_P", text)
    assert checked(flow_of(Parameter("p", annotation=annotation, secret=True)), {}) == {"p": value}


def test_what_was_typed_is_refused_and_not_repeated() -> None:
    made = flow_of(Parameter("token", secret=True), Parameter("days", annotation=int))
    with pytest.raises(UsageError) as raised:
        checked(made, {}, {"token": ["hunter2"], "days": ["x"]}, ask=lambda _: pytest.fail("asked in vain"))
    assert "hunter2" not in str(raised.value)
    assert raised.value.message.splitlines() == [
        "the flow `f` cannot run, for 2 reasons:",
        "  `token` is secret, and cannot be given on the command line; set `FLOWKIT_SECRET_TOKEN`",
        "  `days` cannot be `x`: input should be a valid integer, unable to parse string as an integer",
    ]


@pytest.mark.parametrize("by", ["given", "environment", "answer", "default"])
def test_a_wrong_value_is_not_shown(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = flow_of(Parameter("pin", annotation=Annotated[int, secret]))
    if by == "default":
        made = flow_of(Parameter("pin", "hunter2", annotation=Annotated[int, secret]))
    if by == "environment":
        monkeypatch.setenv("FLOWKIT_SECRET_PIN", "hunter2")
    with pytest.raises(UsageError) as raised:
        checked(made, {"pin": "hunter2"} if by == "given" else {}, {}, ask=lambda _: "hunter2")
    assert raised.value.message == (
        "the flow `f` cannot run: `pin` is secret, and its value is not of its type `int`"
    )


def test_what_is_missing_is_asked_for_unless_it_need_not_be_there() -> None:
    made = flow_of(
        Parameter("a", secret=True),
        Parameter("b", "default", secret=True),
        Parameter("c", required=False, secret=True),
        Parameter("d", annotation=SecretStr),
    )
    asked: list[str] = []

    def ask(parameter: Parameter) -> str:
        asked.append(parameter.name)
        return "typed"

    assert checked(made, {}, ask=ask) == {"a": "typed", "b": "default", "c": None, "d": SecretStr("typed")}
    assert asked == ["a", "d"]
    assert checked(made, {}, needed=()) == {"a": None, "b": "default", "c": None, "d": None}


def test_without_an_answer_it_is_said_where_the_value_could_come_from() -> None:
    for ask in (None, lambda _: None):
        with pytest.raises(UsageError) as raised:
            checked(flow_of(Parameter("token", secret=True)), {}, ask=ask)
        assert raised.value.message == (
            "the flow `f` cannot run: `token` is required, and was not given; set `FLOWKIT_SECRET_TOKEN`"
        )
        assert raised.value.hints[-1].startswith("a secret comes from its variable")
