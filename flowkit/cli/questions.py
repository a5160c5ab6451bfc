"""What tasks ask at the terminal: a prompt behind the task's key, and the line that is typed.

Guarantees: one question at a time; nobody waits for an answer, or for the turn to ask, once
the run stops.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowkit.cli.wording import last_styled, shown

if TYPE_CHECKING:
    from flowkit.cli.console import Console

_TURN = 0.1  # seconds between two looks at whether the run stops
_LONGEST = 65536  # bytes; a terminal gives one line at a time, which is shorter
_KEYBOARD = 0


class Questions:
    """Asks them at the terminal of one command."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turn = threading.Lock()

    def ask(self, key: str, prompt: str, is_over: Callable[[], bool]) -> str:
        """The line that is typed, with its end; "" for Ctrl-D.

        Args:
            key: of the task that asks.
            is_over: whether the run stops.

        Raises:
            KeyboardInterrupt: it does.
        """
        while not self._turn.acquire(timeout=_TURN):
            _go_on(is_over)
        try:
            question = [(f"  {shown(key)} ", "cyan"), ("? ", "dim"), *last_styled(prompt)]
            return self._console.ask(question, lambda: _typed(is_over))
        finally:
            self._turn.release()


def _typed(is_over: Callable[[], bool]) -> str:
    while not select.select([_KEYBOARD], [], [], _TURN)[0]:
        _go_on(is_over)
    return os.read(_KEYBOARD, _LONGEST).decode("utf-8", "replace")


def _go_on(is_over: Callable[[], bool]) -> None:
    if is_over():
        raise KeyboardInterrupt
