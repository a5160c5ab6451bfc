"""Group 19 of classic's rules, configuration and secrets, as whole flows and as scripts."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json
import prefect

print(json.dumps({name: eval(f"prefect.{name}") for name in %r}))
"""


def asked(folder: Path, *names: str, toml: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A script that prints what `prefect` has under these names, with a user's configuration."""
    (folder / "script.py").write_text(SCRIPT % (names,))
    (folder / "config.toml").write_text(toml)
    ours = ["-m", "flowkit.compat"] if importlib.util.find_spec("flowkit") else []
    environment = os.environ | {"PREFECT__USER_CONFIG_PATH": str(folder / "config.toml")} | environment
    command = [sys.executable, *ours, "script.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def values(*arguments: Any, **options: str) -> dict[str, Any]:
    done = asked(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_environment_goes_before_the_users_file(tmp_path: Path) -> None:
    """19.1: and both before what comes with the package."""
    names = ("config.logging.level", "config.extra.a", "config.extra.b", "config.tasks.defaults.max_retries")
    toml = """
        [logging]
        level = "WARNING"
        [extra]
        a = "file"
        b = "file"
        """
    assert values(tmp_path, *names, toml=toml, PREFECT__EXTRA__B="environment") == {
        "config.logging.level": "WARNING",
        "config.extra.a": "file",
        "config.extra.b": "environment",
        "config.tasks.defaults.max_retries": 0,
    }


def test_the_environment_has_values_of_python(tmp_path: Path) -> None:
    """19.2: true and false, literals, else text; keys become lower case, new ones are welcome."""
    names = [f"config.extra.deep.{name}" for name in ("yes", "no", "number", "items_", "word")]
    given = {"YES": "true", "NO": "false", "NUMBER": "5", "ITEMS_": "[1, 'a']", "WORD": "some text"}
    found = values(tmp_path, *names, **{f"PREFECT__EXTRA__DEEP__{name}": given[name] for name in given})
    assert [found[name] for name in names] == [True, False, 5, [1, "a"], "some text"]


def test_the_name_of_a_secret_keeps_its_case(tmp_path: Path) -> None:
    """19.2: below `CONTEXT__SECRETS`."""
    found = values(tmp_path, "context.secrets", PREFECT__CONTEXT__SECRETS__My_Token="t")
    assert found == {"context.secrets": {"My_Token": "t"}}


def test_a_value_may_be_made_of_others(tmp_path: Path) -> None:
    """19.3: `${other.key}` keeps the type where it is all there is; `$NAME` is the environment's."""
    toml = """
        [extra]
        number = 5
        same = "${extra.number}"
        within = "n${extra.number}"
        home = "$PLACE_OF_A_TEST/x"
        """
    names = ("config.extra.same", "config.extra.within", "config.extra.home")
    found = values(tmp_path, *names, toml=toml, PLACE_OF_A_TEST="/there")
    assert list(found.values()) == [5, "n5", "/there/x"]


def test_a_key_that_is_a_method_of_dicts_is_refused(tmp_path: Path) -> None:
    """19.4: a ValueError when the configuration is loaded."""
    done = asked(tmp_path, "config.extra", toml="[extra]\nkeys = 1\n")
    assert done.returncode != 0
    assert "keys" in done.stderr


def test_the_sections_are_there() -> None:
    """19.5: with what tasks and flows take from them."""
    from prefect import config

    assert config.flows.eager_edge_validation is False
    assert config.flows.checkpointing in (True, False)
    assert config.flows.run_on_schedule in (True, False)
    assert config.tasks.defaults.max_retries == 0
    assert config.tasks.defaults.retry_delay is None
    assert config.tasks.defaults.timeout is None
    assert config.engine.executor.default_class.endswith("LocalExecutor")
    assert config.logging.level
    assert config.backend
    assert config.debug in (True, False)
    assert config.home_dir


def test_tasks_take_their_defaults_from_the_configuration() -> None:
    """19.5: `tasks.defaults` is for tasks that do not say."""
    from prefect import Flow, task
    from prefect.utilities.configuration import set_temporary_config

    tries: list[int] = []

    def fail():
        tries.append(1)
        raise ValueError("no")

    with set_temporary_config({"tasks.defaults.max_retries": 2, "tasks.defaults.retry_delay": 0}):
        retried = task(fail)
    once = task(fail)
    assert (retried.max_retries, once.max_retries) == (2, 0)
    with Flow("f") as flow:
        once()
    assert flow.run().is_failed()
    assert len(tries) == 1


def test_settings_can_be_changed_for_a_while() -> None:
    """19.6: `set_temporary_config`, by dotted names, also new ones."""
    from prefect import Flow, config, task
    from prefect.utilities.configuration import set_temporary_config

    @task
    def tell():
        return config.extra.a, config.tasks.defaults.max_retries

    with Flow("f") as flow:
        told = tell()
    with set_temporary_config({"extra.a": 5, "tasks.defaults.max_retries": 3}):
        assert flow.run().result[told].result == (5, 3)
    assert config.tasks.defaults.max_retries == 0
    assert "extra" not in config


def test_a_secret_is_read_where_a_task_runs() -> None:
    """19.7: from the context, as JSON where it is JSON; not while a flow is being built."""
    import prefect
    from prefect import Flow, task
    from prefect.client import Secret

    @task
    def tell(name):
        return Secret(name).get()

    with Flow("f") as flow:
        word, table, none = tell("WORD"), tell("TABLE"), tell("NO_SUCH")
        with pytest.raises(ValueError):
            Secret("WORD").get()
    with prefect.context(secrets={"WORD": "w", "TABLE": '{"k": 1}'}):
        state = flow.run()
    assert (state.result[word].result, state.result[table].result) == ("w", {"k": 1})
    assert isinstance(state.result[none].result, ValueError)


def test_secrets_are_tasks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """19.7: named after the secret; from the context or the environment, cast, or missing."""
    import prefect
    from prefect import Flow
    from prefect.tasks.secrets import EnvVarSecret, PrefectSecret

    monkeypatch.setenv("NUMBER_OF_A_TEST", "5")
    with Flow("f") as flow:
        local, number = PrefectSecret("TOKEN")(), EnvVarSecret("NUMBER_OF_A_TEST", cast=int)()
        none = EnvVarSecret("NO_SUCH")()
        needed = EnvVarSecret("NO_SUCH", raise_if_missing=True)()
    with prefect.context(secrets={"TOKEN": "t"}):
        state = flow.run()
    assert local.name == "TOKEN"
    assert [state.result[t].result for t in (local, number, none)] == ["t", 5, None]
    assert isinstance(state.result[needed].result, ValueError)


def test_a_secret_is_read_again_when_a_run_is_taken_up() -> None:
    """19.7: whatever state it is given."""
    import prefect
    from prefect import Flow
    from prefect.engine.state import Success
    from prefect.tasks.secrets import PrefectSecret

    with Flow("f") as flow:
        local = PrefectSecret("TOKEN")()
    with prefect.context(secrets={"TOKEN": "new"}):
        assert flow.run(task_states={local: Success(result="old")}).result[local].result == "new"
