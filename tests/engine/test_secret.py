"""`flowkit.Secret`, and that what it gives is covered."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

import flowkit
from flowkit.engine import secret as home
from flowkit.engine.mask import COVER, Mask
from flowkit.engine.secret import Secret, cover
from flowkit.errors import DefinitionError, UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter


@pytest.fixture
def mask(monkeypatch: pytest.MonkeyPatch) -> Mask:
    """A mask in place of the process's, which never forgets."""
    mask = Mask()
    monkeypatch.setattr(home, "MASK", mask)
    return mask


def test_its_value_comes_from_the_environment_ours_first(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    token = flowkit.Secret("Api_Token")
    assert not token.exists()
    monkeypatch.setenv("Api_Token", "not this")
    assert not token.exists()
    monkeypatch.setenv("FLOWKIT__CONTEXT__SECRETS__Api_Token", "classic")
    assert token.get() == "classic"
    monkeypatch.setenv("FLOWKIT_SECRET_API_TOKEN", "ours")
    assert token.get() == "ours"
    assert mask.text("classic ours") == f"{COVER} {COVER}"


def test_json_is_decoded_and_covered_as_text_and_in_parts(
    mask: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_DB", '{"user": "alice", "pin": 1e5}')
    assert Secret("DB").get() == {"user": "alice", "pin": 100000.0}
    assert mask.text('alice 100000.0 "{"user": "alice", "pin": 1e5}"') == f'{COVER} {COVER} "{COVER}"'


def test_one_that_is_not_set_names_its_variable(mask: Mask) -> None:
    with pytest.raises(UsageError, match="secret `TOKEN` is not set") as raised:
        Secret("TOKEN").get()
    assert raised.value.hints == ("set the environment variable `FLOWKIT_SECRET_TOKEN`",)


def test_a_graph_cannot_be_made_from_one(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", "hunter2")
    with pytest.raises(DefinitionError, match="while a flow is written"), Flow("f"):
        Secret("TOKEN").get()


def test_it_does_not_show_its_value(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", "hunter2")
    token = Secret("TOKEN")
    token.get()
    assert repr(token) == "<Secret: TOKEN>"


def test_secret_parameters_are_covered_as_values_and_as_the_text_they_came_from(
    mask: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_PIN", "00123")
    parameters = [Parameter("pin", secret=True), Parameter("key", annotation=SecretStr), Parameter("name")]
    cover(parameters, {"pin": 123, "key": SecretStr("hunter2"), "name": "alice"})
    assert mask.text("pin 123 or 00123, key hunter2, name alice") == (
        f"pin {COVER} or {COVER}, key {COVER}, name alice"
    )
