"""The settings of Prefect classic: its file, its variables, and what scripts have of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flowkit.errors import UsageError
from flowkit.flow import manners
from flowkit.project import classic_settings

Settings = Mapping[str, str]


@pytest.fixture
def _classic() -> Iterator[None]:
    manners.classic = True
    yield
    manners.classic = False


@pytest.fixture
def user(tmp_path: Path) -> Any:
    """The environment of a user with this file."""

    def write(toml: str, **environ: str) -> Settings:
        (tmp_path / "config.toml").write_text(toml)
        return {"PREFECT__USER_CONFIG_PATH": str(tmp_path / "config.toml"), **environ}

    return write


def test_scripts_of_flowkit_have_neither_the_file_nor_its_variables(user: Any) -> None:
    environ = user("[a]\nb = 1\n[context.secrets]\nTOKEN = 't'\n", PREFECT__A__C="2", FLOWKIT__A__D="3")
    found = classic_settings.values(environ)
    assert {key: value for key, value in found.items() if key.startswith("a.")} == {"a.d": 3}
    assert classic_settings.secrets(environ) == {}
    assert classic_settings.context(environ) == {}


@pytest.mark.usefixtures("_classic")
def test_a_secret_may_be_a_table_and_be_made_of_the_environment(user: Any) -> None:
    toml = """
        [context.secrets]
        AWS = {KEY = "k", SECRET = "s"}
        TOKEN = "$MY_TOKEN"
        LEVEL = "${logging.level}"
        [logging]
        level = "DEBUG"
        """
    assert classic_settings.secrets(user(toml, MY_TOKEN="t")) == {
        "AWS": {"KEY": "k", "SECRET": "s"},
        "TOKEN": "t",
        "LEVEL": "DEBUG",
    }


@pytest.mark.usefixtures("_classic")
def test_no_secret_is_a_setting(user: Any) -> None:
    environ = user("[context.secrets]\nTOKEN = 't'\n", PREFECT__CONTEXT__SECRETS__OTHER="o")
    assert not [key for key in classic_settings.values(environ) if "context" in key]
    assert classic_settings.context(environ) == {}


@pytest.mark.usefixtures("_classic")
def test_the_context_is_a_section(user: Any) -> None:
    environ = user("[context]\ncolour = 'red'\n[context.deep]\nsize = 5\n", PREFECT__CONTEXT__N="1")
    assert classic_settings.context(environ) == {"colour": "red", "deep": {"size": 5}, "n": 1}


@pytest.mark.usefixtures("_classic")
@pytest.mark.parametrize("toml", ["[a]\nx = '${a.x}${a.x}!'", "[a]\nx = '${a.y}${a.y}'\ny = '${a.x}${a.x}'"])
def test_a_value_that_is_made_of_itself_is_refused_and_fills_no_memory(toml: str, user: Any) -> None:
    with pytest.raises(UsageError, match="made of itself"):
        classic_settings.values(user(toml.replace("${a.x}${a.x}", "${a.x}" * 8)))


@pytest.mark.usefixtures("_classic")
@pytest.mark.parametrize("toml", ["context = 5", "[context]\nsecrets = 5", "", "[context.secrets]"])
def test_odd_files_have_no_secrets(toml: str, user: Any) -> None:
    assert classic_settings.secrets(user(toml)) == {}


@pytest.mark.usefixtures("_classic")
def test_a_file_that_is_no_toml_is_named(user: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"the settings of Prefect in `{tmp_path}/config.toml`"):
        classic_settings.values(user("= 5"))


@pytest.mark.usefixtures("_classic")
def test_a_name_that_dictionaries_have_is_refused(user: Any) -> None:
    with pytest.raises(UsageError, match="cannot be called `items`"):
        classic_settings.values(user("", PREFECT__A__ITEMS="1"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("5", 5), ("[1]", [1]), ("a b", "a b"), ("(" * 999, "(" * 999)],
)
def test_texts_are_cast(text: str, value: Any) -> None:
    assert classic_settings.cast(text) == value


# -- as scripts have them ------------------------------------------------------------------------


def printed(script: str, environ: Settings, tmp_path: Path) -> str:
    """What a script of classic prints that is run in a process of its own."""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "-m", "flowkit.compat", "script.py"]
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=home | dict(environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tasks_have_their_defaults_though_nobody_asks_for_settings(user: Any, tmp_path: Path) -> None:
    script = """
from prefect import task

@task
def fetch(): ...

print(fetch.max_retries, fetch.retry_delay)
"""
    environ = user("[tasks.defaults]\nmax_retries = 3\n", PREFECT__TASKS__DEFAULTS__RETRY_DELAY="5")
    assert printed(script, environ, tmp_path) == "3 5\n"


def test_settings_that_were_asked_for_before_are_read_again(user: Any, tmp_path: Path) -> None:
    script = """
import flowkit

print(flowkit.config.logging.level, flowkit.config.debug)
flowkit.config.server.port = 1
import prefect

print(prefect.config.logging.level, prefect.config.debug, prefect.config.server.port)
"""
    environ = user("debug = true\n[logging]\nlevel = 'WARNING'\n")
    assert printed(script, environ, tmp_path) == "INFO False\nWARNING True 1\n"


def test_the_context_has_its_section_and_its_secrets(user: Any, tmp_path: Path) -> None:
    script = """
import prefect

print(prefect.context.colour, prefect.context.deep["size"], prefect.context.secrets["AWS"]["KEY"])
print(prefect.context.secrets)
"""
    toml = "[context]\ncolour = 'red'\n[context.deep]\nsize = 5\n[context.secrets]\nAWS = {KEY = 'kkkk'}\n"
    assert printed(script, user(toml), tmp_path) == "red 5 kkkk\n<secrets: AWS>\n"
