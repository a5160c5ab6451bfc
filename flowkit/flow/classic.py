"""Whether a script written for Prefect classic is running.

`flowkit.compat.install()` sets `enabled`. Where flowkit refuses or improves what classic let pass, and
a script may rely on it, the script wins: a task is true, a task with a slug is a `-copy` of itself in the
flow, a time limit of 0 is none, and names of attributes that only flowkit has are free for subclasses.
"""

from __future__ import annotations

enabled = False
