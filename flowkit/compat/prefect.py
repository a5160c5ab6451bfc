"""What `import prefect` gives: flowkit, under the version whose vocabulary it keeps."""

from __future__ import annotations

from typing import Any

import flowkit

__version__ = "1.4.1"
__path__: list[str] = []  # so that `import prefect.engine` asks the finder of flowkit/homes.py
__all__ = list(flowkit.__all__)


def __getattr__(name: str) -> Any:
    return getattr(flowkit, name)


def __dir__() -> list[str]:
    return sorted(__all__)
