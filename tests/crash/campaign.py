"""The campaign: `kill -9` of a run at a random instant, then `resume`, then the checker; as often as asked.

`python tests/crash/campaign.py --crashes 1000`, or `--minutes 30`. Most kills are aimed between the start of
the first task and the end of the run, at an instant drawn uniformly; each eighth at any instant from the
start of the process on, when the first history may just be made. One in twenty is of a newly started
interpreter, the others of a forked one (see command_server.py); one in a hundred is on Dask. `--seed` and
`--only` repeat one of them.

Of runs in processes, others are killed too: a worker, the fork server, its keeper, and one of these together
with the runner. Where the runner lives, it must go on, and say who has died.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from checker import (  # noqa: E402
    Recorded,
    check_after_fault,
    check_end,
    check_orphans,
    demand,
    finish,
    last_of,
    recorded,
)
from command_server import REAL, Server, running  # noqa: E402
from lane_processes import fork_servers, keepers, workers  # noqa: E402
from scene import FLOWS, Said, Scene, Started  # noqa: E402

from flowkit.store.run_status import RunStatus  # noqa: E402

WORKERS = 4
LENGTH = 0.3  # seconds that the tasks of a run take together
# How many tasks each flow has, and how many are one after another where there are four workers.
SIZES = {
    "one": 1,
    "ten_in_a_row": 10,
    "ten_side_by_side": 10,
    "two_hundred_mapped": 200,
    "two_hundred_crossed": 190,
}
ROUNDS = {**SIZES, "ten_side_by_side": 5, "two_hundred_mapped": 50, "two_hundred_crossed": 48}
EXECUTORS = ("threads", "inline", "processes")
SELDOM = 100  # one in so many kills is of a run on Dask, whose cluster takes seconds to start
AWAY = ("processes", "dask")
RUNNER = "runner"
# Who is killed where tasks run in processes of the fork server, and how to find them.
OTHERS = {"worker": workers, "fork server": fork_servers, "keeper": keepers}
VICTIMS = (
    *[(RUNNER,)] * 3,
    *[(other,) for other in OTHERS],
    ("fork server", RUNNER),
    (RUNNER, "fork server"),
    ("keeper", RUNNER),
)
LIMIT = 2.0  # seconds that a process may outlive its runner


@dataclass(frozen=True)
class Case:
    """One kill.

    Attributes:
        aimed: between the first task's start and the run's end; else anywhere from the start of the process.
        instant: the share of that time.
        victims: who is killed, one after another.
    """

    number: int
    flow: str
    executor: str
    aimed: bool
    instant: float
    real: bool
    victims: tuple[str, ...] = (RUNNER,)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `flowkit`."""
        workers = () if self.executor == "inline" else ("--workers", str(WORKERS))
        return ("run", f"flows/{FLOWS.name}:{self.flow}", "--executor", self.executor, *workers, "--json")

    @property
    def pace(self) -> float:
        """Seconds that a task takes."""
        return LENGTH / (SIZES if self.executor == "inline" else ROUNDS)[self.flow]


def cases(seed: int, executors: Sequence[str] = EXECUTORS) -> Iterator[Case]:
    """The kills of a campaign, without end."""
    for number in count(1):
        chance = random.Random(f"{seed}/{number}")
        executor, instant = chance.choice(executors), chance.random()
        if executors == EXECUTORS and number % SELDOM == SELDOM - 1:
            executor = "dask"
        aimed = number % 8 != 0
        yield Case(
            number,
            flow=list(SIZES)[number % len(SIZES)],
            executor=executor,
            aimed=aimed,
            instant=instant,
            real=number % 20 == 10,
            victims=chance.choice(VICTIMS) if aimed and executor in AWAY else (RUNNER,),
        )


@dataclass(frozen=True)
class Reference:
    """A run that nothing happened to: its results, and how long it took, in seconds."""

    values: Mapping[str, Any]
    before_tasks: float
    tasks: float


@dataclass(frozen=True)
class Death:
    """What a kill has met.

    Attributes:
        status: how the history has the run; None: not at all.
        victims: who was killed.
        landed: between the first task's start and the run's end.
        lost: tasks that were in flight.
        done: tasks that were recorded as done.
    """

    status: str
    victims: str
    landed: bool
    lost: int
    done: int


@dataclass
class Report:
    """What came of a campaign."""

    deaths: list[Death] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def landed(self) -> int:
        """Kills between the first task's start and the run's end."""
        return sum(death.landed for death in self.deaths)

    def __str__(self) -> str:
        deaths, number = self.deaths, len(self.deaths)
        found = Counter(death.status for death in deaths)
        killed = Counter(death.victims for death in deaths)
        lines = [
            f"{number} kills in {self.seconds:.0f} s, {len(self.violations)} violations",
            f"  {self.landed} between the first task's start and the run's end",
            f"  {sum(death.lost > 0 for death in deaths)} lost tasks in flight,"
            f" {sum(death.lost for death in deaths)} in all",
            f"  {sum(death.done > 0 for death in deaths)} had tasks recorded as done,"
            f" {sum(death.done for death in deaths)} in all: none of them ran again",
            "  killed were " + ", ".join(f"{word}: {killed[word]}" for word in sorted(killed)),
            "  the history had the run as " + ", ".join(f"{word}: {found[word]}" for word in sorted(found)),
            *self.violations,
        ]
        return "\n".join(lines)


class Campaign:
    """Kills runs.

    Args:
        root: a new folder, where each kill has one.
    """

    def __init__(self, server: Server, root: Path, seed: int, executors: Sequence[str] = EXECUTORS) -> None:
        self._server = server
        self._root = root
        self._seed = seed
        self._also = "" if tuple(executors) == EXECUTORS else " --executors " + " ".join(executors)
        self._references: dict[tuple[str, str], Reference] = {}

    def kill(self, case: Case) -> Death:
        """Kill one run, or what it needs.

        Raises:
            AssertionError: a promise is not kept; what was found stays in its folder.
        """
        reference = self._reference(case)
        scene = self._scene(str(case.number), case)
        started = scene.start(*case.arguments, prefix=REAL if case.real else ())
        if case.aimed:
            scene.wait_for_task(started)
            _pass(case.instant * reference.tasks)
        else:
            _pass(case.instant * (reference.before_tasks + reference.tasks))
        met = _kill(case, started)
        said = started.said()
        check_orphans(started.command.pid, *((LIMIT, scene.mark) if case.executor in AWAY else ()))
        before = recorded(scene)
        if RUNNER not in case.victims:
            _check_survived(case, said, before)
        death = _death(case, scene, said, before, met)
        check_after_fault(scene, said, before, reference.values)
        finish(scene, before, reference.values, *case.arguments)
        shutil.rmtree(scene.root)
        return death

    def told(self, case: Case, error: BaseException) -> str:
        """All that is needed to repeat a violation."""
        return (
            f"violation in kill {case.number} of seed {self._seed}: {error}\n"
            f"    {case}\n    what is left: {self._root / str(case.number)}\n"
            f"    again: python tests/crash/campaign.py --seed {self._seed} --only {case.number}"
            f"{self._also}"
        )

    def _scene(self, name: str, case: Case) -> Scene:
        company = {"COMPANY": "1"} if case.executor in AWAY else {}
        environ = {"PACE": str(case.pace), "TMPDIR": str(self._root), **company}
        scene = Scene(self._server, self._root / name, **environ)
        scene.take_flows()
        return scene

    def _reference(self, case: Case) -> Reference:
        kind = case.flow, case.executor
        if kind not in self._references:
            self._references[kind] = self._measured(case)
        return self._references[kind]

    def _measured(self, case: Case) -> Reference:
        scene = self._scene(f"{case.flow}-{case.executor}", case)
        began = time.monotonic()
        started = scene.start(*case.arguments)
        scene.wait_for_task(started)
        first = time.monotonic()
        said = started.said()
        assert said.code == 0, said.err
        found = recorded(scene)
        check_end(scene, found.values)
        shown = [attempt for attempt in found.attempts if attempt.ended is not None]
        tasks = max(each.ended or 0.0 for each in shown) - min(each.started for each in shown)
        return Reference(found.values, first - began, tasks)


def _kill(case: Case, started: Started) -> bool:
    """Kill the victims; whether all of them were there."""
    runner, met = started.command.pid, True
    found = {who: OTHERS[who](runner) for who in case.victims if who != RUNNER}
    for who in case.victims:
        if who == RUNNER:
            started.signal(signal.SIGKILL)
        elif found[who]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[who][case.number % len(found[who])].kill()
        else:
            met = False
    return met


def _check_survived(case: Case, said: Said, before: Recorded) -> None:
    """The runner went on, and what it has lost is no more than was killed."""
    demand(said.code in (0, 1), f"the runner ended with {said.code}:\n{said.err}")
    demand(before.status in (RunStatus.SUCCESS, RunStatus.FAILED), f"the run is {before.status}")
    demand(before.going_on == [], f"written as going on: {before.going_on}")
    errors = [each.detail["failure"] for each in before.attempts if "failure" in each.detail]
    died = [error["message"] for error in errors if error["type_name"].endswith("WorkerDiedError")]
    worst = 1 if case.victims == ("worker",) else WORKERS
    demand(len(died) <= worst, f"more attempts have died than workers: {died}")
    words = "SIGKILL" if case.victims == ("worker",) else "fork server"
    demand(all(words in message for message in died), f"another end than the one that was: {died}")
    demand(bool(died) or said.code == 0, f"nobody has died, and the run has failed:\n{said.err}")


def _death(case: Case, scene: Scene, said: Said, before: Recorded, met: bool) -> Death:
    last = last_of(scene.told())
    lost = sum(each.what == "start" for each in last.values())
    word = before.status.word if before.status is not None else "not there"
    landed = bool(last) and met
    if RUNNER in case.victims:
        ended = before.run is not None and before.run.ended is not None
        landed = bool(last) and not ended and said.code == -signal.SIGKILL
    return Death(word, " and ".join(case.victims), landed, lost, len(before.successes))


def _pass(seconds: float) -> None:
    """Let time pass, to the millisecond."""
    until = time.monotonic() + seconds
    time.sleep(max(0.0, seconds - 0.001))
    while time.monotonic() < until:
        pass


def carried_out(
    seed: int,
    root: Path,
    goes_on: Callable[[int], bool],
    only: int | None = None,
    executors: Sequence[str] = EXECUTORS,
) -> Report:
    """A campaign.

    Args:
        goes_on: whether there is to be another kill after so many.
        only: the number of the one kill that is wanted.
        executors: those that runs are started with.
    """
    report, began = Report(), time.monotonic()
    with running() as server:
        campaign = Campaign(server, root, seed, executors)
        for case in cases(seed, executors):
            if only is not None and case.number != only:
                continue
            if only is None and not goes_on(case.number - 1):
                break
            try:
                report.deaths.append(campaign.kill(case))
            except AssertionError as error:
                report.violations.append(campaign.told(case, error))
            if only is not None:
                break
    report.seconds = time.monotonic() - began
    return report


def main() -> int:
    """From what was typed to an exit code."""
    parser = argparse.ArgumentParser(description="kill runs, and see whether anything is lost")
    parser.add_argument("--crashes", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="for so long, instead of a number of crashes")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="repeat one kill of that seed")
    parser.add_argument("--executors", nargs="+", default=EXECUTORS, help="of the runs")
    asked = parser.parse_args()
    until = time.monotonic() + (asked.minutes or 0) * 60

    def goes_on(done: int) -> bool:
        return time.monotonic() < until if asked.minutes else done < asked.crashes

    root = Path(tempfile.mkdtemp(prefix="flowkit-crash-"))
    report = carried_out(asked.seed, root, goes_on, asked.only, tuple(asked.executors))
    print(f"seed {asked.seed}: {report}")
    if not report.violations:
        shutil.rmtree(root)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
