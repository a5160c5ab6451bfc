"""What must hold after any fault: section 10 of the list of faults.

It looks at a copy of the history where the command is to find it untouched, and reads results by the code of
flowkit that reads them, as a signature is part of what is checked.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lane_processes import left_of
from scene import Said, Scene, Told

from flowkit.plan.status import CACHED, SUCCESS
from flowkit.store.history import History
from flowkit.store.past import Past
from flowkit.store.records import AttemptRecord, RunRecord, hidden_nodes
from flowkit.store.results import Results, UnreadableError
from flowkit.store.run_status import RunStatus

KNOWN = frozenset({".gitignore", "history.db", "history.db-wal", "history.db-shm", "owners.lock", "results"})
_KEEP = frozenset({"registry.toml", "registry.lock"})


class ViolationError(AssertionError):
    """A promise that is not kept."""


@dataclass
class Recorded:
    """What the history says of its latest run.

    Attributes:
        successes: the number of the attempt that succeeded, by the key of its task.
        values: their results.
        going_on: the numbers of all runs that are written as going on.
    """

    run: RunRecord | None = None
    successes: dict[str, int] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    attempts: list[AttemptRecord] = field(default_factory=list)
    going_on: list[int] = field(default_factory=list)

    @property
    def status(self) -> RunStatus | None:
        """Of the run; None where there is none."""
        return self.run.status if self.run is not None else None


def recorded(scene: Scene, *, values: bool = True, whole: bool = True) -> Recorded:
    """What the history says, read from a copy.

    Args:
        values: the results too, which have to be there then.
        whole: whether SQLite must find nothing wrong with it, and no result may be lost.
    """
    if not scene.history.exists():
        return Recorded()
    with tempfile.TemporaryDirectory(dir=scene.root) as copy:
        for name in ("history.db", "history.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(scene.state / name, copy)
        return _read(Path(copy), scene, values, whole)


def _read(folder: Path, scene: Scene, values: bool, whole: bool) -> Recorded:
    with contextlib.closing(sqlite3.connect(folder / "history.db")) as connection:
        if whole:
            verdict = "\n".join(row[0] for row in connection.execute("PRAGMA integrity_check"))
            demand(verdict == "ok", f"the history is not whole: {verdict}")
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return Recorded()
        with History(folder) as history:
            runs = history.runs(limit=1)
            if not runs:
                return Recorded()
            found = Recorded(runs[0], attempts=_shown(history, runs[0]))
            found.going_on = [run.number for run in history.runs(status=RunStatus.RUNNING)]
        key = scene.key.read_bytes() if scene.key.exists() else None
        results = Results(scene.state / "results", key)
        past = Past(lambda: connection, runs[0].number, runs[0].uid, results)
        for attempt in found.attempts:
            if attempt.status in (SUCCESS, CACHED):
                found.successes[attempt.key] = attempt.attempt
                if values:
                    with contextlib.nullcontext() if whole else contextlib.suppress(ViolationError):
                        found.values[attempt.key] = _value(past, attempt)
    return found


def _shown(history: History, run: RunRecord) -> list[AttemptRecord]:
    hidden = hidden_nodes(history.outline(run))
    return [
        attempt for attempt in history.attempts(run) if attempt.node not in hidden and attempt.attempt > 0
    ]


def _value(past: Past, attempt: AttemptRecord) -> Any:
    index = int(attempt.key.rpartition("[")[2][:-1]) if attempt.key.endswith("]") else -1
    try:
        return past.value(attempt.node, index)
    except UnreadableError as error:
        raise ViolationError(
            f"`{attempt.key}` is recorded as done, and its result is lost: {error}"
        ) from error


def demand(holds: bool, promise: str) -> None:
    """Raise where something does not hold."""
    if not holds:
        raise ViolationError(promise)


def check_after_fault(scene: Scene, said: Said, found: Recorded, reference: Mapping[str, Any]) -> None:
    """What is recorded is true, and what was shown is recorded."""
    told = scene.told()
    demand(found.run is not None or not told, "a task has started of which no run knows")
    ended = {(each.task, each.attempt) for each in told if each.what == "end"}
    for key, attempt in found.successes.items():
        demand((key, attempt) in ended, f"`{key}` is recorded as done, and never was")
        demand(found.values[key] == reference[key], f"the result of `{key}` is another")
    for key in shown_as_done(said.out):
        demand(key in found.successes, f"`{key}` was shown as done, and is not recorded")


def shown_as_done(out: str) -> Iterator[str]:
    """The tasks that `--json` has shown as done; a last line that was cut is nothing."""
    for line in out.splitlines():
        if line.endswith("}"):
            event = json.loads(line)
            if event["event"] == "task_finished" and event["status"] == "ok":
                yield event["task"]


def finish(scene: Scene, before: Recorded, reference: Mapping[str, Any], *arguments: str) -> Said:
    """Go on with the run, or begin it where it never was, and check the end; then check that nothing is left.

    Args:
        arguments: of `flowkit`, to begin it.
    """
    told = len(scene.told())
    command = ("resume",) if before.run is not None else arguments
    said = scene.flowkit(*command, code=None)
    demand(said.code == 0, f"`flowkit {command[0]}` ended with {said.code}:\n{said.err}")
    if before.status is RunStatus.RUNNING:
        demand("crashed" in said.err, f"nobody says that the run has crashed:\n{said.err}")
    again = {each.task for each in scene.told()[told:] if each.what == "start"}
    demand(
        not again & before.successes.keys(), f"done, and run again: {sorted(again & before.successes.keys())}"
    )
    check_end(scene, reference)
    check_nothing_is_left_to_do(scene)
    check_litter(scene)
    return said


def check_end(scene: Scene, reference: Mapping[str, Any]) -> None:
    """The run succeeded, with the results of one that nothing happened to, and each task for a reason."""
    after = recorded(scene)
    demand(after.status is RunStatus.SUCCESS, f"in the end the run is {after.status}")
    demand(after.going_on == [], f"written as going on: {after.going_on}")
    demand(after.values.keys() == reference.keys(), "not all tasks are recorded as done")
    for key, value in reference.items():
        demand(after.values[key] == value, f"in the end the result of `{key}` is another")
    last = last_of(scene.told())
    for key, attempt in after.successes.items():
        found = last.get(key)
        demand(
            found is not None and (found.what, found.attempt) == ("end", attempt),
            f"`{key}` is recorded as done in attempt {attempt}; the last that is known of it: {found}",
        )


def last_of(told: list[Told]) -> dict[str, Told]:
    """The last line of each task."""
    return {each.task: each for each in told}


def check_nothing_is_left_to_do(scene: Scene) -> None:
    """Another `resume` does nothing."""
    told = scene.oracle.read_bytes()
    said = scene.flowkit("resume", code=None)
    demand(said.code == 0, f"a second `flowkit resume` ended with {said.code}:\n{said.err}")
    demand(scene.oracle.read_bytes() == told, "a second `flowkit resume` ran something")


def check_litter(scene: Scene) -> None:
    """The state folder has what it should have, for its owner alone."""
    names = {path.name for path in scene.state.iterdir()}
    demand(names <= KNOWN | _KEEP, f"left in the state folder: {sorted(names - KNOWN - _KEEP)}")
    files = {path for path in (scene.state / "results").rglob("*") if not path.is_dir()}
    with contextlib.closing(sqlite3.connect(scene.history)) as connection:
        needed = {row[0] for row in connection.execute("SELECT digest FROM files")}
    demand(
        {path.name for path in files} == needed, f"files of results that no row has: {_names(files, needed)}"
    )
    for path in (scene.state, *scene.state.rglob("*")):
        demand(not path.lstat().st_mode & 0o077, f"others may use `{path}`")


def _names(files: set[Path], needed: set[str]) -> list[str]:
    return sorted({path.name for path in files} ^ needed)


def check_orphans(runner: int, seconds: float = 0.0, mark: str = "") -> None:
    """No process is left of a runner: of its session, of its processes lane, of what tasks have started.

    Args:
        seconds: in which they may still end.
        mark: see `left_of`.
    """
    until = time.monotonic() + seconds
    while (left := left_of(runner, mark)) and time.monotonic() < until:
        time.sleep(0.05)  # a look takes some milliseconds
    demand(not left, f"processes are left: {left}")
