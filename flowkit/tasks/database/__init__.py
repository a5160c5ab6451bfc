"""Databases as tasks, under their home in Prefect classic."""

from flowkit.tasks.database.sqlite import SQLiteQuery, SQLiteScript

__all__ = ["SQLiteQuery", "SQLiteScript"]
