"""A program that ends what is left of a cluster once the run that started it is over, however that ended.

It waits until its input is closed, which the system does where the run is killed. Ray itself ends with who
started it, but for some of its parts, which take minutes; and it leaves what tasks have started.

Guarantees: nothing is ended but the groups of processes that its input names, which are Ray's, and what has
the mark of the cluster in its environment. That some of Ray's write their names over.
"""

import os
import signal
import sys
from contextlib import suppress

MARK = "FLOWKIT_RAY_CLUSTER"
_ROUNDS = 20  # what is found may be starting others


def main() -> None:
    """Wait, and end them."""
    mark = sys.argv[1]
    groups = [int(word) for word in sys.stdin.buffer.read().split()]
    for group in groups:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(_ROUNDS):
        if not _end_all(mark):
            return


def _end_all(mark: str) -> int:
    import psutil

    found = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                process.kill()
                found += 1
    return found


if __name__ == "__main__":
    main()
