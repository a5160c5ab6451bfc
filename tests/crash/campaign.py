"""The campaign: `kill -9` of a run at a random instant, then `resume`, then the checker; as often as asked.

`python tests/crash/campaign.py --crashes 1000`, or `--minutes 30`. Most kills are aimed between the start of
the first task and the end of the run, at an instant drawn uniformly; each eighth at any instant from the
start of the process on, when the first history may just be made. One in twenty is of a newly started
interpreter, the others of a forked one (see command_server.py). `--seed` and `--only` repeat one of them.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from checker import Recorded, check_after_fault, check_end, check_orphans, finish, last_of, recorded  # noqa: E402
from command_server import REAL, Server, running  # noqa: E402
from scene import FLOWS, Said, Scene  # noqa: E402

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


@dataclass(frozen=True)
class Case:
    """One kill.

    Attributes:
        aimed: between the first task's start and the run's end; else anywhere from the start of the process.
        instant: the share of that time.
    """

    number: int
    flow: str
    executor: str
    aimed: bool
    instant: float
    real: bool

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `flowkit`."""
        workers = () if self.executor == "inline" else ("--workers", str(WORKERS))
        return ("run", f"flows/{FLOWS.name}:{self.flow}", "--executor", self.executor, *workers, "--json")

    @property
    def pace(self) -> float:
        """Seconds that a task takes."""
        return LENGTH / (SIZES if self.executor == "inline" else ROUNDS)[self.flow]


def cases(seed: int) -> Iterator[Case]:
    """The kills of a campaign, without end."""
    for number in count(1):
        chance = random.Random(f"{seed}/{number}")
        yield Case(
            number,
            flow=list(SIZES)[number % len(SIZES)],
            executor=chance.choice(EXECUTORS),
            aimed=number % 8 != 0,
            instant=chance.random(),
            real=number % 20 == 10,
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
        landed: between the first task's start and the run's end.
        lost: tasks that were in flight.
        done: tasks that were recorded as done.
    """

    status: str
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
        found: dict[str, int] = {}
        for death in deaths:
            found[death.status] = found.get(death.status, 0) + 1
        lines = [
            f"{number} runs killed in {self.seconds:.0f} s, {len(self.violations)} violations",
            f"  {self.landed} between the first task's start and the run's end",
            f"  {sum(death.lost > 0 for death in deaths)} lost tasks in flight,"
            f" {sum(death.lost for death in deaths)} in all",
            f"  {sum(death.done > 0 for death in deaths)} had tasks recorded as done,"
            f" {sum(death.done for death in deaths)} in all: none of them ran again",
            "  the history had the run as " + ", ".join(f"{word}: {found[word]}" for word in sorted(found)),
            *self.violations,
        ]
        return "\n".join(lines)


class Campaign:
    """Kills runs.

    Args:
        root: a new folder, where each kill has one.
    """

    def __init__(self, server: Server, root: Path, seed: int) -> None:
        self._server = server
        self._root = root
        self._seed = seed
        self._references: dict[str, Reference] = {}

    def kill(self, case: Case) -> Death:
        """Kill one run.

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
        started.signal(signal.SIGKILL)
        said = started.said()
        check_orphans(started.command.pid, 2.0)
        before = recorded(scene)
        death = _death(scene, said, before)
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
        )

    def _scene(self, name: str, case: Case) -> Scene:
        scene = Scene(self._server, self._root / name, PACE=str(case.pace))
        scene.take_flows()
        return scene

    def _reference(self, case: Case) -> Reference:
        if case.flow not in self._references:
            self._references[case.flow] = self._measured(case)
        return self._references[case.flow]

    def _measured(self, case: Case) -> Reference:
        scene = self._scene(case.flow, case)
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


def _death(scene: Scene, said: Said, before: Recorded) -> Death:
    last = last_of(scene.told())
    lost = sum(each.what == "start" for each in last.values())
    ended = before.run is not None and before.run.ended is not None
    word = before.status.word if before.status is not None else "not there"
    return Death(word, bool(last) and not ended and said.code == -signal.SIGKILL, lost, len(before.successes))


def _pass(seconds: float) -> None:
    """Let time pass, to the millisecond."""
    until = time.monotonic() + seconds
    time.sleep(max(0.0, seconds - 0.001))
    while time.monotonic() < until:
        pass


def carried_out(seed: int, root: Path, goes_on: Callable[[int], bool], only: int | None = None) -> Report:
    """A campaign.

    Args:
        goes_on: whether there is to be another kill after so many.
        only: the number of the one kill that is wanted.
    """
    report, began = Report(), time.monotonic()
    with running() as server:
        campaign = Campaign(server, root, seed)
        for case in cases(seed):
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
    asked = parser.parse_args()
    until = time.monotonic() + (asked.minutes or 0) * 60

    def goes_on(done: int) -> bool:
        return time.monotonic() < until if asked.minutes else done < asked.crashes

    root = Path(tempfile.mkdtemp(prefix="flowkit-crash-"))
    report = carried_out(asked.seed, root, goes_on, asked.only)
    print(f"seed {asked.seed}: {report}")
    if not report.violations:
        shutil.rmtree(root)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
