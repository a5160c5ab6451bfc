"""Records of `logging` on the terminal, where the program has not set logging up itself."""

from __future__ import annotations

import logging
import sys
from typing import Any

from flowkit.engine.log_capture import is_shown_otherwise

SCRIPT_RECORD = "[%(asctime)s] %(levelname)s - %(name)s | %(message)s"


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at that time, which is not what it was when logging was set up."""

    def __init__(self, form: str) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(form))
        self.addFilter(
            lambda record: not is_shown_otherwise()
        )  # before the lock that all tasks would wait for

    @property
    def stream(self) -> Any:
        return sys.stderr


def show_logs(level: str, *, everyones: bool = False, form: str = SCRIPT_RECORD) -> None:
    """Let records be seen where the program has not set logging up itself.

    Args:
        level: from which on flowkit's and its tasks' are shown; of others, warnings.
        everyones: show those of others from that level on too.
        form: what a record looks like, in the notation of `logging`.
    """
    log = logging.getLogger("flowkit")
    log.setLevel(level)
    root = logging.getLogger()
    if not log.hasHandlers():
        root.addHandler(_Stderr(form))
        if everyones:
            root.setLevel(level)


def shown_by_program() -> bool:
    """Whether the program has set logging up to write to the terminal itself."""
    terminal = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(
        isinstance(handler, logging.StreamHandler)
        and not isinstance(handler, _Stderr)
        and handler.stream in terminal
        for handler in logging.getLogger().handlers
    )
