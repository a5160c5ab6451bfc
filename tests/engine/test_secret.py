"""`flowkit.Secret`, and that what it gives is covered."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_what_a_script_puts_there_is_covered_at_once(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = home._Secrets()
    monkeypatch.setattr(home, "SECRETS", secrets)
    flowkit.context.secrets["A"] = "hunter2"
    flowkit.context.secrets.update(B={"key": "hunter3"})
    with flowkit.context(secrets={"C": "hunter4"}):
        assert mask.text("hunter2 hunter3 hunter4") == f"{COVER} {COVER} {COVER}"
        assert Secret("C").get() == "hunter4"
    assert repr(flowkit.context.secrets) == "<secrets: A, B>"


def test_what_a_block_says_goes_before_the_environment(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT__CONTEXT__SECRETS__KEY", "classic")
    monkeypatch.setenv("FLOWKIT_SECRET_KEY", "ours")
    assert Secret("KEY").get() == "ours"
    with flowkit.context(secrets={"KEY": "of the block"}):
        assert Secret("KEY").get() == "of the block"


def test_the_environment_is_followed(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "SECRETS", home._Secrets())
    monkeypatch.setenv("FLOWKIT__CONTEXT__SECRETS__KEY", "one")
    assert flowkit.context.secrets == {"KEY": "one"}
    monkeypatch.setenv("FLOWKIT__CONTEXT__SECRETS__KEY", "two")
    assert flowkit.context.secrets == {"KEY": "two"}
    flowkit.context.secrets["KEY"] = "mine"
    assert flowkit.context.secrets == {"KEY": "mine"}
    monkeypatch.delenv("FLOWKIT__CONTEXT__SECRETS__KEY")
    assert flowkit.context.secrets == {"KEY": "mine"}
    del flowkit.context.secrets["KEY"]
    assert flowkit.context.secrets == {}


def test_threads_that_ask_at_once_all_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT__CONTEXT__SECRETS__SHARED", "hunter2")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: Secret("SHARED").get(), range(4000)))
    finally:
        sys.setswitchinterval(before)
    assert set(found) == {"hunter2"}


def test_secret_parameters_are_covered_as_values_and_as_the_text_they_came_from(
    mask: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_PIN", "00123")
    parameters = [Parameter("pin", secret=True), Parameter("key", annotation=SecretStr), Parameter("name")]
    cover(parameters, {"pin": 123, "key": SecretStr("hunter2"), "name": "alice"})
    assert mask.text("pin 123 or 00123, key hunter2, name alice") == (
        f"pin {COVER} or {COVER}, key {COVER}, name alice"
    )
