"""The cache among processes: the same key in each, another one after an edit, and one who makes an entry."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from run_place import Place


def flowkit(place: Place, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start `flowkit ARGUMENTS` in the project."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOWKIT_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flowkit", *arguments],
        cwd=place.project.root,
        env={**kept, "HOME": str(place.project.root.parent), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(started: subprocess.Popen[str]) -> str:
    out, _ = started.communicate(timeout=60)
    assert started.returncode == 0, out
    return out


MOMENTS = itertools.count(1_700_000_000)


def write(place: Place, files: Mapping[str, str]) -> None:
    """Each time at another second, as Python looks at those and at the size to know an edit."""
    for name, text in files.items():
        path = place.project.root / "flows" / name
        path.write_text(textwrap.dedent(text))
        os.utime(path, (moment := next(MOMENTS), moment))


HELPED = {
    "helped.py": """
        from flowkit import flow, task
        from _helper import factor, times

        @task(cache=True)
        def scaled(number):
            print("carried out")
            return times(number)

        @flow
        def helped():
            scaled(3)
    """,
    "_helper.py": """
        FACTOR = 2

        def factor():
            return FACTOR

        def times(number):
            return factor() * number
    """,
}


def scaled(place: Place, **environ: str) -> tuple[int, bool]:
    """What the task gave, in a new process, and whether it was found."""
    said(flowkit(place, "run", "flows/helped.py:helped", **environ))
    memory = place.memory()
    [[number, status]] = memory.connection.execute(
        "SELECT run, status FROM attempts ORDER BY run DESC LIMIT 1"
    ).fetchall()
    [uid] = memory.connection.execute("SELECT uid FROM runs WHERE number=?", (number,)).fetchone()
    try:
        return memory.past(number, uid).value(0, -1), status == 6
    finally:
        memory.close()


def test_an_edit_of_a_helper_or_of_its_constant_is_a_miss_and_another_process_no_reason(place: Place) -> None:
    write(place, HELPED)
    assert scaled(place) == (6, False)
    assert scaled(place, PYTHONHASHSEED="7") == (6, True)
    helper = HELPED["_helper.py"]
    write(place, {"_helper.py": helper.replace("FACTOR = 2", "FACTOR = 5")})
    assert scaled(place) == (15, False)
    write(place, {"_helper.py": helper.replace("factor() * number", "factor() * number + 1")})
    assert scaled(place) == (7, False)
    write(place, {"_helper.py": helper.replace("* number", "* number  # so often")})
    assert scaled(place) == (6, True)


MEETING = {
    "meeting.py": """
        import os
        from flowkit import flow, task

        @task
        def meet():
            here, there = (os.open(os.environ[name], os.O_RDWR) for name in ("HERE", "THERE"))
            os.write(there, b".")
            os.read(here, 1)  # until the other one is there too
            return 1

        @task(cache=True)
        def shared(number):
            with open("carried_out", "a") as file:
                file.write("x")
            return number

        @flow
        def meeting():
            shared(meet())
    """,
}


def test_two_processes_at_once_carry_a_call_out_once(place: Place, tmp_path: Path) -> None:
    write(place, MEETING)
    pipes = [str(tmp_path / name) for name in ("first", "second")]
    for pipe in pipes:
        os.mkfifo(pipe)
    started = [
        flowkit(place, "run", "flows/meeting.py:meeting", "-q", HERE=pipes[here], THERE=pipes[1 - here])
        for here in (0, 1)
    ]
    for process in started:
        said(process)
    assert (place.project.root / "carried_out").read_text() == "x"
