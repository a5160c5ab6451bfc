"""What tasks ask of who sits at the terminal: `input()`, `breakpoint()`, a debugger's prompt.

Guarantees: a prompt is seen before its answer is waited for, one at a time; where nobody can be asked, the
task is told so at once; a run that stops waits for no answer. What comes from a pipe is read as ever.
Not seen is who reads file descriptor 0 or `/dev/tty` without `sys.stdin`, as programs that a task starts do.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from threading import Lock
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, cast

from flowkit.engine.mask import MASK

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.plan.events import Call

# Given the key of the task, the prompt, and what tells that there is no need to wait any more: the line.
Ask = Callable[[str, str, Callable[[], bool]], str]

_NOBODY = (
    "nobody can be asked here: give the task what it needs as a parameter; "
    "`--pdb` opens the debugger on a task that failed"
)
_NO_DEBUGGER = (
    "`breakpoint()` has no terminal here: `flowkit run … --pdb` opens the debugger where a task has failed, "
    "`flowkit replay RUN TASK --pdb` runs one again"
)


class Asking(NamedTuple):
    """A run whose tasks may ask.

    Attributes:
        call: the one of this run that the thread carries out.
        begun: takes away what that has printed without a line end, which is the prompt.
    """

    engine: Engine
    call: Callable[[], Call | None]
    begun: Callable[[Call], str]


_installing = Lock()
_runs: list[Asking] = []
_ask: Ask | None = None
_before: tuple[Any, Any] | None = None  # `sys.stdin` and `sys.breakpointhook`


def lend(ask: Ask | None) -> None:
    """Who has the terminal says how a question is asked there; None: no longer."""
    global _ask
    _ask = ask


def listen(asking: Asking) -> None:
    """Stand between the tasks of a run and the keyboard."""
    global _before
    with _installing:
        _runs.append(asking)
        if _before is None and sys.stdin is not None:
            _before = sys.stdin, sys.breakpointhook
            sys.stdin = cast(TextIO, _Keyboard(sys.stdin))
            sys.breakpointhook = _debug


def forget(engine: Engine) -> None:
    """Do so no longer. Takes no lock, as forked children call it."""
    global _before
    _runs[:] = [each for each in _runs if each.engine is not engine]
    if _runs or _before is None:
        return
    stdin, hook = _before
    _before = None
    if isinstance(sys.stdin, _Keyboard):  # else somebody has put another there
        sys.stdin = stdin
    if sys.breakpointhook is _debug:
        sys.breakpointhook = hook


def be_nobody() -> None:
    """Have all that is asked in this process refused: nobody is at its standard input."""
    sys.stdin = cast(TextIO, _Nobody())
    sys.breakpointhook = _refuse_debugger


def _refuse_debugger(*args: Any, **options: Any) -> Any:
    if os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*args, **options)
    raise RuntimeError(_NO_DEBUGGER)


def _asking() -> tuple[Asking, Call] | None:
    for each in reversed(_runs):
        call = each.call()
        if call is not None:
            return each, call
    return None


def _debug(*args: Any, **options: Any) -> Any:
    """`breakpoint()`: as ever, where it can be answered."""
    hook = _before[1] if _before is not None else sys.__breakpointhook__
    chosen = os.environ.get("PYTHONBREAKPOINT", "")
    if hook is not sys.__breakpointhook__ or chosen or _asking() is None:
        return hook(*args, **options)
    if _ask is None or not sys.stdin.isatty():
        raise RuntimeError(_NO_DEBUGGER)
    import pdb

    return pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))  # Ctrl-C stays the run's


class _Keyboard(io.TextIOBase):
    """Stands for `sys.stdin`.

    Attributes:
        behind: what is read where no task asks, and where it is no terminal.
    """

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.behind.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.behind.errors

    @property
    def buffer(self) -> Any:
        """The bytes behind; of a terminal a task gets lines only."""
        if self._asked() is not None:
            raise EOFError(_NOBODY)
        return self.behind.buffer

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.behind.fileno()

    def isatty(self) -> bool:
        return self.behind.isatty() and (_ask is not None or _asking() is None)

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        asked = self._asked()
        if asked is None:
            return self.behind.readline(-1 if size is None else size)
        asking, call = asked
        if _ask is None:
            raise _refusal(sys._getframe(1))
        engine = asking.engine
        prompt = MASK.text(asking.begun(call))
        return _ask(engine.plan.key(call[0], call[1]), prompt, lambda: _is_over(engine))

    def read(self, size: int | None = -1, /) -> str:
        if self._asked() is None:
            return self.behind.read(-1 if size is None else size)
        return self.readline() if size is not None and size >= 0 else "".join(self._lines())

    def _lines(self) -> Iterable[str]:
        while line := self.readline():
            yield line

    def _asked(self) -> tuple[Asking, Call] | None:
        """Who asks for what somebody is to type."""
        return _asking() if self.behind.isatty() else None

    def close(self) -> None:
        """Nothing: the stream behind belongs to the program."""


class _Nobody(io.TextIOBase):
    """Stands for `sys.stdin` where nobody ever types: at its end, and says so to who asks for a line."""

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        raise _refusal(sys._getframe(1))

    def read(self, size: int | None = -1, /) -> str:
        return ""

    def __next__(self) -> str:  # type: ignore[override]
        raise StopIteration

    @property
    def buffer(self) -> Any:
        """No bytes."""
        return io.BytesIO()


def _refusal(asks: FrameType) -> Exception:
    # To pdb an `EOFError` would mean that somebody wants to leave it.
    is_debugger = asks.f_globals.get("__name__") == "cmd"
    return RuntimeError(_NO_DEBUGGER) if is_debugger else EOFError(_NOBODY)


def _is_over(engine: Engine) -> bool:
    return engine.machine.stopping or engine.interrupts.happened is not None
