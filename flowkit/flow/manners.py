"""How strict flowkit is with what a script asks of it."""

from __future__ import annotations

from typing import Any

defaults: dict[str, Any] = {}
"""What the settings of classic say that a task takes where it does not say itself: `max_retries`, …"""

classic = False
"""Whether a script of Prefect classic runs.

Where flowkit refuses or improves what classic let pass, and a script may rely on it, the script wins:
`if task:` is always true, a task with a slug is a `-copy` of itself in the flow, a time limit of 0 is none,
a task of a callable without a name is a `FunctionTask`, a task that is the key of a dict stays what it is,
`get_tasks(slug=)` does not find slugs that the flow has made, and names of attributes that only flowkit has
are free for task classes.
"""
