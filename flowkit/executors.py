"""Where tasks run."""

from flowkit.engine.executors import LocalExecutor, ThreadExecutor

__all__ = ["LocalExecutor", "ThreadExecutor"]
