"""Where a run is carried out: what of the machine and of Python a report of it says later.

Guarantees: no file is read and no code of a module is run for it, so that it costs a run next to nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from types import ModuleType
from typing import Any

_MOST = 200  # packages
_LONGEST = 60  # characters of a version


def environment() -> dict[str, Any]:
    """The platform, the cores that this process may use, and the versions of the packages that are loaded."""
    system = platform.uname()
    return {
        "platform": f"{system.system} {system.release} {system.machine}",
        "implementation": platform.python_implementation(),
        "cores": _cores(),
        "packages": dict(sorted(_versions().items())[:_MOST]),
    }


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _versions() -> dict[str, str]:
    """Of each package that is loaded what it says of itself."""
    found = {}
    for name, module in list(sys.modules.items()):
        if "." in name or name in sys.stdlib_module_names or name.startswith("_"):
            continue
        if not isinstance(module, ModuleType):
            continue
        # A module may run code when it is asked for an attribute, one that is lazy even for its `__dict__`.
        version = object.__getattribute__(module, "__dict__").get("__version__")
        if type(version) is str and len(version) <= _LONGEST and version.isprintable():
            found[name] = version
    return found
