"""Where a flow that a program holds was written: the file and the variable that have it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flowkit.flow.flow import Flow
from flowkit.project import loader


class Home(NamedTuple):
    """A variable at the top level of a file; `path` is absolute."""

    path: Path
    attribute: str


def home_of(flow: Flow, namespace: Mapping[str, Any]) -> Home | None:
    """The file that defines a flow; None where no variable at the top level of a file has it.

    Args:
        namespace: the globals of the module that asks; where it has imported the flow, as a script that only
            runs it does, the module that it comes from counts.
    """
    for names in _namespaces(namespace):
        attribute = next((name for name, value in list(names.items()) if value is flow), None)
        file = names.get("__file__")
        if attribute is None or not file or not Path(file).is_file():
            continue
        path = Path(file).resolve()
        imports = loader.imports_of(path.read_bytes(), names.get("__package__"), path)
        if not loader.is_imported(flow, attribute, imports):
            return Home(path, attribute)
    return None


def _namespaces(first: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield first
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", first)
        if names is not first and str(names.get("__file__")).endswith(".py"):
            yield names
