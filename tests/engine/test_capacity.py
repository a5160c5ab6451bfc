"""How much there is of the machine, as its cgroups say; the files are those of a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowkit.engine.capacity import memory, processors


def group(tmp_path: Path, files: dict[str, str], own: str = "0::/a/b\n") -> tuple[Path, Path]:
    """A file system of cgroups, and what the process knows of its own."""
    root = tmp_path / "cgroup"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "own").write_text(own)
    return root, tmp_path / "own"


def test_without_a_quota_it_is_what_the_process_may_run_on(tmp_path: Path) -> None:
    places = group(tmp_path, {"a/b/cpu.max": "max 100000\n"})
    assert processors(*places) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    "files",
    [
        {"a/b/cpu.max": "50000 100000\n"},
        {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"},
        {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_a_quota_of_the_group_or_of_one_above_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert processors(*group(tmp_path, files)) == 0.5


@pytest.mark.parametrize(
    ("files", "least"),
    [
        ({"a/b/memory.max": "1048576\n", "a/memory.max": "2097152\n"}, 1 << 20),
        ({"a/b/memory.max": "max\n", "a/memory.max": "2097152\n"}, 2 << 20),
        ({"memory/memory.limit_in_bytes": "3145728\n"}, 3 << 20),
    ],
)
def test_the_least_memory_counts(tmp_path: Path, files: dict[str, str], least: int) -> None:
    assert memory(*group(tmp_path, files)) == least


def test_what_is_no_limit_leaves_the_memory_of_the_machine(tmp_path: Path) -> None:
    places = group(tmp_path, {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, own="")
    assert memory(*places) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert processors(*places) > 0
    assert 0 < memory() <= memory(*places)
