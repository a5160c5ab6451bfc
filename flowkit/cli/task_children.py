"""The children of a mapped task of a run of the past, for a person: how each of them stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from flowkit.cli import moments
from flowkit.cli.styled import joined
from flowkit.cli.table import columns, sentence
from flowkit.cli.wording import duration, one_line
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, ChildrenRecord, RunRecord
from flowkit.why.standing import said, stands

_CHILDREN = ("CHILD", "STATE", "ATTEMPTS", "STARTED", "TOOK", "WORKER", "")
_MOST = 10  # that are listed unless all are wanted

Children = Mapping[int, Sequence[AttemptRecord]]


def children_table(history: History, run: RunRecord, node: int, many: ChildrenRecord, *, whole: bool) -> str:
    """When the children were worked on, and a line for each; of many first those that are not ok.

    Args:
        whole: whether there is a line for all of them.
    """
    children = _children(history, run, node)
    shown = list(children) if whole else _first(run, children)
    parts = [
        sentence(joined(_times(many))),
        columns([_row(run, children[child]) for child in shown], _CHILDREN),
        "\n".join(_left_out(history, run, node, len(children) - len(shown))),
    ]
    return "\n\n".join(part for part in parts if part)


def _children(history: History, run: RunRecord, node: int) -> Children:
    found: dict[int, list[AttemptRecord]] = {}
    for (number, child), each in history.given(run).items():
        if number == node and child >= 0:
            found[child] = [each]
    for each in history.attempts(run, node):
        if each.child >= 0:
            found.setdefault(each.child, []).append(each)
    return dict(sorted(found.items()))


def _first(run: RunRecord, children: Children) -> list[int]:
    """The first of those that are not ok, and of the others as far as there is room, in order."""

    def is_ok(child: int) -> bool:
        status = stands(run, children[child][-1].status)
        return status.ended and not status.bad

    return sorted(sorted(children, key=lambda child: (is_ok(child), child))[:_MOST])


def _times(many: ChildrenRecord) -> list[str]:
    started = f"started {moments.at(many.started)}" if many.started else ""
    took = f"took {duration(many.took)}" if many.started and many.ended else ""
    total = sum(many.counts.values())
    return [f"{total:,} {'child' if total == 1 else 'children'}", started, took]


def _row(run: RunRecord, attempts: Sequence[AttemptRecord]) -> tuple[str, ...]:
    last = attempts[-1]
    status = stands(run, last.status)
    made = [each for each in attempts if each.attempt > 0]
    took = made[-1].duration if made else None
    return (
        last.key,
        f"{status.symbol} {status.word}",
        str(len(made)) if made else "",
        moments.clock(made[-1].started) if made else "",
        duration(took) if took is not None else "",
        made[-1].worker or "" if made else "",
        one_line(said(last), 100),
    )


def _left_out(history: History, run: RunRecord, node: int, number: int) -> Iterator[str]:
    if number > 0:
        command = f"flowkit runs show {run.number} {shlex.quote(history.key(run, node))} --children"
        yield f"{number:,} more; `{command}` lists all"
