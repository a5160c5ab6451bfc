"""The lines that are live during a run, from what is known: a row a task, then the bar of them all.

Pure: what is drawn depends on the arguments alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from flowkit.cli.reasons import upstreams
from flowkit.cli.styled import Part, Styled, padded, shortened, width
from flowkit.cli.tally import Child, Tally
from flowkit.cli.wording import counted, duration, listed, shown, ticking
from flowkit.engine.limiting import waits
from flowkit.plan.events import Row
from flowkit.plan.status import FAILED, READY, SUCCESS, TIMED_OUT, WAITING, Status

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

MOST_ROWS = 10
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SPINS = 10  # a second
_WIDEST_KEY = 32
_WIDEST_BAR = 20
_ETA_FROM = 3.0  # seconds a mapped task has run before it is worth a guess when it ends
_MOST_ASKED = 50


def frame(
    engine: Engine, tally: Tally, *, now: float, started: float, columns: int, rows: int, keys: int = 8
) -> list[Styled]:
    """The lines, each fit for so many columns by cutting.

    Args:
        now, started: seconds of the run's clock.
        columns, rows: of the terminal.
        keys: columns for the keys of tasks, at least.
    """
    return _Frame(engine, tally, now, columns, keys).lines(now - started, max(1, min(MOST_ROWS, rows - 4)))


def key_width(tally: Tally, engine: Engine, columns: int) -> int:
    """Columns for the keys of tasks, in rows that stand below each other."""
    keys = engine.plan.keys
    longest = max((len(key) for node, key in enumerate(keys) if not tally.hidden(node)), default=0)
    return max(8, min(longest, _WIDEST_KEY, columns // 2 - 4))


def bar(share: float, columns: int) -> Styled:
    """`━━━━╸────`: also without colours one sees how far it is."""
    halves = round(max(0.0, min(1.0, share)) * columns * 2)
    full, half = divmod(halves, 2)
    line: list[Part] = [("━" * full + "╸" * half, "green")]
    return [*line, ("─" * (columns - full - half), "bright_black")]


class _Frame:
    def __init__(self, engine: Engine, tally: Tally, now: float, columns: int, keys: int) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._tally = tally
        self._now = now
        self._columns = columns
        self._least_key = min(keys, columns // 2 - 4)
        spin = _SPINNER[int(now * _SPINS) % len(_SPINNER)]
        self._spin: Part = (f"  {spin} ", "cyan")
        self._running, self._retrying = tally.running, tally.retrying
        self._at_work = [*self._running, *self._retrying]
        self._delayed = dict(waits(engine))
        self._running_of = Counter(node for node, _ in self._running)
        self._retrying_of = Counter(node for node, _ in self._retrying)

    def lines(self, elapsed: float, most: int) -> list[Styled]:
        active = self._active()
        shown_rows = active if len(active) <= most else active[: most - 1]
        room = most - len(shown_rows)
        waiting = [] if len(active) > most else self._next(min(room, 3), {child[0] for child in active})
        self._key_columns = self._columns_for([*shown_rows, *((node, -1) for node in waiting)])
        lines: list[Styled] = [self._row(child) for child in shown_rows]
        if len(active) > most:
            lines.append([(f"    … {counted(len(active) - most + 1, 'more task')} at work", "dim")])
        lines += [self._waiting_row(node) for node in waiting]
        return [*lines, self._total(elapsed)]

    # -- who ----------------------------------------------------------------------------------

    def _active(self) -> list[Child]:
        """Who is at work: a mapped task once, for its children. In the order of the plan."""
        groups = self._tally.groups
        return sorted({(node, -1) if node in groups else (node, index) for node, index in self._at_work})

    def _next(self, most: int, active: Container[int]) -> list[int]:
        """The first tasks that lack what there is a limit of, then the first that have not begun."""
        status = self._engine.machine.status
        found = [node for node in self._delayed if node not in active][:most]
        position = status.find(WAITING)
        for _ in range(_MOST_ASKED):
            if position < 0 or len(found) >= most:
                break
            if not self._tally.hidden(position):
                found.append(position)
            position = status.find(WAITING, position + 1)
        return found

    def _columns_for(self, children: Sequence[Child]) -> int:
        longest = max((len(shown(self._plan.key(*child))) for child in children), default=0)
        return max(8, self._least_key, min(longest, _WIDEST_KEY, self._columns // 2 - 4))

    # -- rows ---------------------------------------------------------------------------------

    def _row(self, child: Child) -> Styled:
        if child[0] in self._tally.groups:
            return self._group_row(child[0])
        if child in self._retrying:
            return self._retry_row(child, self._retrying[child])
        row = self._running[child]
        word = "iteration" if child in self._tally.looping else "attempt"
        attempt = f"{word} {row[2]}" if row[2] > 1 else ""
        time = duration(self._now - row[4])
        return [self._spin, self._key(child), (f"{time:<9}", ""), (attempt, "yellow")]

    def _key(self, child: Child) -> Part:
        return (f"{padded(shown(self._plan.key(*child)), self._key_columns)}  ", "")

    def _retry_row(self, child: Child, row: Row) -> Styled:
        wait = row[7].retry_in if row[7] is not None and row[7].retry_in is not None else 0.0
        left = max(0.0, row[5] + wait - self._now)
        look = Status.RETRYING
        text = f"attempt {row[2] + 1} in {duration(left)}"
        return [(f"  {look.symbol} ", look.style), self._key(child), (text, look.style)]

    def _group_row(self, node: int) -> Styled:
        group, done = self._tally.groups[node], self._tally.ended[node]
        running, retries = self._running_of[node], self._retrying_of[node]
        failed = sum(group.counts.get(status, 0) for status in (FAILED, TIMED_OUT))
        line: list[Part] = [self._spin, self._key((node, -1)), (f"{f'{done:,}/{group.width:,}':<9}", "")]
        notes = [(f"{running} running", "dim")]
        if failed:
            notes.append((f"{failed:,} failed", "red"))
        if retries:
            notes.append((f"{retries:,} {'retry' if retries == 1 else 'retries'}", "yellow"))
        age = self._now - group.began
        if node in self._delayed:
            notes.append((self._delayed[node], "dim"))
        elif done and age > _ETA_FROM:
            notes.append((f"eta {ticking(age / done * (group.width - done))}", "dim"))
        return [*line, *_with_dots(notes)]

    def _waiting_row(self, node: int) -> Styled:
        needs = [] if node in self._delayed else self._waits_for(node)
        text = self._delayed.get(node) or (f"waiting for {listed(needs, 2)}" if needs else "waiting")
        look = Status.WAITING
        return [(f"  {look.symbol} ", look.style), (self._key((node, -1))[0], "dim"), (text, "dim")]

    def _waits_for(self, node: int) -> list[str]:
        """The tasks that have not ended, through those that only carry values."""
        status = self._engine.machine.status
        found: dict[str, None] = {}
        todo, seen = upstreams(self._plan, node)[::-1], {node}
        while todo and len(seen) < _MOST_ASKED:
            source = todo.pop()
            if source in seen or status[source] >= SUCCESS:
                continue
            seen.add(source)
            if self._tally.hidden(source) and status[source] < READY:
                todo += upstreams(self._plan, source)[::-1]
            else:
                found[shortened(shown(self._plan.keys[source]), _WIDEST_KEY)] = None
        return list(found)

    # -- the bar ------------------------------------------------------------------------------

    def _total(self, elapsed: float) -> Styled:
        tally = self._tally
        facts = f"  {tally.done:,}/{tally.total:,} · {ticking(elapsed)}"
        columns = max(4, min(_WIDEST_BAR, self._columns - len(facts) - 4))
        share = tally.done / tally.total if tally.total else 1.0
        line: list[Part] = [("  ", ""), *bar(share, columns), (facts, "")]
        failed = tally.counts[FAILED] + tally.counts[TIMED_OUT]
        if failed:
            line.append((f" · {failed:,} failed", "red"))
        hint = self._hint()
        if width(line) + len(hint) + 3 < self._columns:
            line.append((f"   {hint}", "yellow" if self._is_stopping else "dim"))
        return line

    @property
    def _is_stopping(self) -> bool:
        """Also before the main thread can see to it, as it may be in an inline task."""
        return self._engine.machine.stopping or self._engine.interrupts.happened is not None

    def _hint(self) -> str:
        if not self._is_stopping:
            return "ctrl-c to stop"
        return "stopping · ctrl-c again to quit now" if self._engine.interrupts.happened else "stopping"


def _with_dots(notes: Sequence[Part]) -> Iterator[Part]:
    for position, note in enumerate(notes):
        if position:
            yield (" · ", "dim")
        yield note
