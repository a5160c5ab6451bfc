"""How many workers the limit of open files allows."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

from flowkit.engine.context import logger_of

_OF_A_WORKER = 5
_SPARED = 20  # for the history, the sources of modules, and what tasks in threads open


def affordable(workers: int) -> int:
    """So many workers, or as many as there are descriptors for, but one; that they are fewer is said."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft > 20 * _OF_A_WORKER * workers + 1000:
        return workers
    with suppress(OSError):
        found = max(1, (soft - len(os.listdir("/dev/fd")) - _SPARED) // _OF_A_WORKER)  # noqa: PTH208
        if found < workers:
            logger_of("").warning(
                "Only %d of %d workers: each takes %d of the %d files that may be open (`ulimit -n`).",
                *(found, workers, _OF_A_WORKER, soft),
            )
            return found
    return workers
