"""Who has a run, or an entry of the cache: one of all processes and threads, for as long as it lives."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flowkit.store import owners

CLAIM = """
import sys
from pathlib import Path
from flowkit.store import owners
print(owners.claim(Path(sys.argv[1]), int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


class Other:
    """Another process that tries to take something, and lives until it is told to end."""

    def __init__(self, folder: Path, place: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(folder), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.has_it = self.process.stdout.readline() == "True\n"

    def end(self, number: int | None = None) -> None:
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate(timeout=20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_what_one_process_has_no_other_gets(folder: Path) -> None:
    assert owners.claim(folder, 1)
    other = Other(folder, 1)
    beside = Other(folder, 2)
    assert (other.has_it, beside.has_it) == (False, True)
    assert owners.is_owned(folder, 1)
    assert owners.is_owned(folder, 2)
    assert not owners.claim(folder, 2)
    other.end()
    beside.end()
    owners.release(folder, 1)
    assert not owners.is_owned(folder, 2)


@pytest.mark.parametrize("number", [None, signal.SIGKILL])
def test_it_is_free_when_its_process_has_ended_however_that_was(folder: Path, number: int | None) -> None:
    other = Other(folder, 1)
    assert not owners.claim(folder, 1)
    other.end(number)
    assert owners.claim(folder, 1)
    owners.release(folder, 1)


def test_of_many_threads_one_gets_it(folder: Path) -> None:
    got: list[bool] = []
    at_once = threading.Barrier(8)

    def take() -> None:
        at_once.wait()
        got.append(owners.claim(folder, 1))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(True) == 1
    owners.release(folder, 1)


def test_to_let_go_of_what_one_does_not_have_changes_nothing(folder: Path) -> None:
    other = Other(folder, 1)
    owners.release(folder, 1)
    assert owners.is_owned(folder, 1)
    other.end()


FORK = """
import os, sys
from pathlib import Path
from flowkit.store import owners
folder = Path(sys.argv[1])
assert owners.claim(folder, 1)
child = os.fork()
if not child:
    taken = owners.claim(folder, 1)
    owners.release(folder, 1)
    os._exit(taken)
assert os.waitpid(child, 0)[1] == 0, "the child got what its parent has"
child = os.fork()
if not child:
    os._exit(owners.claim(folder, 1))
assert os.waitpid(child, 0)[1] == 0, "the child let go of what its parent has"
"""


def test_a_child_that_is_forked_has_nothing_of_its_parent_and_takes_nothing_from_it(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", FORK, str(folder)], check=True, timeout=20)


def test_a_state_folder_that_was_removed_and_made_again_is_another(folder: Path) -> None:
    assert owners.claim(folder, 1)
    (folder / owners.FILE).unlink()
    assert owners.claim(folder, 1), "what was claimed went with the folder"
    other = Other(folder, 1)
    assert not other.has_it
    other.end()
    owners.release(folder, 1)


def test_the_file_is_for_nobody_else(folder: Path) -> None:
    owners.claim(folder, 1)
    owners.release(folder, 1)
    assert (folder / owners.FILE).stat().st_mode & 0o777 == 0o600
