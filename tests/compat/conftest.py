"""`import prefect` means flowkit in these tests, and in no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from flowkit import compat
from flowkit.engine.mask import MASK
from flowkit.engine.secret import SECRETS
from flowkit.flow import manners


@pytest.fixture(autouse=True)
def as_prefect() -> Iterator[None]:
    finders = list(sys.meta_path)
    compat.install()
    compat.as_classic()
    known = {name: getattr(MASK, name) for name in ("_values", "_numbers", "_known")}
    for name in ("_values", "_numbers"):
        setattr(MASK, name, set(known[name]))
    yield
    vars(MASK).update(known)  # the secrets of these tests are no secrets of others
    SECRETS.clear()
    sys.meta_path[:] = finders
    manners.classic = False
    for name in [name for name in sys.modules if name == "prefect" or name.startswith("prefect.")]:
        del sys.modules[name]
