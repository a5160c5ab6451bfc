"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command_server import Server, running

from flowkit.engine.mask import MASK

pytest_plugins = ["pytester"]  # pytest inside of pytest, for what its users see

# A test that runs a flow from Python must not leave its history in this very project; those about history
# have projects of their own and turn it on.
os.environ["FLOWKIT_HISTORY"] = "false"

# Who starts the tests behind a shell, or with `nohup`, has these ignored, and so would every command that a
# test starts.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# How long a machine takes that others use too is no property of the code.
hypothesis.settings.register_profile(
    "flowkit", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("flowkit")


@pytest.fixture(autouse=True)
def _forgets_secrets() -> Iterator[None]:
    """What a test has covered is not covered in what the next one reads."""
    yield
    if MASK:
        MASK.__init__()  # type: ignore[misc]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Starts commands, without the wait for an interpreter."""
    with running() as server:
        yield server
