"""A project whose flows run, die and go on in this process, and what was seen of each session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flowkit import Flow
from flowkit.engine.capture import Line
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.outcome import Outcome
from flowkit.errors import FlowkitError
from flowkit.flow.keys import keys_of
from flowkit.flow.values import checked
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.outline import restored
from flowkit.plan.plan import Plan
from flowkit.plan.status import RUNNING, SUCCESS, Status
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.borrow import Chosen, borrowed, choose
from flowkit.runs.durations import durations_of
from flowkit.runs.memory import Asked, Kept, Memory, session_of
from flowkit.runs.resume import Continuation, claim, continuation, go_on
from flowkit.runs.start import Options, executors_for, prepare
from flowkit.store import owners
from flowkit.store.history import History
from flowkit.store.sweep import sweep


class Watching:
    """An observer that keeps what it is told, by key."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.ends: dict[str, Status] = {}
        self.lines: list[str] = []
        self._plan: Plan | None = None

    def begin(self, engine: Engine) -> None:
        self._plan = engine.plan

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        assert self._plan is not None
        self.lines += [line.text for line in lines]
        for node, index, _, status, *_ in rows:
            if status == RUNNING:
                self.ran.append(self._plan.key(node, index))
            elif status >= SUCCESS:
                self.ends[self._plan.key(node, index)] = Status(status)

    def end(self, outcome: Outcome) -> None:
        """Nothing is kept of it."""


class DeadError(FlowkitError):
    """The process is gone, as far as its ledger is concerned."""


class Dying:
    """A ledger that commits row by row, and nothing any more after so many."""

    def __init__(self, record: Any, left: int) -> None:
        self._record = record
        self._left = left

    def append(
        self, rows: Sequence[Row], kept: Mapping[tuple[int, int], Any], values: Any, lines: Sequence[Any]
    ) -> None:
        for row in rows:
            if self._left <= 0:
                raise DeadError("the process is gone")
            self._left -= 1
            mark = row[0], row[1]
            self._record.append([row], {mark: kept[mark]} if mark in kept else {}, values, [])

    def wish(self) -> str:
        return str(self._record.wish())

    def end(self, outcome: Outcome) -> None:
        if outcome.broken is None:
            self._record.end(outcome)
        else:
            self._record.close()


@dataclass
class Session:
    """What was seen of one session of a run."""

    outcome: Outcome
    seen: Watching
    number: int
    found: Continuation | None = None

    @property
    def ran(self) -> list[str]:
        """What was carried out, in order; of tasks that only carry values nothing."""
        plan = self.outcome.plan
        hidden = {plan.keys[node] for node in range(plan.size) if plan.hidden(node)}
        return [key for key in self.seen.ran if key not in hidden]

    @property
    def values(self) -> dict[str, Any]:
        """The result of each task that has one, by key."""
        return {
            task.slug or task.name: state.result
            for task, state in self.outcome.state.result.items()
            if state.is_successful()
        }

    def value(self, key: str) -> Any:
        """The result of a task."""
        return self.outcome.states.of(self.outcome.plan.keys.index(key)).result

    def state(self, key: str) -> str:
        """How a task ended, or `clean[3]`, a child of one."""
        name, _, child = key.rstrip("]").partition("[")
        state = self.outcome.states.of(self.outcome.plan.keys.index(name), int(child) if child else -1)
        return type(state).__name__


@dataclass
class Place:
    """A project.

    Attributes:
        settings: for all its runs.
    """

    project: Project
    settings: Settings = field(default_factory=Settings)

    @property
    def folder(self) -> Path:
        """The state folder."""
        return self.project.state

    def memory(self) -> Memory:
        """The memory of the project, as a command opens it."""
        if (self.folder / "history.db").exists():
            sweep(self.folder)
        return Memory(self.project, self.settings)

    def run(
        self,
        flow: Flow,
        *,
        select: str | None = None,
        executor: Executor | None = None,
        dies_after: int | None = None,
        asked: Asked | None = None,
        change: Callable[[Engine], None] | None = None,
        capture: bool = True,
        **given: Any,
    ) -> Session:
        """Run a flow, as `flowkit run` does.

        Args:
            dies_after: rows that are committed before the process is gone.
            change: is given the engine before it starts.
            capture: take over what tasks print.
        """
        memory = self.memory()
        used = executor or LocalExecutor()
        values = checked(flow, given)
        try:
            chosen = choose(flow, select, None, memory, values)
            plan = compile_flow(
                flow,
                lane=used.name,
                only=chosen.only,
                given=chosen.given,
                durations=durations_of(memory, flow, used),
            )
            lent = borrowed(memory, plan, chosen)
            noted = chosen.noted(replace(asked or Asked(), select=select, taken=lent.runs), keys_of(flow))
            kept = memory.begin(plan, values, session_of(used, "test"), noted)
        except BaseException:
            memory.close()
            raise
        kept.results.borrow(lent.sources)
        return self._carried_out(plan, values, used, kept, lent.ends, dies_after, change, capture)

    def resume(
        self,
        flow: Flow,
        run: int | None = None,
        *,
        forced: Sequence[str] = (),
        executor: Executor | None = None,
        dies_after: int | None = None,
        **given: Any,
    ) -> Session:
        """Go on with a run, as `flowkit resume` does; default: the latest."""
        memory, used = self.memory(), executor or LocalExecutor()
        with History(self.folder) as history:
            record = history.find(str(run) if run is not None else "latest")
            outline = restored(history.outline(record))
        claim(memory, record)
        values = checked(flow, given)
        before = record.asked
        asked = Asked(
            only=tuple(before["only"]) if before["only"] is not None else None,
            given=tuple(before["given"]),
            forced=tuple(forced),
            persists=before["persists"],
            taken=before["taken"],
        )
        try:
            chosen = Chosen.of(flow, asked.only, asked.given)
            plan = compile_flow(
                flow,
                lane=used.name,
                only=chosen.only,
                given=chosen.given,
                durations=durations_of(memory, flow, used),
            )
            lent = borrowed(memory, plan, chosen, asked.taken)
            found = continuation(memory, record, outline, plan, values, forced, lent)
        except BaseException:
            owners.release(memory.folder, record.number)
            memory.close()
            raise
        kept = go_on(memory, found, values, session_of(used, "test"), asked)
        kept.results.borrow(lent.sources)
        session = self._carried_out(plan, values, used, kept, found.earlier, dies_after)
        return replace(session, found=found)

    def _carried_out(
        self,
        plan: Plan,
        values: Mapping[str, Any],
        executor: Executor,
        kept: Kept,
        earlier: Any,
        dies_after: int | None,
        change: Callable[[Engine], None] | None = None,
        capture: bool = True,
    ) -> Session:
        seen = Watching()
        options = Options(observers=[seen], timeout=30.0, capture=capture)
        engine = prepare(plan, values, executors_for(plan, executor), options, kept, earlier)
        if dies_after is not None:
            engine.recorder._ledger = Dying(kept.record, dies_after)
        if change is not None:
            change(engine)
        return Session(engine.run(), seen, kept.record.begun.run)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query finds in the history."""
        with History(self.folder) as history:
            return history._connection.execute(query, values).fetchall()  # type: ignore[union-attr]

    def keys(self, run: int) -> list[str]:
        """The keys of a run, by their numbers in its rows."""
        with History(self.folder) as history:
            found: list[str] = history.outline(history.find(str(run)))["keys"]
            return found
