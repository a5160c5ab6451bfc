"""Tasks that give a secret, and what of it may be seen or kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, Parameter, context, task
from flowkit.engine import secret as home
from flowkit.engine.mask import COVER, MASK
from flowkit.errors import DefinitionError
from flowkit.plan.state import Skipped, Success
from flowkit.results import LocalResult
from flowkit.runs.runners import TaskRunner
from flowkit.tasks.secrets import EnvVarSecret, PrefectSecret, SecretBase

WORD = "hunter2hunter2"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    monkeypatch.delenv("FLOWKIT_HOME", raising=False)
    known = {name: getattr(MASK, name) for name in ("_values", "_numbers", "_known")}
    for name in ("_values", "_numbers"):
        monkeypatch.setattr(MASK, name, set(known[name]))
    monkeypatch.setattr(MASK, "_known", None)
    monkeypatch.setattr(home, "SECRETS", home._Secrets())
    return tmp_path


def kept(project: Path) -> bytes:
    """All that lies in the state folder."""
    return b"".join(path.read_bytes() for path in (project / ".flowkit").rglob("*") if path.is_file())


@task
def tell(word: Any) -> Any:
    print("it is", word)
    return {"header": f"Bearer {word}"}


def test_what_it_gives_and_what_is_made_of_it_is_kept_nowhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", WORD)
    with Flow("f") as flow:
        made = tell(PrefectSecret("TOKEN"))
    assert flow.run(history=True).result[made].result == {"header": f"Bearer {WORD}"}
    assert b"it is" in kept(project)
    assert WORD.encode() not in kept(project)


@pytest.mark.parametrize("options", [{"persist": True}, {"checkpoint": True}, {}])
def test_no_option_has_it_written(options: dict[str, Any], project: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TOKEN", WORD)
    place = LocalResult(project / "place")
    with Flow("f", result=place) as flow:
        made = EnvVarSecret("TOKEN", **options)()
    assert flow.run(history=True).result[made].result == WORD
    assert WORD.encode() not in kept(project)
    assert not (project / "place").exists()


def test_a_secret_has_no_cache() -> None:
    from datetime import timedelta

    with pytest.raises(DefinitionError, match="persist"):
        PrefectSecret("TOKEN", cache_for=timedelta(hours=1))


def test_secrets_of_the_context_are_covered_before_anybody_asks_for_them(project: Path) -> None:
    @task
    def look() -> str:
        print("it is", context.secrets["TOKEN"])
        return f"it is {context.secrets['TOKEN']}"

    with Flow("f") as flow:
        made = look()
    with context(secrets={"TOKEN": WORD}):
        assert flow.run(history=True).result[made].result == f"it is {WORD}"
    flow.run(history=True, context={"secrets": {"TOKEN": f"{WORD}-2"}})
    flow.run(history=True, task_contexts={made: {"secrets": {"TOKEN": f"{WORD}-3"}}})
    context.secrets["TOKEN"] = f"{WORD}-4"
    flow.run(history=True)
    assert kept(project).count("it is •••".encode()) >= 4
    assert WORD.encode() not in kept(project)


def test_short_secrets_of_a_context_are_not_kept_with_the_run(project: Path) -> None:
    with Flow("f") as flow:
        tell(1)
    flow.run(history=True, context={"secrets": {"PIN": "x7"}, "colour": "red"})
    assert b'"colour": "red"' in kept(project)
    assert b"x7" not in kept(project)


def test_a_secret_of_ones_own_is_covered_too(project: Path) -> None:
    class Vault(SecretBase):
        def run(self) -> Any:
            return {"password": WORD}

    with Flow("f") as flow:
        made = tell(Vault())
    assert flow.run(history=True).result[made].result["header"].startswith("Bearer {'password'")
    assert WORD.encode() not in kept(project)
    assert MASK.text(WORD) == COVER


def test_an_error_of_a_cast_does_not_tell_the_text(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", WORD)
    with Flow("f") as flow:
        EnvVarSecret("PORT", cast=int)()
    assert flow.run(history=True).is_failed()
    assert b"invalid literal" in kept(project)
    assert WORD.encode() not in kept(project)


def test_a_value_that_is_given_for_it_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "new")
    with Flow("f") as flow:
        secret = EnvVarSecret("TOKEN")()
        made = tell(secret)
    state = flow.run(history=False, task_states={secret: Success(result="old")})
    assert state.result[made].result == {"header": "Bearer new"}
    again = flow.run(history=False, task_states={secret: Skipped("not today")})
    assert again.result[secret].result == "new"


def test_a_task_that_is_run_alone_has_what_it_is_given_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    with Flow("f") as flow:
        made = tell(EnvVarSecret("TOKEN")())
    (edge,) = flow.edges_to(made)
    state = TaskRunner(made).run(upstream_states={edge: Success(result="given")})
    assert state.result == {"header": "Bearer given"}


def test_a_name_may_come_from_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "by its name")
    with Flow("f") as flow:
        made = EnvVarSecret()(name=Parameter("which"))
    assert flow.run(history=False, which="TOKEN").result[made].result == "by its name"
