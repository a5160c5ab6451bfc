"""Odd places to run in: it works, or a sentence says what is in the way; nothing hangs, nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import zipapp
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from checker import check_litter, check_nothing_is_left_to_do, recorded
from command_server import REAL, Server
from scene import FLOWS, Scene

import flowkit
from flowkit.plan.status import SUCCESS, TIMED_OUT
from flowkit.store.run_status import RunStatus

RUN = ("run", f"flows/{FLOWS.name}:ten_side_by_side")


@pytest.fixture
def usual(scene: Scene) -> Scene:
    """A project with the flows of the campaign."""
    scene.take_flows()
    return scene


def check_whole(scene: Scene, *arguments: str, before: Sequence[Any] = ()) -> None:
    """A run there is recorded, with all results."""
    scene.flowkit(*RUN, *arguments, before=before)
    found = recorded(scene)
    assert found.status is RunStatus.SUCCESS
    assert len(found.values) == 10


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_is_of_no_use_keeps_nobody_from_running(usual: Scene, home: str) -> None:
    """Without a place for the key only plain values are kept, which is said, and made again where needed."""
    usual.environ["XDG_CONFIG_HOME"] = ""
    usual.environ["HOME"] = home
    said = usual.flowkit(*RUN)
    assert recorded(usual, values=False).status is RunStatus.SUCCESS
    assert "is not kept: there is no key to sign it with" in said.err
    usual.flowkit("resume")


def test_without_a_home_the_folder_for_settings_is_enough(usual: Scene) -> None:
    del usual.environ["HOME"]
    check_whole(usual)


@pytest.mark.parametrize(
    "name",
    [
        "with spaces and 'quotes\"",
        "Übung-データ-🦦",
        os.fsdecode(b"not-utf8-\xff\xfe"),
        "new\nline",
        "a" * 200,
        "%s?mode=ro#x",
    ],
    ids=["spaces", "unicode", "bytes", "newline", "long", "uri"],
)
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_project_may_be_called_anything(server: Server, tmp_path: Path, name: str, executor: str) -> None:
    scene = Scene(server, tmp_path / name)
    scene.take_flows()
    check_whole(scene, "--executor", executor)
    check_nothing_is_left_to_do(scene)
    check_litter(scene)


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_closed_streams_take_nothing_from_the_history(
    usual: Scene, closed: tuple[int, ...], executor: str
) -> None:
    """A number that is free goes to the next file: what is meant for the terminal must not get into it."""
    redirected = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    line = f"{' '.join(REAL)} {' '.join(RUN)} --executor {executor} {redirected}"
    usual.flowkit("-c", line, prefix=("bash",))
    found = recorded(usual)
    assert found.status is RunStatus.SUCCESS
    check_nothing_is_left_to_do(usual)


@pytest.mark.parametrize("executor", ["threads", "coroutines", "processes"])
def test_a_few_descriptors_are_enough(usual: Scene, executor: str) -> None:
    check_whole(usual, "--executor", executor, before=("few_descriptors", 64))


@pytest.mark.parametrize("options", [["-OO"], ["-I"]])
def test_an_interpreter_with_options_gives_the_same(usual: Scene, options: list[str]) -> None:
    usual.flowkit(*RUN, prefix=(sys.executable, *options, "-m", "flowkit"))
    assert recorded(usual).status is RunStatus.SUCCESS
    said = usual.flowkit("resume")
    assert "nothing is left to run" in said.err, "what another interpreter made counts as changed"


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_zip_of_the_package_gives_the_same(usual: Scene, executor: str) -> None:
    """As `zipapp` makes it; what flowkit needs is installed beside it."""
    source, archive = usual.root / "source", usual.root / "flowkit.pyz"
    package = Path(flowkit.__file__).parent
    shutil.copytree(package, source / "flowkit", ignore=shutil.ignore_patterns("__pycache__"))
    zipapp.create_archive(source, archive, main="flowkit.cli.app:main")
    usual.flowkit(*RUN, "--executor", executor, prefix=(sys.executable, str(archive)))
    assert len(recorded(usual).values) == 10
    assert "nothing is left to run" in usual.flowkit("resume", prefix=(sys.executable, str(archive))).err
    check_nothing_is_left_to_do(usual)


CACHING = """
    from campaign_flows import noted
    from flowkit import flow, task

    KINDS = {"a", "b", "c"}

    @task(cache=True)
    def cached(kinds):
        with noted():
            return sorted(kinds | KINDS)

    @flow
    def odd():
        cached({"x", "y", "z"})
"""


def test_another_hash_seed_finds_what_was_cached(usual: Scene) -> None:
    usual.write(CACHING)
    for seed, executor in (("1", "threads"), ("2", "threads"), ("3", "processes")):
        usual.flowkit("run", "flows/flow.py:odd", "--executor", executor, prefix=REAL, PYTHONHASHSEED=seed)
    assert [each.what for each in usual.told()] == ["start", "end"]


def test_another_hash_seed_changes_nothing(usual: Scene) -> None:
    for seed in ("1", "2"):
        usual.flowkit(*(RUN if seed == "1" else ("resume",)), prefix=REAL, PYTHONHASHSEED=seed)
    assert len([each for each in usual.told() if each.what == "end"]) == 10


DAY = 86_400.0


@pytest.mark.parametrize("step", [3600.0, -3600.0, DAY, -DAY, 20 * 365 * DAY, -60 * 365 * DAY])
def test_no_duration_is_negative_when_the_clock_jumps(usual: Scene, step: float) -> None:
    """At each look, by an hour or by decades; what is years old by the clock of that time is forgotten."""
    usual.flowkit(*RUN)
    usual.flowkit(*RUN, before=("jumping_clock", step))
    usual.flowkit(*RUN)
    with closing(sqlite3.connect(usual.history)) as connection:
        for table in ("runs", "sessions", "attempts"):
            [[worst]] = connection.execute(f"SELECT MIN(ended - started) FROM {table}").fetchall()
            assert worst >= 0, table
        numbers = [row[0] for row in connection.execute("SELECT number FROM runs ORDER BY number")]
    if abs(step) <= DAY:
        assert numbers == [1, 2, 3]
    found = recorded(usual)
    assert found.run is not None
    assert found.run.number == 3, "the latest is the last that began, whatever the clock said"


TIMED = """
    import threading
    from campaign_flows import noted
    from flowkit import context, flow, task

    @task(timeout=100)
    def short():
        with noted():
            return 1

    @task(timeout=0.2)
    def endless(found):
        with noted():
            threading.Event().wait(1000)

    @task(max_retries=1, retry_delay=0.2)
    def flaky():
        with noted():
            return 1 // (context.task_run_count - 1)

    @flow
    def odd():
        endless(short())
        flaky()
"""


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
@pytest.mark.parametrize("step", [DAY, -DAY])
def test_time_limits_and_waits_do_not_follow_the_clock_when_it_jumps(
    usual: Scene, executor: str, step: float
) -> None:
    usual.write(TIMED)
    arguments = ("run", "flows/flow.py:odd", "--executor", executor, "--timeout", "1h")
    usual.flowkit(*arguments, before=("jumping_clock", step), code=1)
    ends = {each.key: each.status for each in recorded(usual).attempts}
    assert ends == {"short": SUCCESS, "endless": TIMED_OUT, "flaky": SUCCESS}


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_no_umask_opens_or_closes_what_is_kept(usual: Scene, mask: int) -> None:
    if mask == 0o777 and os.getuid() != 0:
        pytest.skip("only root could read its own files then")
    check_whole(usual, before=("umask", mask))
    check_litter(usual)


def test_many_processes_lose_no_row_and_see_no_error(usual: Scene, writers: int) -> None:
    """Each writes a hundred commits, into the history that all of them make at once."""
    program = Path(__file__).with_name("journal_writer.py")
    usual.state.mkdir(mode=0o700)
    command = [sys.executable, str(program), str(usual.state), str(writers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(usual.history)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (writers,)
        rows = connection.execute(
            "SELECT run, COUNT(*), COUNT(DISTINCT batch) FROM attempts GROUP BY run"
        ).fetchall()
        assert [row[1:] for row in rows] == [(100, 100)] * writers


@pytest.mark.parametrize("most", range(6))
@pytest.mark.parametrize("executor", ["threads", "inline", "coroutines", "processes"])
def test_where_no_more_threads_can_be_started_it_is_said_and_nothing_is_lost(
    usual: Scene, executor: str, most: int
) -> None:
    said = usual.flowkit(*RUN, "--executor", executor, before=("few_threads", most), code=None)
    if said.code:
        assert "can't start new thread" in said.err
        assert recorded(usual).going_on == []
        usual.flowkit(*(RUN if recorded(usual).run is None else ("resume",)))
    check_nothing_is_left_to_do(usual)
    check_litter(usual)
    assert len(recorded(usual).values) == 10


SCRIPT = """
    import subprocess, sys, threading
    from flowkit import Flow, task
    from flowkit.errors import FlowkitError

    @task
    def one():
        return 1

    with Flow("odd") as odd:
        one()

    def refused(*given, **options):
        raise RuntimeError("can't start new thread")

    names = ("_start_new_thread", "_start_joinable_thread")
    starts = {name: getattr(threading, name) for name in names if hasattr(threading, name)}
    for name in starts:
        setattr(threading, name, refused)
    try:
        odd.run()
    except FlowkitError as error:
        print("refused:", error.message)
    for name, start in starts.items():
        setattr(threading, name, start)
    odd.run()
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "flowkit", "runs"], check=True)
"""


def test_a_program_that_gets_no_thread_for_a_run_holds_none_and_may_run_again(usual: Scene) -> None:
    """While its own process goes on, another one sees how its runs have ended."""
    usual.write(SCRIPT, "script.py")
    said = usual.flowkit("script.py", prefix=(sys.executable,))
    assert "refused: a thread cannot be started: can't start new thread" in said.out
    runs = [line.split() for line in said.out.splitlines() if "odd" in line]
    assert [(run[0], run[4]) for run in runs] == [("2", "ok"), ("1", "failed")], said.out


def test_a_file_in_place_of_the_state_folder_is_named_before_anything_runs(usual: Scene) -> None:
    usual.state.write_text("mine")
    said = usual.flowkit(*RUN, code=2)
    assert said.error == f"the state folder `{usual.state}` is not a folder"
    assert "FLOWKIT_HOME" in said.err
    assert usual.told() == []
    assert usual.state.read_text() == "mine"
    usual.flowkit(*RUN, FLOWKIT_HOME=str(usual.root / "elsewhere"))
    assert len(usual.told()) > 0


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
@pytest.mark.parametrize("what", ["the project", "the state"])
def test_a_folder_that_is_read_only_is_named_before_anything_runs(usual: Scene, what: str) -> None:
    powers = "-dac_override,-dac_read_search"
    prefix = ("setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", *REAL)
    prefix = prefix if os.getuid() == 0 else REAL
    if what == "the state":
        usual.flowkit(*RUN)
        usual.flowkit("register", RUN[1].partition(":")[0])
    told = usual.told()
    closed = usual.state if what == "the state" else usual.folder
    for path in (*closed.rglob("*"), closed):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        said = usual.flowkit(*RUN, code=2, prefix=prefix)
        assert str(usual.state) in said.error
        assert "FLOWKIT_HOME" in said.err
        assert usual.told() == told
        usual.flowkit("runs", prefix=prefix)
        looked = usual.flowkit("doctor", "--no-flows", prefix=prefix, code=1)
        [problem] = [line for line in looked.out.splitlines() if line.startswith("[error]")]
        assert f"{usual.state}` cannot be " in problem
        assert "read-only" in problem
        assert "FLOWKIT_HOME" in looked.err
        if what == "the state":
            for command in (["resume"], ["unregister", "ten_side_by_side"]):
                said = usual.flowkit(*command, prefix=prefix, code=2)
                assert str(usual.state) in said.error
                assert "FLOWKIT_HOME" in said.err
        elsewhere = str(usual.root / "elsewhere")
        usual.flowkit(*RUN, prefix=prefix, FLOWKIT_HOME=elsewhere)
        assert len(usual.told()) > len(told)
    finally:
        for path in (closed, *closed.rglob("*")):
            path.chmod(0o700)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_without_temporary_files_flows_run_and_what_needs_one_says_so(usual: Scene, executor: str) -> None:
    check_whole(usual, "--executor", executor, before=("no_temporary_files",))
    said = usual.flowkit("register", f"flows/{FLOWS.name}", before=("no_temporary_files",), code=1)
    assert said.error == "a temporary file cannot be made: No space left on device"
    usual.flowkit("register", f"flows/{FLOWS.name}")


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_without_shared_memory_flows_run(usual: Scene, executor: str) -> None:
    hidden = 'mount -t tmpfs -o size=4k,noexec,mode=0 tmpfs /dev/shm && exec "$@"'
    prefix = ("unshare", "-m", "sh", "-c", hidden, "sh")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no file system can be mounted")
    usual.flowkit(*RUN, "--executor", executor, prefix=(*prefix, *REAL))
    assert len(recorded(usual).values) == 10


@pytest.mark.parametrize(
    "environ", [{"TERM": "dumb"}, {"TERM": ""}, {"TERM": "no-such-terminal"}, {"NO_COLOR": ""}], ids=str
)
def test_whatever_the_terminal_is_said_to_be_a_file_gets_plain_text(
    usual: Scene, environ: dict[str, str]
) -> None:
    said = usual.flowkit(*RUN, **environ)
    assert "10 ok" in said.err
    assert "\x1b" not in said.out + said.err
