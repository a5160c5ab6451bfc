"""A flow that goes on until somebody stops it."""

import threading
from pathlib import Path

from flowkit import flow, task


@task
def watch() -> None:
    Path("began").touch()
    threading.Event().wait()


@flow
def night():
    """Watch all night."""
    watch()
