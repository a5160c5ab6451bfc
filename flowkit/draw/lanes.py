"""Lanes: a drawing with one line for each task, in topological order, and its edges in lanes beside it.

Every line belongs to one task, and whatever the horizontal stroke of a line touches is joined to
that task. A thin lane hangs below a task and carries its result: tasks that it is joined to take
it. A heavy lane ends in a task: tasks that it is joined to give to it. Which of the two an edge
uses is chosen so that a fan out and in of any width takes two lanes. Where there are more lanes
than fit, those that lead furthest with fewest edges are left out, and both ends say so in words.
The work grows with tasks and edges times the lanes that fit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flowkit.draw.drawing import Drawing, Node
from flowkit.draw.labels import cells, fit, printable
from flowkit.draw.mark import NO_MARKS, Marks

_CELLS_PER_LANE = 5
_FEWEST_LANES = 3
_MOST_LANES = 24
_NAMES = 3
_LONGEST_NAME = 40  # where what became of the task is to be seen behind it
_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class _Signs:
    """Characters: lanes by the directions in which they leave the cell, tasks that go on below or not."""

    thin: str
    heavy: str
    task: str
    mapped: str
    parameter: str
    arrows: str
    ellipsis: str

    def of(self, node: Node, goes_on: bool) -> str:
        pair = self.parameter if node.kind == "parameter" else self.mapped if node.mapped else self.task
        return pair[not goes_on]


_UNICODE = _Signs(" │─╰││╭├─╯─┴╮┤┬┼", " ┃─┖┃┃┎┠─┚─┸┒┨┰╂", "●○", "◆◇", "■□", "←→", "…")
_ASCII = _Signs(" |-+||++-+-+++++", " !-#!!##-#-#####", "*o", "Mm", "Pp", "<>", "...")


@dataclass(slots=True, eq=False)
class _Lane:
    """The edges that share a lane: all from one task (thin) or all into one (heavy).

    Args:
        owner: the task's number, whose lane it is.
        others: the numbers of the tasks at the other ends.
        heavy: whether it leads into its owner.
        first, last: the lines where it begins and ends.
    """

    owner: int
    heavy: bool
    others: list[int] = field(default_factory=list)
    first: int = 0
    last: int = 0

    @property
    def cost(self) -> float:
        return (self.last - self.first) / len(self.others)


def render(drawing: Drawing, *, width: int = 100, ascii_only: bool = False, marks: Marks = NO_MARKS) -> str:
    """Return the drawing with a line for each task, at most `width` cells wide, and a legend.

    Args:
        drawing: what to draw; it has nodes.
        width: of the terminal, in cells; at least 20.
        ascii_only: use no character outside ASCII but those of labels.
        marks: what became of nodes in a run, by key; it stands behind their names.
    """
    signs = _ASCII if ascii_only else _UNICODE
    most = max(_FEWEST_LANES, min(width // _CELLS_PER_LANE, _MOST_LANES))
    view = _View(drawing, most, marks)
    strokes = _Strokes(view, signs).lines()
    column = max(map(len, strokes)) + 1
    room = max(width - column, 1)
    lines = [
        f"{stroke:{column}}{fit(view.caption(task, signs), room, signs.ellipsis)}".rstrip()
        for stroke, task in zip(strokes, view.order, strict=True)
    ]
    return "\n".join([*lines, "", *_wrapped(view.legend(signs), width, signs.ellipsis)])


class _View:
    """What is to be shown: the tasks in order, the lanes that fit and the edges that have none."""

    def __init__(self, drawing: Drawing, most: int, marks: Marks) -> None:
        self.nodes, self.marks = drawing.nodes, marks
        self.names = [printable(node.label) for node in self.nodes]
        number = {node.key: at for at, node in enumerate(self.nodes)}
        self.edges = drawing.merged_edges()
        self.pairs = [(number[edge.source], number[edge.target]) for edge in self.edges]
        self.order = _depth_first(len(self.nodes), self.pairs)
        self.line = [0] * len(self.nodes)
        for at, task in enumerate(self.order):
            self.line[task] = at
        lanes = self._lanes()
        cut = _cut(lanes, most)
        self.lanes = [lane for lane in lanes if lane not in cut]
        self.sources: list[list[str]] = [[] for _ in self.nodes]
        self.targets: list[list[str]] = [[] for _ in self.nodes]
        self._caption_cut([lane for lane in lanes if lane in cut])
        self._caption_labels()

    def _lanes(self) -> list[_Lane]:
        """Share out the edges: each goes to the end where more edges meet, the source if as many."""
        outs, ins = [0] * len(self.nodes), [0] * len(self.nodes)
        for source, target in self.pairs:
            outs[source] += 1
            ins[target] += 1
        heavy = [ins[target] > outs[source] for source, target in self.pairs]
        gathered = Counter(target for (_, target), is_so in zip(self.pairs, heavy, strict=True) if is_so)
        lanes: dict[tuple[int, bool], _Lane] = {}
        for (source, target), is_heavy in zip(self.pairs, heavy, strict=True):
            shared = is_heavy and gathered[target] > 1
            owner, other = (target, source) if shared else (source, target)
            lanes.setdefault((owner, shared), _Lane(owner, shared)).others.append(other)
        for lane in lanes.values():
            lines = [self.line[task] for task in (lane.owner, *lane.others)]
            lane.first, lane.last = min(lines), max(lines)
        return list(lanes.values())

    def _caption_cut(self, cut: list[_Lane]) -> None:
        for lane in cut:
            for other in lane.others:
                source, target = (other, lane.owner) if lane.heavy else (lane.owner, other)
                self.targets[source].append(self.names[target])
                self.sources[target].append(self.names[source])

    def _caption_labels(self) -> None:
        for edge, (source, target) in zip(self.edges, self.pairs, strict=True):
            if edge.label:
                name = self.names[source]
                if name in self.sources[target]:
                    self.sources[target].remove(name)
                self.sources[target].append(f"{name}: {printable(edge.label)}")

    def caption(self, task: int, signs: _Signs) -> str:
        """Return a task's name, and in words the edges that carry a label or have no lane."""
        mark = list(self._mark(task, signs))
        words = [fit(self.names[task], _LONGEST_NAME, signs.ellipsis) if mark else self.names[task], *mark]
        for arrow, names in zip(signs.arrows, (self.sources[task], self.targets[task]), strict=True):
            if names:
                more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
                words.append(f"{arrow} {', '.join(names[:_NAMES])}{more}")
        return "  ".join(words)

    def _mark(self, task: int, signs: _Signs) -> Iterator[str]:
        mark = self.marks.get(self.nodes[task].key)
        if mark is not None:
            critical = " · critical" if mark.is_critical else ""
            yield printable(
                mark.ascii + critical.replace("·", "-") if signs is _ASCII else mark.line + critical
            )

    def legend(self, signs: _Signs) -> Iterable[str]:
        yield f"{signs.task[0]} goes on below, {signs.task[1]} does not"
        if any(node.mapped and node.kind == "task" for node in self.nodes):
            yield f"{' '.join(signs.mapped)} mapped: runs once for each element"
        if any(node.kind == "parameter" for node in self.nodes):
            yield f"{' '.join(signs.parameter)} parameter"
        if any(lane.heavy for lane in self.lanes):
            yield f"{signs.heavy[_UP]} leads to the task at its end"


class _Strokes:
    """Draws line after line; `columns` has the lane that stands in each column, if any."""

    def __init__(self, view: _View, signs: _Signs) -> None:
        self.view, self.signs = view, signs
        self.columns: list[_Lane | None] = []
        self.below: dict[int, _Lane] = {}
        self.joined: list[list[_Lane]] = [[] for _ in view.nodes]
        for lane in view.lanes:
            if not lane.heavy:
                self.below[lane.owner] = lane
            for task in (lane.owner, *lane.others) if lane.heavy else lane.others:
                self.joined[task].append(lane)

    def lines(self) -> list[str]:
        return [self._line(line, task) for line, task in enumerate(self.view.order)]

    def _line(self, line: int, task: int) -> str:
        before = list(self.columns)
        column = self._column_of(line, task)
        self._open(line, task, column)
        touched = {
            at
            for at, lane in enumerate(self.columns)
            if lane is not None and at != column and lane in self.joined[task]
        }
        after = [lane if lane is not None and lane.last > line else None for lane in self.columns]
        after[column] = self.below.get(task)
        text = self._stroke(before, after, column, touched)
        self.columns = after
        sign = self.signs.of(self.view.nodes[task], task in self.below)
        return f"{text[: 2 * column]}{sign}{text[2 * column + 1 :]}".rstrip()

    def _column_of(self, line: int, task: int) -> int:
        """Choose where the task stands: below a heavy lane that ends here, else a thin one, else freely."""
        ending = [
            (not lane.heavy, at)
            for at, lane in enumerate(self.columns)
            if lane is not None and lane.last == line and lane in self.joined[task]
        ]
        return min(ending)[1] if ending else self._free(-1)

    def _open(self, line: int, task: int, column: int) -> None:
        for lane in self.joined[task]:
            if lane.heavy and lane.first == line:
                self.columns[self._free(column)] = lane

    def _free(self, column: int) -> int:
        """Return the first column without a lane, other than the one given, making room if there is none."""
        for at, lane in enumerate(self.columns):
            if lane is None and at != column:
                return at
        self.columns.append(None)
        return self._free(column) if len(self.columns) - 1 == column else len(self.columns) - 1

    def _stroke(
        self, before: Sequence[_Lane | None], after: Sequence[_Lane | None], column: int, touched: set[int]
    ) -> str:
        """Return the lanes of a line, two characters for each column, the stroke between what is joined."""
        left, right = min([column, *touched]), max([column, *touched])
        text: list[str] = []
        for at, lane in enumerate(self.columns):
            stroke = _LEFT * (left < at) | _RIGHT * (at < right) if left <= at <= right else 0
            upright = _UP * (at < len(before) and before[at] is not None) | _DOWN * (after[at] is not None)
            characters = self.signs.heavy if lane is not None and lane.heavy else self.signs.thin
            directions = upright if upright and at not in touched else upright | stroke
            text += characters[directions], self.signs.thin[_RIGHT if left <= at < right else 0]
        return "".join(text)


def _depth_first(size: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return a topological order in which a task comes soon after what it waits for."""
    after: list[list[int]] = [[] for _ in range(size)]
    missing = [0] * size
    for source, target in pairs:
        after[source].append(target)
        missing[target] += 1
    waiting = [task for task in reversed(range(size)) if not missing[task]]
    order: list[int] = []
    while waiting:
        task = waiting.pop()
        order.append(task)
        for target in reversed(after[task]):
            missing[target] -= 1
            if not missing[target]:
                waiting.append(target)
    return order


def _cut(lanes: Sequence[_Lane], most: int) -> set[_Lane]:
    """Choose the lanes to leave out so that with the task's own column no line has more than `most`."""
    cut: set[_Lane] = set()
    costly: list[tuple[float, int, _Lane]] = []
    ends: list[tuple[int, int, _Lane]] = []
    active = 0
    for number, lane in enumerate(sorted(lanes, key=lambda lane: lane.first)):
        while ends and ends[0][0] < lane.first:
            active -= heapq.heappop(ends)[2] not in cut
        heapq.heappush(ends, (lane.last, number, lane))
        heapq.heappush(costly, (-lane.cost, number, lane))
        active += 1
        while active > most - 1:
            worst = heapq.heappop(costly)[2]
            if worst.last >= lane.first:
                cut.add(worst)
                active -= 1
    return cut


def _wrapped(entries: Iterable[str], width: int, ellipsis: str) -> list[str]:
    """Put as many entries on a line as fit."""
    lines: list[str] = []
    for entry in entries:
        if lines and cells(lines[-1]) + 3 + cells(entry) <= width:
            lines[-1] += f"   {entry}"
        else:
            lines.append(fit(entry, width, ellipsis))
    return lines
