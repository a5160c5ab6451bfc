"""What `ShellTask` runs, gives and says; how it is stopped has a file of its own."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.signals import FAIL
from flowkit.errors import CallError, DefinitionError, UsageError
from flowkit.plan.state import Failed, State, Success
from flowkit.tasks.shell import ShellTask


@task
def give(value: Any) -> Any:
    return value


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No command leaves a temporary file behind, nor a descriptor open."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("echo one; echo two", "two"),
        ("printf 'no end'", "no end"),
        ("echo 'white space  '; ", "white space"),
        ("echo out; echo error >&2", "error"),
        ("true", None),
        ("ls > /dev/null", None),
        ("echo x; echo", ""),
        ("echo 'it''s' \"a  b\" '$HOME' \\\\", "its a  b $HOME \\"),
        ("cat <<END\nñ ü 日本 🎉\nEND", "ñ ü 日本 🎉"),
        (r"printf '\377\xfe ok\n'", "\ufffd\ufffd ok"),
        ("if true\nthen\n  echo lines\nfi", "lines"),
        ("cat; echo 'reads nothing'", "reads nothing"),
        ("[[ a == a ]] && echo bash", "bash"),
        ("echo last # a comment", "last"),
    ],
)
def test_the_result_is_the_last_line(ended: Any, command: str, result: str | None) -> None:
    state = ended(ShellTask(), command=command)
    assert type(state) is Success
    assert state.result == result


def test_all_lines_are_one_list_in_the_order_in_which_they_were_written(ended: Any) -> None:
    all_lines = ShellTask("echo 1; echo 2 >&2; echo; echo 3", return_all=True)
    assert ended(all_lines).result == ["1", "2", "", "3"]
    assert ended(all_lines, command="true").result == []


def test_what_is_given_at_the_call_outranks_what_the_task_was_made_with(ended: Any) -> None:
    shell = ShellTask(
        "echo $A $B", env={"A": "made", "B": "made"}, helper_script="echo() { printf '%s,' $@; }"
    )
    assert ended(shell).result == "made,made,"
    assert ended(shell, env={"A": "called"}).result == "called,"
    assert ended(shell, command="echo x").result == "x,"
    assert ended(shell, helper_script="A=helper").result == "helper made"
    assert ended(shell, helper_script=None).result == "made made"


def test_variables_are_added_to_those_of_the_process(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "outer")
    odd = "a 'b' \"c\" $d `e` \\ \n ü"
    state = ended(
        ShellTask('echo "$OUTER"; printf %s "$ODD" | od -An -tx1', return_all=True), env={"ODD": odd}
    )
    assert state.result[0] == "outer"
    assert bytes.fromhex("".join(state.result[1:])).decode() == odd
    assert "ODD" not in os.environ
    assert ended(ShellTask('echo "$P"'), env={"P": Path("/a b")}).result == "/a b"


def test_results_of_tasks_are_commands_and_variables() -> None:
    with Flow("results") as flow:
        made = ShellTask()(command=give("echo $X"), env={"X": give("y")})
        mapped = ShellTask().map(command=give(["echo 1", "echo 2"]))
    result = flow.run(history=False).result
    assert result[made].result == "y"
    assert result[mapped].result == ["1", "2"]


def test_the_helper_script_is_of_the_same_shell(ended: Any, tmp_path: Path) -> None:
    shell = ShellTask("pwd", helper_script=f"cd '{tmp_path}'")
    assert ended(shell).result == str(tmp_path)
    assert ended(ShellTask("false; echo on", helper_script="set -e"), command="false; echo on").is_failed()


def test_another_shell(ended: Any) -> None:
    assert (
        ended(ShellTask("echo ${BASH_VERSION:-none}", shell="sh"), env={"BASH_VERSION": ""}).result == "none"
    )
    assert ended(ShellTask("import sys; print(len(sys.argv))", shell="python3")).result == "1"


def test_a_command_that_no_argument_could_hold(ended: Any) -> None:
    assert ended(ShellTask("\n".join(["echo 0"] * 100_000 + ["echo 1"]))).result == "1"


def test_a_file_whose_name_is_no_utf_8(ended: Any, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    (tmp_path / name).write_text("found")
    assert ended(ShellTask(f"cat '{tmp_path}/{name}'")).result == "found"


def test_a_code_that_is_not_0_is_a_failure_that_names_it_and_shows_the_end_of_the_output(ended: Any) -> None:
    state: State = ended(ShellTask("seq 100; echo the reason >&2; exit 3"))
    assert type(state) is Failed
    assert state.result == "the reason"
    assert state.message is not None
    assert state.message.startswith("Command failed with exit code 3; its output ends with:\n")
    assert state.message.endswith("99\n100\nthe reason")
    assert "\n80\n" not in state.message


def test_a_failure_has_all_lines_where_they_are_asked_for(ended: Any) -> None:
    state = ended(ShellTask("seq 100; false", return_all=True))
    assert type(state) is Failed and len(state.result) == 100
    silent = ended(ShellTask("false"))
    assert silent.result is None and silent.message == "Command failed with exit code 1"


def test_a_failure_by_a_signal_names_it(ended: Any) -> None:
    assert ended(ShellTask("kill -9 $$")).message == "Command was ended by SIGKILL (exit code -9)"


def test_a_failure_is_retried(tmp_path: Path) -> None:
    again = ShellTask(
        f"echo x >> '{tmp_path}/n'; test $(wc -l < '{tmp_path}/n') = 3", max_retries=2, retry_delay=0
    )
    with Flow("retries") as flow:
        made = again()
    assert flow.run(history=False).result[made].is_successful()


def test_outside_of_a_flow_it_raises(tmp_path: Path) -> None:
    assert ShellTask().run("echo x") == "x"
    with pytest.raises(FAIL) as raised:
        ShellTask("echo y; exit 2").run()
    assert raised.value.result == "y"


def test_options_of_tasks_are_options_of_it() -> None:
    shell = ShellTask("true", name="list", slug="ls", tags=["t"], max_retries=1, retry_delay=5, timeout=9)
    assert (shell.name, shell.slug, shell.tags, shell.max_retries, shell.timeout) == (
        "list",
        "ls",
        {"t"},
        1,
        9,
    )
    assert ShellTask().name == "ShellTask"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, CallError, "the task `ShellTask` has no command"),
        ({"command": ["ls", "-l"]}, CallError, "`command` of the task `ShellTask` is text, not `list`"),
        ({"command": "ls", "env": {"N": 1}}, CallError, "the variable `N` of the task `ShellTask` is text"),
    ],
)
def test_what_cannot_be_run_is_named(ended: Any, arguments: Any, error: type[Exception], words: str) -> None:
    state = ended(ShellTask(), **arguments)
    assert type(state) is Failed and isinstance(state.result, error)
    assert words in str(state.result)


def test_a_shell_that_is_not_there_is_named(ended: Any) -> None:
    state = ended(ShellTask("ls", shell="no-such-shell"))
    assert isinstance(state.result, UsageError)
    assert str(state.result) == (
        "the shell `no-such-shell` of the task `ShellTask` cannot be started: No such file or directory"
    )


# -- output -------------------------------------------------------------------------------------


def test_a_large_output_does_not_stop_it(ended: Any) -> None:
    both = "yes out | head -c 20000000 & yes error | head -c 20000000 >&2; wait; echo; echo done"
    assert ended(ShellTask(both)).result == "done"


def test_one_long_line_comes_whole_and_is_cut_in_a_message(ended: Any) -> None:
    long = "head -c 3000000 /dev/zero | tr '\\0' x"
    assert ended(ShellTask(long)).result == "x" * 3_000_000
    failed = ended(ShellTask(f"{long}; exit 1"))
    assert len(failed.result) == 3_000_000 and len(failed.message) < 3000


def test_what_is_in_the_background_is_waited_for_while_it_can_write(ended: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    background = f"{{ read x < '{tmp_path}/go'; echo later; }} & echo now; echo > '{tmp_path}/go'"
    assert ended(ShellTask(background)).result == "later"


def test_each_line_is_logged_as_it_comes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The command goes on only when its first line has been logged."""
    os.mkfifo(tmp_path / "go")

    class Opens(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "first":
                (tmp_path / "go").write_text("go\n")

    log = logging.getLogger("flowkit.streams")
    opens = Opens()
    log.addHandler(opens)
    try:
        with Flow("streams") as flow:
            made = ShellTask(f"echo first; cat '{tmp_path}/go'", name="streams", stream_output=True)()
        with caplog.at_level("DEBUG", "flowkit"):
            assert flow.run(history=False).result[made].result == "go"
    finally:
        log.removeHandler(opens)
    mine = [record for record in caplog.records if record.name == "flowkit.streams"]
    assert [(record.levelname, record.getMessage()) for record in mine] == [("INFO", "first"), ("INFO", "go")]


@pytest.mark.parametrize(
    ("given", "level"), [("debug", "DEBUG"), (logging.WARNING, "WARNING"), (False, None), (0, None)]
)
def test_the_level_of_what_is_logged(given: Any, level: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "flowkit"):
        ShellTask(name="level", stream_output=given).run("echo '100 %s'")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == (
        [(level, "100 %s")] if level else []
    )


@pytest.mark.parametrize("given", ["loud", None, 1.5])
def test_what_is_no_level_is_refused_at_once(given: Any) -> None:
    with pytest.raises(
        DefinitionError, match="`stream_output` of the task `ShellTask` is true, false or a level"
    ):
        ShellTask("ls", stream_output=given)


def test_the_output_of_a_failure_is_logged_where_that_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    for log_stderr in (False, True):
        with pytest.raises(FAIL):
            ShellTask("echo a; echo b >&2; false", name="fails", log_stderr=log_stderr).run()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("ERROR", "a\nb")]


# -- what is remembered -------------------------------------------------------------------------


def test_a_cache_tells_commands_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that the task was made with is as much of its key as one that is given at the call."""
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(*commands: str) -> list[str]:
        with Flow("cached") as flow:
            made = [ShellTask(each, cache=True)() for each in commands]
        state = flow.run()
        return [type(state.result[each]).__name__ for each in made]

    assert run("echo 1", "echo 2") == ["Success", "Success"]
    assert run("echo 1", "echo 3") == ["Cached", "Success"]
