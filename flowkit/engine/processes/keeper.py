"""The keeper: the parent of the fork server. It waits for its end, and does nothing else.

Where the fork server is killed, the system ends its workers, but not what these have started. Either of the
two ends that, whichever of them is killed.
"""

from __future__ import annotations

import os
from contextlib import suppress

from flowkit.engine.processes.family import end_orphans


def go_on_below_a_keeper(control: int) -> int:
    """Go on in a child, with a session of its own; this process is its keeper, and never returns.

    Args:
        control: a descriptor that is the child's alone.

    Returns:
        A descriptor that can be read when the keeper is gone; -1: the system lets nobody start a process.
    """
    ours, theirs = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(ours)
        os.close(theirs)
        return -1
    if not pid:
        os.setsid()
        os.close(theirs)
        return ours
    os.close(ours)
    os.close(control)  # whose end the runner is to see
    with suppress(BaseException):
        os.waitpid(pid, 0)
        end_orphans(())
    os._exit(0)
