"""What a worker is told when it begins: where modules are, the run, how loggers and warnings are set."""

from __future__ import annotations

import logging
import pickle
import warnings
from typing import TYPE_CHECKING

from flowkit.engine.processes.saying import Hello

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.errand import Errands


def hello(engine: Engine, errands: Errands) -> Hello:
    """As this process is now.

    Raises:
        UnsendableError: something that all tasks find cannot be sent.
    """
    finding = pickle.dumps(engine.finding) if engine.finding is not None else None
    header = pickle.dumps(errands.header())
    return Hello(finding, header, levels(), logging.root.manager.disable, _filters())


def levels() -> dict[str, int]:
    """Of the loggers that have one, by name; "" is the root."""
    known = logging.root.manager.loggerDict
    found = {
        name: each.level for name, each in known.items() if isinstance(each, logging.Logger) and each.level
    }
    return {"": logging.root.level, **found}


def _filters() -> bytes | None:
    try:
        return pickle.dumps(warnings.filters)
    except Exception:  # a category that is a class of a function
        return None
