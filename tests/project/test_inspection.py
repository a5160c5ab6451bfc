"""Flow files in child processes: whatever they do, we get an answer in time and they are gone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowkit.errors import LoadError
from flowkit.project.inspection import describe, describe_all
from flowkit.project.root import Project

FLOW = "from flowkit.flow.flow import Flow\nwith Flow('x', tags=['b', 'a']) as flow: pass\n"
Write = Callable[[str, str], Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "my project ü"
    (root / "flows").mkdir(parents=True)
    return Project(root)


@pytest.fixture
def write(project: Project) -> Write:
    def write(name: str, text: str) -> Path:
        path = project.root / "flows" / f"{name}.py"
        path.write_text(text)
        return path

    return write


@contextmanager
def held_pipe(project: Project) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The path of a pipe for a process to open and to hold, and what reads a byte of it.

    Its end, `b""`, tells that the process is gone, without a look at a clock.
    """
    pipe = project.root / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def received() -> bytes:
        assert select.select([reading], [], [], 20)[0], "nothing has come for 20 seconds"
        return os.read(reading, 1)

    try:
        yield str(pipe), received
    finally:
        os.close(reading)


HOLD = """
import os
held = os.open({pipe!r}, os.O_WRONLY)
os.write(held, b"x")
"""
DESCRIBES = """
import sys
from pathlib import Path
from flowkit.project.inspection import describe
try:
    describe(Path(sys.argv[1]))
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextmanager
def waiting_child(
    project: Project, write: Write
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], bytes]]]:
    """A process whose inspection waits for ever, and what reads the pipe that its child holds."""
    with held_pipe(project) as (pipe, received):
        path = write("waits", HOLD.format(pipe=pipe) + "while True: pass\n")
        parent = subprocess.Popen([sys.executable, "-c", DESCRIBES, str(path)])
        try:
            assert received() == b"x"
            yield parent, received
        finally:
            parent.kill()
            parent.wait()


def test_a_flow_is_described_as_people_write_it(write: Write) -> None:
    text = '''
from __future__ import annotations
from pathlib import Path
from typing import Literal
from flowkit import flow, task
print("noise")

@task
def load(day, path): ...

@flow
def etl(day: str, path: Path = Path(__file__).parent / "data.csv", kind: Literal["a", "b"] = "a"):
    """Load
    it.

    In detail.
    """
    load(day, path)

@flow(build=["trace"])
def built(trace: Path):
    raise SystemError("is not built without a trace")
'''
    etl, built = describe(write("etl", text))
    assert (etl.name, etl.ref, etl.description, etl.tasks) == ("etl", "flows/etl.py:etl", "Load it.", 1)
    assert [(each.name, each.type, each.default, each.required) for each in etl.parameters] == [
        ("day", "str", None, True),
        ("path", "Path", "flows/data.csv", False),
        ("kind", "Literal['a', 'b']", "'a'", False),
    ]
    assert (built.name, built.tasks) == ("built", "varies")


def test_files_fail_one_by_one_and_all_are_reported(write: Write) -> None:
    files = {
        "good": (FLOW, None),
        "loop": ("\nwhile True: pass", "`flows/loop.py:2` was still running after 1 second of loading"),
        "sleeps": (
            "import time\ntry:\n    time.sleep(60)\nfinally:\n    time.sleep(60)",
            "`flows/sleeps.py:3` was still running after 1 second of loading",
        ),
        "leaves": ("import os; os._exit(0)", "`flows/leaves.py` ended its process with exit code 0"),
        "killed": (
            "import os; os.kill(os.getpid(), 9)",
            "`flows/killed.py` died of SIGKILL while it was loaded",
        ),
        "crashes": ("import ctypes\nctypes.string_at(0)", "`flows/crashes.py:2` died of SIGSEGV"),
        "asks": ("input()", "`flows/asks.py:1` reads from the keyboard while it is loaded"),
        "exits": ("import sys; sys.exit()", "`flows/exits.py:1` calls `sys.exit()` while it is loaded"),
        "raises": (
            "from flowkit.flow.function import flow\n@flow\ndef f():\n    1 / 0",
            "`flows/raises.py:4` raised ZeroDivisionError",
        ),
        "forks": ("import os\nos.fork()\n" + FLOW, None),
        "closes": ("import os; os.closerange(0, 100)\n" + FLOW, "`flows/closes.py` ended its process"),
    }
    paths = [write(name, text) for name, (text, _) in files.items()]
    for inspected, (_, message) in zip(describe_all(paths, timeout=1), files.values(), strict=True):
        if message is None:
            assert inspected.error is None
            assert [each.tags for each in inspected.descriptors] == [("a", "b")]
        else:
            assert isinstance(inspected.error, LoadError)
            assert inspected.error.message.startswith(message)


def test_the_childs_frames_and_hints_arrive(write: Write) -> None:
    with pytest.raises(LoadError) as caught:
        describe(write("bad", "def f():\n    import nonexistent_pkg\nf()\n"))
    assert caught.value.__notes__ == [
        '  File "flows/bad.py", line 3, in <module>\n    f()\n'
        '  File "flows/bad.py", line 2, in f\n    import nonexistent_pkg'
    ]
    assert caught.value.hints[0].endswith("-m pip install nonexistent_pkg`")


def test_what_a_file_started_goes_with_its_inspection(write: Write, project: Project) -> None:
    starts = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'while True: pass'], pass_fds=[held])\n"
    )
    with held_pipe(project) as (pipe, received):
        assert describe(write("starts", HOLD.format(pipe=pipe) + starts + FLOW))
        assert received() == b"x"
        assert received() == b""


def test_a_child_goes_when_its_parent_is_killed(write: Write, project: Project) -> None:
    with waiting_child(project, write) as (parent, received):
        parent.kill()
        assert received() == b""


def test_ctrl_c_ends_the_children_at_once(write: Write, project: Project) -> None:
    with waiting_child(project, write) as (parent, received):
        parent.send_signal(signal.SIGINT)
        assert received() == b""
        assert parent.wait(timeout=20) == 130


def test_files_in_the_working_directory_do_not_stand_in_for_real_modules(
    project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "json", "threading", "tomli_w"):
        (project.root / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("HOME", raising=False)
    assert describe(write("etl", "import random, json\n" + FLOW))
