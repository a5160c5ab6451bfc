"""The version of an installed package, found without importing it.

Guarantees: the answer does not depend on what was imported before, but for packages that say their version
nowhere else; each is looked up once a process.
"""

from __future__ import annotations

import re
from functools import cache

from flowkit.fingerprint import finding

_SAID = re.compile(r"""^__version__\s*(?::\s*\w+\s*)?=\s*["']([^"']+)["']""", re.MULTILINE)


@cache
def version_of(package: str) -> str:
    """The version of a top-level package, "" where there is none to be found."""
    return _of_distribution(package) or _in_source(package) or _of_owners(package) or _of_module(package)


def _of_distribution(name: str) -> str:
    # It imports much, and most projects ask only for a few packages, once.
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _in_source(package: str) -> str:
    source = finding.source(package)
    found = _SAID.search(source) if source else None
    return found.group(1) if found else ""


def _of_owners(package: str) -> str:
    """The versions of all distributions that have a part in it: a folder may be shared."""
    import importlib.metadata

    owners = sorted(set(importlib.metadata.packages_distributions().get(package, ())))
    return ", ".join(_of_distribution(owner) for owner in owners)


def _of_module(package: str) -> str:
    return str(finding.said(package, "__version__") or "")
