"""What a run that is watched tells its watcher, the files that it was made from; and hears from it.

The watcher is another process, which loads no user code; it names a file for the answer in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flowkit.flow.flow import Flow
from flowkit.project.root import Project

VARIABLE = "_FLOWKIT_WATCHED"
_ANSWER = os.environ.pop(VARIABLE, None)  # what tasks start is not watched


def tell(project: Project, flow: Flow, values: Mapping[str, Any]) -> None:
    """Name the modules of the project that are imported by now, and the files that the flow is given.

    Args:
        values: the parameters.
    """
    if _ANSWER is None:
        return
    named = (each for task in flow.tasks for each in getattr(task, "depends_on", ()))
    several = (each for value in values.values() if isinstance(value, list | tuple | set) for each in value)
    given = [*values.values(), *several, *named]
    document = {
        "code": sorted(str(path) for path in _modules(project.root)),
        "data": sorted({str(path.absolute()) for path in given if isinstance(path, Path)}),
    }
    try:
        Path(_ANSWER).write_text(json.dumps(document), encoding="utf-8")
    except OSError:  # the watcher then looks at all Python files
        return


def reason_file(answer: Path) -> Path:
    """Where a watcher writes why it stops a run, beside the answer of the run."""
    return answer.with_name(f"{answer.name}-why")


def why_stopped() -> str:
    """Why the watcher of this run has stopped it; "" where it has not, or there is none."""
    try:
        return "" if _ANSWER is None else reason_file(Path(_ANSWER)).read_text(encoding="utf-8")
    except OSError:
        return ""


def _modules(root: Path) -> Iterator[Path]:
    for path in _files(list(sys.modules.values())):
        try:
            path = path.resolve()
            inside = path.relative_to(root).parts
        except (OSError, ValueError):
            continue
        if "site-packages" not in inside and not any(part.startswith(".") for part in inside):
            yield path


def _files(modules: Iterable[Any]) -> Iterator[Path]:
    for module in modules:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py"):
            yield Path(file)
