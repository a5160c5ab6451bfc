"""Which of the results that a run takes from earlier ones it would make otherwise itself, and why.

Guarantees: only what reaches a task counts: its code, what the flow gives it, parameters, and the tasks
before it; what the earlier run had taken itself is compared with the run that made it. What is not remembered
is not said to have changed. Nothing recurses: a chain may be long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flowkit.flow.flow import Flow
from flowkit.plan.compiler import compile_flow
from flowkit.plan.outline import Outline, fingerprints, outline_order
from flowkit.runs.again import written
from flowkit.runs.memory import Memory
from flowkit.store.history import History
from flowkit.why.archive import Archive, PastRun

_FEW = 3
_Made = tuple[int, PastRun]  # a node, and the run that made its result


def outdated(
    memory: Memory, flow: Flow, values: Mapping[str, Any], taken: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Why this run would make results otherwise that it takes, by key; those that it would not are left out.

    Args:
        flow: with all its tasks.
        values: of its parameters.
        taken: the number of the run that each comes from, by key.
    """
    if not taken:
        return {}
    plan = compile_flow(flow)
    new, now = memory.drawn(plan).outline, memory.digests(plan, values)
    with History(memory.folder) as history, Archive(memory.folder, history) as archive:
        return _Comparison(archive, new, now).reasons(taken)


def said(reasons: Mapping[str, tuple[str, ...]], taken: Mapping[str, int]) -> str:
    """A line for people; "" where there is nothing to say."""
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for key, words in reasons.items():
        groups[taken[key], ", ".join(words)].append(key)
    lines = [f"{_few(keys)} from run {run} ({why})" for (run, why), keys in [*groups.items()][:_FEW]]
    left = sum(map(len, [*groups.values()][_FEW:]))
    lines += [f"and {left:,} more"] if left else []
    return f"taken, but not as this run would make it: {'; '.join(lines)}" if lines else ""


def _few(keys: list[str]) -> str:
    more = f" and {len(keys) - _FEW:,} more" if len(keys) > _FEW else ""
    return f"{', '.join(keys[:_FEW])}{more}"


@dataclass(frozen=True)
class _Changes:
    """What changed of a task, and of all that comes before it.

    Attributes:
        own: of the task itself, in words.
        parameters: names of those that reach it.
        upstream: the key of the nearest task before it that changed itself.
    """

    own: tuple[str, ...]
    parameters: frozenset[str]
    upstream: str


class _Comparison:
    """The flow as it is now, against the runs that made what is taken.

    Args:
        new, now: its outline, and the digests of its parameters.
    """

    def __init__(self, archive: Archive, new: Outline, now: Mapping[str, str]) -> None:
        self._archive = archive
        self._new = new
        self._now = now
        self._keys: list[str] = new["keys"]
        self._hidden = set(new["hidden"])
        self._names = {node: name for name, node in new["parameters"].items()}
        self._old: dict[PastRun, list[bytes]] = {}

    def reasons(self, taken: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
        nodes = {key: node for node, key in enumerate(self._keys)}
        runs = {number: self._run(number) for number in set(taken.values())}
        made = {key: (nodes[key], run) for key, number in taken.items() if (run := runs[number])}
        changes = self._changes(self._sources(list(made.values())))
        found = {key: tuple(_words(changes[each])) for key, each in made.items()}
        for key, (node, run) in made.items():
            if not found[key] and self._differs(node, run):
                found[key] = ("what is upstream of it changed",)
        return {key: words for key, words in found.items() if words}

    def _sources(self, waiting: list[_Made]) -> dict[_Made, list[_Made]]:
        """What each of these came from, all the way up."""
        found: dict[_Made, list[_Made]] = {}
        while waiting:
            each = waiting.pop()
            if each not in found:
                node, run = each
                gates = self._new["gates"].get(node, ())
                near = dict.fromkeys([*self._new["upstreams"][node], *(gate[0] for gate in gates)])
                found[each] = [(source, maker) for source in near if (maker := self._maker(run, source))]
                waiting += found[each]
        return found

    def _maker(self, run: PastRun, node: int) -> PastRun | None:
        """The run that made what a run had of a node; None where it is forgotten."""
        number = (run.record.asked.get("taken") or {}).get(self._keys[node])
        return run if number is None else self._run(number)

    def _run(self, number: int) -> PastRun | None:
        record = self._archive.numbered(number)
        return self._archive.run(record) if record is not None else None

    def _changes(self, sources: Mapping[_Made, list[_Made]]) -> dict[_Made, _Changes]:
        runs: dict[int, list[PastRun]] = defaultdict(list)
        for node, run in sources:
            runs[node].append(run)
        found: dict[_Made, _Changes] = {}
        for node in outline_order(self._new):
            for run in runs.get(node, ()):
                near = [(self._keys[each[0]], found[each]) for each in sources[node, run]]
                found[node, run] = self._change(node, run, near)
        return found

    def _change(self, node: int, run: PastRun, near: list[tuple[str, _Changes]]) -> _Changes:
        parameters = {name for _, before in near for name in before.parameters}
        name = self._names.get(node)
        if name is not None and run.digests and run.digests.get(name) != self._now.get(name):
            parameters.add(name)
        tasks = [key for key, before in near if before.own] + [before.upstream for _, before in near]
        return _Changes(tuple(self._own(node, run)), frozenset(parameters), next(filter(None, tasks), ""))

    def _own(self, node: int, run: PastRun) -> Iterator[str]:
        old = run.nodes.get(self._keys[node])
        if old is None or node in self._hidden:
            return
        if run.code(old) != self._new["codes"][self._new["code"][node]]:
            yield "its code changed"
        if written(run.outline, old) != written(self._new, node):
            yield "its arguments in the flow changed"

    def _differs(self, node: int, run: PastRun) -> bool:
        """Whether anything changed that reaches a task, as far as the run knew what that is."""
        old = run.nodes.get(self._keys[node])
        if old is None or run.record.asked.get("given"):
            return False
        return self._fingerprints_of(run)[old] != self._fingerprints[node]

    def _fingerprints_of(self, run: PastRun) -> list[bytes]:
        if run not in self._old:
            self._old[run] = fingerprints(run.outline, run.digests)
        return self._old[run]

    @cached_property
    def _fingerprints(self) -> list[bytes]:
        return fingerprints(self._new, self._now)


def _words(changes: _Changes) -> Iterator[str]:
    yield from changes.own
    if changes.parameters:
        yield f"parameter {', '.join(f'`{name}`' for name in sorted(changes.parameters))} changed"
    if changes.upstream:
        yield f"upstream `{changes.upstream}` changed"
