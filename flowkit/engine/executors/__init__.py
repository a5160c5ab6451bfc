"""Where tasks run: one file an executor, and the contract in base.py."""

from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.executors.threads import ThreadExecutor

__all__ = ["LocalExecutor", "ThreadExecutor"]
