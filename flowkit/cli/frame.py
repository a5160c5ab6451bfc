"""The lines that are live during a run, from what is known: a row a task, then the bar of them all.

Pure: what is drawn depends on the arguments alone.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from flowkit.cli.bars import Note, bar, figures_of, fitting, joined, share_of
from flowkit.cli.failures import attempt_text, failure_text
from flowkit.cli.guesses import attempts_left, group_left, parts_done
from flowkit.cli.reasons import pause_text, upstreams
from flowkit.cli.styled import Part, Styled, cells, padded, shortened, width
from flowkit.cli.tally import Child, GroupTally, Tally
from flowkit.cli.wording import counted, duration, last_shown, listed, shown, ticking
from flowkit.engine.limiting import waits
from flowkit.plan.events import Report, Row
from flowkit.plan.status import CACHED, FAILED, PAUSED, READY, SUCCESS, TIMED_OUT, WAITING, Status

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

MOST_ROWS = 10
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SPINS = 10  # a second
_WIDEST_KEY = 32
_WIDEST_BAR = 20
_NARROW, _WIDE = 60, 100  # columns below, and from which, less and more is shown
_FIGURES = 12  # columns for figures, at least, where it is not narrow
_MOST_ASKED = 50
_URGENT = 4  # the weight of notes that a bar does not push out
_BEFORE_BEGUN = "  "
_LEAST_BEGUN = 8  # columns
_HINT = "   ctrl-c to stop"


def frame(
    engine: Engine,
    tally: Tally,
    *,
    now: float,
    started: float,
    columns: int,
    rows: int,
    keys: int = 8,
    left: float | None = None,
) -> list[Styled]:
    """The lines, each fit for so many columns by cutting.

    Args:
        now, started: seconds of the run's clock.
        columns, rows: of the terminal.
        keys: columns for the keys of tasks, at least.
        left: seconds that the run still takes; None: that is not known.
    """
    drawn = _Frame(engine, tally, now, columns, keys, left)
    return drawn.lines(now - started, max(1, min(MOST_ROWS, rows - 4)))


def key_width(tally: Tally, engine: Engine, columns: int) -> int:
    """Columns for the keys of tasks, in rows that stand below each other."""
    keys = engine.plan.keys
    longest = max((cells(shown(key)) for node, key in enumerate(keys) if not tally.hidden(node)), default=0)
    return _key_columns(longest, columns)


def _key_columns(longest: int, columns: int, least: int = 8) -> int:
    """A third of the terminal at most, so that there is room for what is said of the task."""
    return max(8, min(max(longest, least), _WIDEST_KEY, columns * 3 // 8))


class _Frame:
    def __init__(
        self, engine: Engine, tally: Tally, now: float, columns: int, keys: int, left: float | None
    ) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._tally = tally
        self._now = now
        self._columns = columns
        self._least_key = keys
        spin = _SPINNER[int(now * _SPINS) % len(_SPINNER)]
        self._spin: Part = (f"  {spin} ", "cyan")
        self._retrying, self._paused = tally.retrying, tally.paused
        self._delayed = dict(waits(engine))
        self._parts = parts_done(tally)
        self._since: dict[int, list[float]] = {}  # by node: since when its attempts run
        for (node, _), row in tally.running.items():
            self._since.setdefault(node, []).append(row[4])
        self._guesses = self._guessed()
        self._left = self._whole(left)

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
        """Who is at work: a mapped task once, for its children. In the order of the flow."""
        groups = self._tally.groups
        found: set[Child] = {(node, -1) for node in self._since if node in groups}
        if any(node not in groups for node in self._since):
            found.update(child for child in self._tally.running if child[0] not in groups)
        for children in (self._retrying, self._paused):
            found.update((node, -1) if node in groups else (node, index) for node, index in children)
        places = self._tally.places
        return sorted(found) if places is None else sorted(found, key=lambda child: (places[child[0]], child))

    def _next(self, most: int, active: Container[int]) -> list[int]:
        """The first tasks that lack what there is a limit of, then the first that have not begun."""
        status = self._engine.machine.status
        found = [node for node in self._delayed if node not in active][:most]
        delayed = len(found)
        position = status.find(WAITING)
        for _ in range(_MOST_ASKED):
            if position < 0 or len(found) >= most:
                break
            if not self._tally.hidden(position):
                found.append(position)
            position = status.find(WAITING, position + 1)
        places = self._tally.places
        return (
            found if places is None else [*found[:delayed], *sorted(found[delayed:], key=places.__getitem__)]
        )

    def _columns_for(self, children: Sequence[Child]) -> int:
        longest = max((cells(shown(self._plan.key(*child))) for child in children), default=0)
        return _key_columns(longest, self._columns, self._least_key)

    # -- how long -----------------------------------------------------------------------------

    def _guessed(self) -> dict[Child, float]:
        """Seconds until what is at work ends, by itself, where that can be guessed."""
        tally, now = self._tally, self._now
        groups = tally.groups
        found = {child: left for child, left in attempts_left(tally, now).items() if child[0] not in groups}
        for node, since in self._since.items():
            if (group := groups.get(node)) is not None and node not in self._delayed:
                left = group_left(group, tally.ended[node], self._parts.get(node, 0.0), since, now)
                if left is not None:
                    found[node, -1] = left
        return found

    def _whole(self, left: float | None) -> float | None:
        """Seconds until the run ends.

        That is after each task that says itself when it ends; where it is not known from earlier runs, but
        all that is left is at work, when that ends.
        """
        tally, groups = self._tally, self._tally.groups
        if left is None:
            at_work = (
                groups[node].width - tally.ended[node] if node in groups else 1 for node, _ in self._guesses
            )
            is_all = bool(self._guesses) and sum(at_work) == tally.total - tally.done
            return max(self._guesses.values()) if is_all else None
        said = (each for (node, _), each in self._guesses.items() if node not in groups)
        return max(left, *said, 0.0)

    def _eta(self, child: Child) -> str:
        """`eta 0:12`: never later than that of the run."""
        found = self._guesses.get(child)
        return "" if found is None else _eta(found if self._left is None else min(found, self._left))

    # -- rows ---------------------------------------------------------------------------------

    def _row(self, child: Child) -> Styled:
        if child[0] in self._tally.groups:
            return self._group_row(child[0])
        if child in self._retrying:
            return self._retry_row(child, self._retrying[child])
        if child in self._paused:
            row = self._paused[child]
            return self._said_row(Status.PAUSED, child, self._pause_text(row))
        return self._running_row(child, self._tally.running[child])

    def _key(self, child: Child) -> Part:
        return (f"{padded(shown(self._plan.key(*child)), self._key_columns)}  ", "")

    def _said_row(self, look: Status, child: Child, text: str) -> Styled:
        return [(f"  {look.symbol} ", look.style), self._key(child), (text, look.style)]

    def _with_notes(self, line: list[Part], notes: Sequence[Note]) -> Styled:
        return [*line, *joined(fitting(notes, self._columns - 1 - width(line)))]

    def _running_row(self, child: Child, row: Row) -> Styled:
        word = "iteration" if child in self._tally.looping else "attempt"
        attempt = Note(f"{word} {row[2]}" if row[2] > 1 else "", "yellow", 2)
        age = self._now - row[4]
        report = self._tally.report_of(row)
        if report is None:
            line = [self._spin, self._key(child), (f"{duration(age):<9}", "")]
            return self._with_begun(row, self._with_notes(line, [attempt]))
        notes = [Note(duration(age), "dim", 1), Note(self._eta(child), "dim", 3), attempt]
        line = [self._spin, self._key(child), *self._progress(report)]
        return self._with_begun(row, self._with_notes(line, notes))

    def _with_begun(self, row: Row, line: Styled) -> Styled:
        """With what the attempt has printed last without a line end, as much as there is room for."""
        text = self._engine.unfinished(row[:3])
        said = last_shown(text).rstrip() if text else ""
        room = self._columns - 1 - width(line) - len(_BEFORE_BEGUN)
        if not said or room < _LEAST_BEGUN:
            return line
        if cells(said) > room and "\r" not in text:  # it grows at its end
            said = f"…{said[1 - room :]}"
        return [*line, (_BEFORE_BEGUN, "dim"), (shortened(said, room), "dim")]

    def _progress(self, report: Report) -> Sequence[Part]:
        narrow = self._columns < _NARROW
        figures = self._figures(figures_of(report, short=narrow), 4)
        share = share_of(report)
        if share is None:
            return [figures]
        return [*self._bar(share), figures]

    def _bar(self, share: float) -> Styled:
        columns = 6 if self._columns < _NARROW else _WIDEST_BAR if self._columns >= _WIDE else 10
        return [*bar(share, columns), (" ", "")]

    def _figures(self, text: str, least: int) -> Part:
        return (f"{text:<{least if self._columns < _NARROW else _FIGURES}}  ", "")

    def _retry_row(self, child: Child, row: Row) -> Styled:
        attempt = attempt_text(self._engine, row, row[2] + 1)
        if self._columns < _NARROW:
            attempt = attempt.removeprefix("attempt ")
        said = f"{attempt} in {_countdown(self._wait_of(row))}"
        line = [*self._said_row(Status.RETRYING, child, said)]
        return self._with_notes(line, [Note(f"  {failure_text(row, 60)}", "dim", 1)])

    def _wait_of(self, row: Row) -> float:
        """Seconds until what waits for another attempt has it."""
        wait = row[7].retry_in if row[7] is not None and row[7].retry_in is not None else 0.0
        return max(0.0, float(row[5] + wait - self._now))

    def _pause_text(self, row: Row) -> str:
        detail = row[7]
        if detail is not None and detail.retry_in is not None:
            return f"goes on in {_countdown(self._wait_of(row))}"
        return pause_text(self._engine, row) or Status.PAUSED.word

    def _group_row(self, node: int) -> Styled:
        group, done = self._tally.groups[node], self._tally.ended[node]
        line: list[Part] = [self._spin, self._key((node, -1))]
        part, figures = self._parts.get(node, 0.0), self._figures(f"{done:,}/{group.width:,}", 9)
        notes = self._group_notes(node, group)
        if group.width and (self._columns >= _WIDE or part):
            with_bar = [*line, *self._bar((done + part) / group.width), figures]
            urgent = [note for note in notes if note.text and note.weight >= _URGENT]
            if len(fitting(urgent, self._columns - 1 - width(with_bar))) == len(urgent):
                return self._with_notes(with_bar, notes)
        return self._with_notes([*line, figures], notes)

    def _group_notes(self, node: int, group: GroupTally) -> Sequence[Note]:
        failed = group.counts.get(FAILED, 0) + group.counts.get(TIMED_OUT, 0)
        cached, paused = group.counts.get(CACHED, 0), sum(child[0] == node for child in self._paused)
        running = len(self._since.get(node, ()))
        notes = [Note(f"{running:,} running" if running else "", "dim", 2)]
        if failed:
            notes.append(Note(f"{failed:,} failed", "red", 6))
        retries = [row for child, row in self._retrying.items() if child[0] == node]
        if retries:
            number = counted(len(retries), "retry").replace("retrys", "retries")
            next_one = _countdown(min(map(self._wait_of, retries)))
            notes.append(Note(f"{number} in {next_one}", "yellow", 4))
        if paused:
            notes.append(Note(f"{paused:,} {Status(PAUSED).word}", "yellow", 4))
        if cached:
            notes.append(Note(f"{cached:,} cached", "dim", 1))
        if node in self._delayed:
            notes.append(Note(self._delayed[node], "dim", 5))
        return [*notes, Note(self._eta((node, -1)), "dim", 3)]

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
        failed = tally.counts[FAILED] + tally.counts[TIMED_OUT]
        cached = tally.counts[CACHED]
        eta = "" if self._left is None or self._is_stopping else _eta(self._left)
        notes = [
            Note(f"{tally.done:,}/{tally.total:,}", "", 9),
            Note(ticking(elapsed), "", 5),
            Note(eta, "", 7),
            Note(f"{failed:,} failed" if failed else "", "red", 8),
            Note(f"{cached:,} cached" if cached else "", "dim", 1),
        ]
        if self._is_stopping:
            notes.append(Note("stopping", "yellow", 9))
            if self._engine.interrupts.happened:
                notes.append(Note("ctrl-c again to quit now", "yellow", 6))
        kept = fitting(notes, self._columns - 9)
        facts = sum(cells(note.text) + 3 for note in kept) - 3
        columns = max(4, min(_WIDEST_BAR, self._columns - facts - 5))
        share = (tally.done + sum(self._parts.values())) / tally.total if tally.total else 1.0
        line: list[Part] = [("  ", ""), *bar(share, columns), ("  ", ""), *joined(kept)]
        if not self._is_stopping and width(line) + len(_HINT) < self._columns:
            line.append((_HINT, "dim"))
        return line

    @property
    def _is_stopping(self) -> bool:
        """Also before the main thread can see to it, as it may be in an inline task."""
        return self._engine.machine.stopping or self._engine.interrupts.happened is not None


def _eta(left: float) -> str:
    return f"eta {ticking(math.ceil(left))}"


def _countdown(seconds: float) -> str:
    """`3s`, `1:05`: as often as it changes one can read it."""
    whole = math.ceil(seconds)
    return f"{whole}s" if whole < 60 else ticking(whole)
