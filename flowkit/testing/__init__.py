"""Testing flows: run them in memory by a clock of their own, replace what tasks do, say how they ended.

The fixture `flow_run` of the plugin for pytest that comes with flowkit does the same; see docs/testing.md.
"""

from flowkit.testing.asserting import assert_failed, assert_state, assert_successful, failures, lines, output
from flowkit.testing.clock import FakeClock
from flowkit.testing.overriding import overriding
from flowkit.testing.running import Line, load, run, run_scheduled

__all__ = [
    "FakeClock",
    "Line",
    "assert_failed",
    "assert_state",
    "assert_successful",
    "failures",
    "lines",
    "load",
    "output",
    "overriding",
    "run",
    "run_scheduled",
]
