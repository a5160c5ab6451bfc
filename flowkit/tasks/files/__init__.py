"""Files and folders as tasks, under their home in Prefect classic."""

from flowkit.tasks.files.compression import Unzip, Zip
from flowkit.tasks.files.operations import Copy, Glob, Move, Remove

__all__ = ["Copy", "Glob", "Move", "Remove", "Unzip", "Zip"]
