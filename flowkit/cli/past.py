"""The history of the project here, for the commands that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from flowkit.cli.place import here
from flowkit.project import state_folder
from flowkit.store.history import History
from flowkit.store.sweep import sweep

Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Number, name, beginning of the id, `latest` or `failed`."),
]


@contextmanager
def history_here() -> Iterator[History]:
    """The history of this project; runs whose process is gone are recorded, or at least shown, as crashed.

    Raises:
        RegistryError: others could have written it.
        HistoryError: it cannot be read.
    """
    folder = here().state
    state_folder.check(folder)
    gone = [run.number for run in sweep(folder)]
    with History(folder, gone) as history:
        yield history
