"""What holds for all tests."""

from __future__ import annotations

import os

# A test that runs a flow from Python must not leave its history in this very project; those about history
# have projects of their own and turn it on.
os.environ["FLOWKIT_HISTORY"] = "false"
