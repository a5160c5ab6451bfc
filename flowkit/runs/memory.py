"""The memory of a project, opened for one run: its history, its results, its cache.

Guarantees: the state folder is one's own before anything in it is believed; nothing of it is touched where
history is off; secrets are known to the mask before the first byte is written.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import sqlite3
import sys
import time
import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowkit import __version__
from flowkit.engine.credentials import without_credentials
from flowkit.engine.executors.base import Executor
from flowkit.engine.mask import MASK
from flowkit.errors import FlowkitError
from flowkit.fingerprint import Code, Part, Tracer, combine
from flowkit.flow import manners
from flowkit.flow.task import FunctionTask, Task
from flowkit.plan.outline import Outline, ids_of, named_digest, outline_of, written
from flowkit.plan.plan import Plan
from flowkit.project import state_folder
from flowkit.project.root import Project
from flowkit.project.settings import Settings, user_folder
from flowkit.project.text import value_text
from flowkit.runs.cache_keys import Keys
from flowkit.runs.cached import Cache
from flowkit.runs.environment import environment
from flowkit.runs.record import Record
from flowkit.runs.results import RunResults
from flowkit.store import database, files, key, opening, retention
from flowkit.store.batch import Batch, Stored, signature
from flowkit.store.journal import Journal
from flowkit.store.opening import PARAMETERS, Beginning, Begun, Session
from flowkit.store.past import NAMES, Past
from flowkit.store.results import Results

_SECRET = "•••"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a run was asked for, besides its flow and parameters.

    Attributes:
        ref: from where the flow is loaded again; "" where it cannot be.
        command: what was typed.
        select, exclude: expressions; `only` and `given`: the keys of the tasks that they meant; `taken`:
            from which run each of those given comes.
        forced: keys of tasks that run though their result is there; `*`: all.
        reads: whether the cache is used.
        again: of a run that goes on, why tasks that had ended run again, by key.
        persists: whether results are kept.
        states: the statuses of tasks that a caller has given, by key; of a mapped one a list, with WAITING
            for those of its children that were not.
        parent: the number of the run whose task has started this one.
        idempotency_key: by which that run finds it again, so that it does not start it twice.
        context: more keys for `flowkit.context`; those that can be written are.
    """

    ref: str = ""
    command: str = ""
    select: str | None = None
    exclude: str | None = None
    only: tuple[str, ...] | None = None
    given: tuple[str, ...] = ()
    taken: Mapping[str, int] = field(default_factory=dict)
    forced: tuple[str, ...] = ()
    reads: bool = True
    again: Mapping[str, str] = field(default_factory=dict)
    persists: bool = True
    states: Mapping[str, int | list[int]] = field(default_factory=dict)
    parent: int | None = None
    idempotency_key: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """What the engine needs of the memory for a run."""

    record: Record
    results: RunResults


class Memory:
    """The memory of one project, for one run.

    Raises:
        RegistryError: the state folder is not to be trusted.
        HistoryError: the history cannot be opened.
    """

    def __init__(self, project: Project, settings: Settings) -> None:
        self.project = project
        self.settings = settings
        self.folder = state_folder.prepare(project.state)
        self.path = self.folder / database.FILE
        self.connection = database.open_to_write(self.path)
        with database.explained(self.path):
            results = files.prepare(self.folder)
        self.results = Results(results, key.load(user_folder(os.environ)), settings.results.max_bytes, MASK)
        self._reader: sqlite3.Connection | None = None

    @property
    def reader(self) -> sqlite3.Connection:
        """A connection for those who look things up during the run."""
        if self._reader is None:
            self._reader = database.open_to_write(self.path)
            # Who has the state of a run may ask for a value long after it; with the last of them this goes.
            weakref.finalize(self, self._reader.close)
        return self._reader

    def close(self) -> None:
        """Let go of the history, where no run has begun."""
        self.connection.close()
        if self._reader is not None:
            self._reader.close()

    def past(self, run: int, uid: str) -> Past:
        """What a run has left."""
        return Past(lambda: self.reader, run, uid, self.results)

    # -- a run --------------------------------------------------------------------------------

    def begin(self, plan: Plan, values: Mapping[str, Any], session: Session, asked: Asked) -> Kept:
        """Enter a new run.

        Raises:
            HistoryError: it could not be written.
        """
        drawn = self.drawn(plan)
        uid = opening.new_uid()
        new = Beginning(
            uid=uid,
            flow=plan.name,
            ref=asked.ref,
            parameters=self.shown(plan, values),
            asked=self.told(plan, values, asked),
            outline=written(drawn.outline),
            codes=drawn.parts,
            values=self.parameter_batch(uid, plan, values),
            parent=asked.parent,
        )
        with database.explained(self.path):
            begun = opening.begin(self.connection, self.folder, new, session)
        return self.kept(plan, drawn, begun, asked)

    def kept(
        self,
        plan: Plan,
        drawn: Drawn,
        begun: Begun,
        asked: Asked,
    ) -> Kept:
        """What the engine needs, for a run that has begun."""
        self._make_durable(plan)
        persists = asked.persists and self.settings.results.persist
        cache = self._cache(plan, drawn, begun, asked) if plan.cached and persists else None
        results = RunResults(plan, self.results, persists=persists, cache=cache)
        ids = ids_of(drawn.outline)
        results.belong_to(self.past(begun.run, begun.uid), ids)
        journal = Journal(
            self.connection,
            begun.run,
            begun.session,
            begun.uid,
            self.results.key,
            time.time() - time.monotonic(),
            batch=begun.batch,
            line=begun.line,
            ids=ids if isinstance(ids, list) else None,
        )
        record = Record(
            self.path, self.connection, journal, begun, cache, functools.partial(self._keep_bounds, plan.name)
        )
        return Kept(record, results)

    def _make_durable(self, plan: Plan) -> None:
        """Where nothing may follow from what is not on disk, a commit survives a power cut too."""
        if self.settings.durability == "task":
            plan.durable = frozenset(
                node for node, task in enumerate(plan.tasks) if task.keeping.durability != "batch"
            )
        if plan.durable:
            self.connection.execute("PRAGMA synchronous=FULL")

    def _cache(self, plan: Plan, drawn: Drawn, begun: Begun, asked: Asked) -> Cache | None:
        if not asked.reads:
            return None
        forced = forced_nodes(plan, asked.forced)
        keys = Keys(plan, drawn.code_of, drawn.tracer, self.results.key)
        cache = Cache(self.folder, self.reader, self.results, plan, keys, forced)
        cache.run = begun.run
        return cache

    def _keep_bounds(self, flow: str, connection: sqlite3.Connection) -> None:
        settings = self.settings
        retention.apply(connection, self.folder, settings.retention, settings.cache, flow)

    # -- what is written of a run -------------------------------------------------------------

    def drawn(self, plan: Plan) -> Drawn:
        """The outline of a plan, with the codes in it."""
        tracer = Tracer(self.project.root)
        outline, codes = outline_of(
            plan, functools.partial(code_once if manners.classic else code_of, tracer)
        )
        numbers = outline["code"]
        parts = [
            (
                code.digest,
                json.dumps([[part.kind, part.name, part.digest, part.place] for part in code.parts]),
            )
            for code in codes
        ]
        return Drawn(outline, parts, {node: codes[numbers[node]] for node in plan.cached}, tracer)

    def shown(self, plan: Plan, values: Mapping[str, Any]) -> dict[str, str]:
        """The values of the parameters, for people."""
        root = str(self.project.root)
        return {
            name: _SECRET if name in plan.secrets else _covered(value_text(value, root))
            for name, value in values.items()
        }

    def told(self, plan: Plan, values: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        """How a run was asked for, where it is carried out, and the digests of its parameters."""
        told = {name: value for name, value in vars(asked).items() if name not in ("ref", "parent")}
        told["command"] = _covered(asked.command)
        told["keeps"] = asked.persists and self.settings.results.persist  # by the command, and the settings
        told["context"] = {
            name: value for name, value in asked.context.items() if name != "secrets" and _is_open(value)
        }
        told["environment"] = environment()
        return {**told, "secret": sorted(plan.secrets), "digests": self.digests(plan, values)}

    def digests(self, plan: Plan, values: Mapping[str, Any]) -> dict[str, str]:
        """A digest of each parameter's value; a file counts by its name.

        That of a secret is made with this user's key, so that another value is found to be another one, and
        nobody who reads the history can try which it was; without a key nothing is known of it.
        """
        return {
            name: self._secret_digest(name, value) if name in plan.secrets else named_digest(value)
            for name, value in values.items()
        }

    def _secret_digest(self, name: str, value: Any) -> str:
        if not self.results.key:
            return "secret"
        told = f"secret parameter {name}\0{named_digest(value)}"
        return f"secret {signature(told, b'', self.results.key).hex()}"

    def parameter_batch(self, uid: str, plan: Plan, values: Mapping[str, Any]) -> bytes:
        """The values of the parameters, as a batch; secret ones are not in it."""
        batch = Batch()
        batch.add_plain(*NAMES, json.dumps(list(values)))
        for place, (name, value) in enumerate(values.items()):
            stored = Stored("x", "it is secret") if name in plan.secrets else self.results.packed(value)
            batch.add(place, -1, 1, stored)
        return bytes(batch.packed(f"{uid}/{PARAMETERS}", self.results.key))


def session_of(executor: Executor, command: str | None = None) -> Session:
    """This process, as one that carries a run out."""
    return Session(
        executor=executor.name,
        workers=executor.workers,
        command=_covered(shlex.join(sys.argv) if command is None else command),
        flowkit=__version__,
    )


def _is_open(value: Any) -> bool:
    """Whether a value can be written as JSON, and is no secret."""
    try:
        return not MASK.holds(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return False


@dataclass(frozen=True)
class Drawn:
    """An outline with its codes: digest and parts of each, those of the tasks that have a cache, and who
    found them."""

    outline: Outline
    parts: list[tuple[bytes, str]]
    code_of: Mapping[int, Code]
    tracer: Tracer


_classic_codes: dict[Any, Code] = {}


def code_once(tracer: Tracer, task: Task) -> Code:
    """The code of a task; of one with a `cache_for`, in a script of classic, as it was when first asked for:
    such a task may well note its runs in a list that its function reads."""
    if task.keeping.cache_for is None or type(task) is not FunctionTask:
        return code_of(tracer, task)
    try:
        if task.run not in _classic_codes:
            _classic_codes[task.run] = code_of(tracer, task)
        return _classic_codes[task.run]
    except TypeError:  # a callable without a hash
        return code_of(tracer, task)


def code_of(tracer: Tracer, task: Task) -> Code:
    """The code of a task: of its function, or of its class with what the instance has of its own."""
    if type(task) is FunctionTask:
        return tracer.code_of(task.run, depends_on=task.keeping.depends_on)
    cls = type(task)
    own = {name: value for name, value in getattr(task, "__dict__", {}).items() if value is not None}
    try:
        found = tracer.code_of(cls, depends_on=(*task.keeping.depends_on, *own.items()))
    except FlowkitError:
        found = tracer.code_of(cls, depends_on=task.keeping.depends_on)
    name = f"{cls.__module__}.{cls.__qualname__}"
    part = Part("class", name, "", "")
    return Code(combine(name.encode(), found.digest), (part, *found.parts))


def forced_nodes(plan: Plan, forced: Collection[str]) -> set[int]:
    """The nodes that `--force` names."""
    if "*" in forced:
        return set(range(plan.size))
    return {node for node, key in enumerate(plan.keys) if key in forced or plan.tasks[node].name in forced}


def _covered(text: str) -> str:
    """A text for people, without what is known as a secret or looks like one."""
    return without_credentials(MASK.text(text))
