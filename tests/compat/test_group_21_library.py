"""Group 21 of classic's rules, the ready-made tasks that need nothing but this machine, as whole flows."""

from __future__ import annotations

import logging
import sqlite3
import zipfile
from pathlib import Path

import pytest


def test_a_shell_task_returns_the_last_line() -> None:
    """21.1: or all of them; standard error is among them; `env` is added, a helper goes first."""
    from prefect import Flow
    from prefect.tasks.shell import ShellTask

    with Flow("f") as flow:
        last = ShellTask(command="echo one; echo two")()
        all_ = ShellTask(return_all=True)(command="echo one; echo two >&2; echo three")
        env = ShellTask(helper_script="greet() { echo $1 $WHO; }")(command="greet hi", env={"WHO": "you"})
        silent = ShellTask()(command="true")
    state = flow.run()
    assert [state.result[t].result for t in (last, env, silent)] == ["two", "hi you", None]
    assert sorted(state.result[all_].result) == ["one", "three", "two"]


def test_a_shell_task_fails_with_its_output() -> None:
    """21.1: the exit code is in the message."""
    from prefect import Flow
    from prefect.tasks.shell import ShellTask

    with Flow("f") as flow:
        failed = ShellTask()(command="echo out; exit 3")
        all_ = ShellTask(return_all=True)(command="echo one; echo two; exit 1")
    state = flow.run()
    assert state.result[failed].message.startswith("Command failed with exit code 3")
    assert (state.result[failed].result, state.result[all_].result) == ("out", ["one", "two"])


def test_a_shell_task_may_log_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    """21.1: `stream_output` logs each line."""
    from prefect import Flow
    from prefect.tasks.shell import ShellTask

    caplog.set_level(logging.INFO)
    with Flow("f") as flow:
        ShellTask(stream_output=True)(command="echo hello")
    assert flow.run().is_successful()
    assert any("hello" in message for message in caplog.messages)


def test_files_are_copied_moved_found_and_removed(tmp_path: Path) -> None:
    """21.3: `Copy`, `Move`, `Glob` and `Remove`."""
    from prefect import Flow
    from prefect.tasks.files import Copy, Glob, Move, Remove

    (tmp_path / "a.txt").write_text("a")
    with Flow("f") as flow:
        copied = Copy()(tmp_path / "a.txt", tmp_path / "b.txt")
        moved = Move(target_path=tmp_path / "c.txt")(copied)
        found = Glob(pattern="*.txt")(tmp_path, upstream_tasks=[moved])
        Remove()(tmp_path / "a.txt", upstream_tasks=[found])
    state = flow.run()
    assert state.is_successful()
    assert state.result[moved].result == tmp_path / "c.txt"
    assert sorted(state.result[found].result) == [tmp_path / "a.txt", tmp_path / "c.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.txt"]


def test_files_are_packed_and_unpacked(tmp_path: Path) -> None:
    """21.3: `Zip` and `Unzip`."""
    from prefect import Flow
    from prefect.tasks.files import Unzip, Zip

    (tmp_path / "a.txt").write_text("a")
    with Flow("f") as flow:
        packed = Zip()(tmp_path / "a.txt", tmp_path / "a.zip")
        Unzip()(tmp_path / "a.zip", tmp_path / "out", upstream_tasks=[packed])
    assert flow.run().is_successful()
    assert zipfile.ZipFile(tmp_path / "a.zip").testzip() is None
    assert [path.read_text() for path in (tmp_path / "out").rglob("a.txt")] == ["a"]


def test_a_database_of_sqlite_is_changed_and_asked(tmp_path: Path) -> None:
    """21.4: `SQLiteScript` runs several statements, `SQLiteQuery` returns the rows of one."""
    from prefect import Flow
    from prefect.tasks.database import SQLiteQuery, SQLiteScript

    db = str(tmp_path / "x.db")
    sqlite3.connect(db).close()
    with Flow("f") as flow:
        made = SQLiteScript(db)(script="create table t (n int); insert into t values (1), (2), (3);")
        rows = SQLiteQuery(db)(query="select n from t where n > ?", data=(1,), upstream_tasks=[made])
    state = flow.run()
    assert state.result[rows].result == [(2,), (3,)]


def test_text_is_made_of_what_the_run_knows() -> None:
    """21.5: `StringFormatter` and `JinjaTemplate` know the context and what they are given."""
    from prefect import Flow
    from prefect.tasks.templates import StringFormatter
    from prefect.tasks.templates.jinja2 import JinjaTemplate

    with Flow("nightly") as flow:
        plain = StringFormatter(template="{flow_name} of {who}")(who="me")
        jinja = JinjaTemplate(template="{{ flow_name }}{% for n in items_ %} {{ n }}{% endfor %}")(
            items_=[1, 2]
        )
    state = flow.run()
    assert (state.result[plain].result, state.result[jinja].result) == ("nightly of me", "nightly 1 2")
