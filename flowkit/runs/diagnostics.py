"""`flow.diagnostics()`: what a bug report needs of a flow and of what it runs on, but no one's values.

Source of the keys: Prefect classic, 3.25.
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import flowkit
from flowkit.flow.flow import Flow
from flowkit.project.config import config
from flowkit.project.root import find

_ASKED = ("environment", "executor", "result", "run_config", "schedule", "storage")


def diagnostics(flow: Flow) -> str:
    """A document of JSON: settings and variables by name alone, the flow by its size and what it has."""
    return json.dumps(
        {
            "config_overrides": sorted(config.resolve(find(Path.cwd())).origins),
            "env_vars": sorted(name for name in os.environ if name.startswith("FLOWKIT_")),
            "flow_information": {
                **{name: getattr(flow, name) is not None for name in _ASKED},
                "task_count": len(flow.tasks),
            },
            "system_information": {
                "flowkit_version": flowkit.__version__,
                "platform": platform.platform(),
                "python_version": platform.python_version(),
            },
        },
        indent=2,
        sort_keys=True,
    )
