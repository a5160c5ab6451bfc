"""Many processes that write to one history at once: `python journal_writer.py STATE HOW_MANY`."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

from flowkit.plan.status import SUCCESS
from flowkit.store import database, opening, owners
from flowkit.store.batch import Batch
from flowkit.store.journal import Journal
from flowkit.store.opening import Beginning, Session
from flowkit.store.run_status import RunStatus

COMMITS = 100


def write(state: Path) -> None:
    """Begin a run, commit to it, and end it."""
    uid = opening.new_uid()
    with closing(database.open_to_write(state / database.FILE)) as connection:
        begun = opening.begin(
            connection,
            state,
            Beginning(
                uid=uid,
                flow="many",
                ref="",
                parameters={},
                asked={},
                outline=(b"outline", b""),
                codes=[],
                values=bytes(Batch().packed(uid, b"")),
            ),
            Session(executor="inline", workers=1, command="", flowkit=""),
        )
        journal = Journal(connection, begun.run, begun.session, uid, b"", 0.0)
        for number in range(COMMITS):
            row = (number, -1, 1, SUCCESS, 1.0, 2.0, None, None)
            journal.append([row], {}, {number: number})
        journal.end(RunStatus.SUCCESS, "", 0, {})
        owners.release(state, begun.run)


def main(state: Path, processes: int) -> int:
    """Start them, and wait for them; how many have failed."""
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            write(state)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
