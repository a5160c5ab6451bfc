"""Which tasks of a flow an expression such as `+train tag:io` selects.

The grammar is dbt's: `train`, `+train` with all that it needs, `train+` with all that follows it,
`2+train` within two steps, `tag:io`; a comma is and, a space is or. Names may have `*` and `?`.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.graph import upstreams
from flowkit.flow.parameter import Parameter
from flowkit.flow.structure import Constant
from flowkit.flow.task import Task

_ATOM = re.compile(r"^(?P<up>\d*\+)?(?P<what>.+?)(?P<down>\+\d*)?$")
_OF_EARLIER_RUNS = ("state", "result")

Keys = dict[Task, str]
Earlier = Callable[[str, str], set[Task]]  # `state`, `modified`: the tasks that an earlier run says so of


@dataclass(frozen=True)
class Selection:
    """What to run, and what that needs of an earlier run.

    Attributes:
        tasks: the selected tasks, with the parameters, constants and collections that they need, which
            cost nothing.
        needed: for each task that is not selected, the selected one that takes its result.
    """

    tasks: set[Task]
    needed: dict[Task, Task]


def selected(
    flow: Flow, keys: Keys, select: str | None, exclude: str | None, earlier: Earlier | None = None
) -> Selection:
    """The tasks to run.

    Args:
        keys: the key of each task.
        select: default: all.
        exclude: taken out of what `select` gives.
        earlier: knows what earlier runs left; None: nothing is kept.

    Raises:
        UsageError: an expression that matches nothing, cannot be read, or asks for what is not kept.
    """
    needs = upstreams(flow)
    chosen = _matches(flow, keys, needs, select, earlier) if select else set(flow.tasks)
    if exclude:
        chosen -= _matches(flow, keys, needs, exclude, earlier)
    wanted = [task for task in flow.tasks if task in chosen and not _is_carrier(task)]
    found = set(wanted)
    needed: dict[Task, Task] = {}
    for task in wanted:
        carriers = _carriers([task], needs)
        for upstream in [near for each in (task, *carriers) for near in needs[each]]:
            if upstream not in chosen and not _is_carrier(upstream):
                needed.setdefault(upstream, task)
        found |= carriers
    return Selection(found, needed)


def refuse_needed(selection: Selection, keys: Keys, why: str) -> None:
    """Raise where something that is not selected is needed.

    Args:
        why: it cannot be had, as the end of a sentence.

    Raises:
        UsageError: the first of those, with the way out.
    """
    for upstream, task in selection.needed.items():
        raise UsageError(
            f"the task `{keys[task]}` needs the result of `{keys[upstream]}`, which is not selected, "
            f"and {why}",
            hints=(f"select it with all that it needs: `--select +{keys[task]}`",),
        )


def _is_carrier(task: Task) -> bool:
    return task.is_carrier or isinstance(task, Parameter | Constant)


def _carriers(chosen: Iterable[Task], needs: dict[Task, list[Task]]) -> set[Task]:
    """The values that the chosen tasks take, through collections of them."""
    found: set[Task] = set()
    todo = list(chosen)
    while todo:
        for upstream in needs[todo.pop()]:
            if _is_carrier(upstream) and upstream not in found:
                found.add(upstream)
                todo.append(upstream)
    return found


def _matches(
    flow: Flow, keys: Keys, needs: dict[Task, list[Task]], expression: str, earlier: Earlier | None
) -> set[Task]:
    found: set[Task] = set()
    for part in expression.split():
        sets = [_atom(flow, keys, needs, atom, earlier) for atom in part.split(",")]
        found |= set.intersection(*sets)
    if not found:
        raise UsageError(f"nothing is selected by `{expression}`")
    return found


def _atom(
    flow: Flow, keys: Keys, needs: dict[Task, list[Task]], atom: str, earlier: Earlier | None
) -> set[Task]:
    match = _ATOM.match(atom)
    if match is None:
        raise UsageError(
            f"`{atom}` cannot be read as a selection",
            hints=("for example `train`, `+train`, `train+`, `2+train`, `tag:io`",),
        )
    start = _named(flow, keys, match["what"], earlier)
    found = set(start)
    if match["up"]:
        found |= _reached(start, needs, match["up"].strip("+"))
    if match["down"]:
        followers: dict[Task, list[Task]] = {task: [] for task in needs}
        for task, upstream_tasks in needs.items():
            for upstream in upstream_tasks:
                followers[upstream].append(task)
        found |= _reached(start, followers, match["down"].strip("+"))
    return found


def _named(flow: Flow, keys: Keys, what: str, earlier: Earlier | None) -> set[Task]:
    method, colon, value = what.partition(":")
    if colon and method in _OF_EARLIER_RUNS:
        if earlier is None:
            raise UsageError(f"`{what}` asks for what earlier runs left, and there is no history")
        return earlier(method, value)
    if colon and method == "tag":
        found = {task for task in flow.tasks if any(fnmatch.fnmatchcase(tag, value) for tag in task.tags)}
        if not found:
            tags = sorted({tag for task in flow.tasks for tag in task.tags})
            raise UsageError(f"no task of `{flow.name}` has the tag `{value}`", hints=_nearest(value, tags))
        return found
    found = {
        task
        for task, key in keys.items()
        if fnmatch.fnmatchcase(key, what) or fnmatch.fnmatchcase(task.name, what)
    }
    if not found:
        shown = [key for task, key in keys.items() if not _is_carrier(task)]
        raise UsageError(f"the flow `{flow.name}` has no task `{what}`", hints=_nearest(what, shown))
    return found


def _nearest(what: str, known: list[str]) -> tuple[str, ...]:
    near = difflib.get_close_matches(what, known, 1)
    if near:
        return (f"did you mean `{near[0]}`?",)
    return (f"it has {', '.join(f'`{name}`' for name in known[:12])}",) if known else ()


def _reached(start: set[Task], ways: dict[Task, list[Task]], steps: str) -> set[Task]:
    """All that can be reached, within so many steps where a number is given. A collection is no step."""
    left = int(steps) if steps else -1
    found: set[Task] = set()
    edge = list(start)
    while edge and left != 0:
        left -= 1
        after: list[Task] = []
        todo = [near for task in edge for near in ways[task]]
        while todo:
            task = todo.pop()
            if task in found:
                continue
            found.add(task)
            (todo.extend(ways[task]) if task.is_carrier else after.append(task))
        edge = after
    return found
