"""The child of `inspection`: loads one flow file and reports what it defines.

`python -P -m flowkit.project.inspect REPORT TRACE LIFELINE TIMEOUT ROOT FILE`; the first three are
file descriptors: where the answer goes, as one JSON document; where a stack goes when time is up or
the process crashes; and a pipe whose end means that the parent is gone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from flowkit.errors import FlowkitError
from flowkit.project.descriptor import descriptors
from flowkit.project.entry import Table, to_json
from flowkit.project.loader import load_file
from flowkit.project.root import Project


def main(arguments: list[str]) -> None:
    """Load, report and leave at once, whatever threads the file has started."""
    process = os.getpid()
    report, trace, lifeline = map(int, arguments[:3])
    os.write(report, b"\n")  # we have started: what goes wrong from here on is the file's doing
    timeout, root, path = float(arguments[3]), Path(arguments[4]), Path(arguments[5])
    for each in (report, trace, lifeline):
        os.set_inheritable(each, False)
    threading.Thread(target=_leave_with_parent, args=(lifeline,), daemon=True).start()
    faulthandler.enable(trace, all_threads=False)
    faulthandler.dump_traceback_later(timeout, file=trace, exit=True)
    document = _answer(path, Project(root))
    if os.getpid() == process:  # else the file has forked, and this is its child
        with os.fdopen(report, "w") as file:
            json.dump(document, file)
    os._exit(0)


def _answer(path: Path, project: Project) -> Table:
    try:
        loaded = load_file(path, project)
        found = descriptors(loaded, project)
    except FlowkitError as error:
        notes = getattr(error, "__notes__", [])
        return {"error": {"message": error.message, "hints": error.hints, "notes": notes}}
    except Exception:
        return {"bug": traceback.format_exc()}
    return {"descriptors": [to_json(each) for each in found], "notices": loaded.notices}


def _leave_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # also what the file has started


if __name__ == "__main__":
    main(sys.argv[1:])
