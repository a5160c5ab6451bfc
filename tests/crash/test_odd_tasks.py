"""What tasks do: whatever they give, raise or print is recorded, or refused in words; nothing hangs."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sqlite3
from contextlib import closing

import pytest
from checker import Recorded, recorded
from command_server import PATIENCE
from scene import Said, Scene

from flowkit.plan.status import FAILED
from flowkit.store.run_status import RunStatus

LANES = ("inline", "threads", "coroutines", "processes")


def run(
    scene: Scene, text: str, *arguments: str, code: int | None = 0, values: bool = True, **environ: str
) -> tuple[Said, Recorded]:
    """Run the flow `odd` of a file; its tasks are coroutines where they are asked into that lane."""
    scene.write(re.sub(r"(@task\n +)def", r"\1async def", text) if "coroutines" in arguments else text)
    said = scene.flowkit("run", "flows/flow.py:odd", *arguments, code=code, **environ)
    return said, recorded(scene, values=values)


RAISING = """
    import pickle, sys
    from flowkit import flow, task

    class Mute(Exception):
        def __str__(self): raise RuntimeError("no text")
        __repr__ = __reduce__ = __str__

    class Picky(Exception):
        def __init__(self, one, *, two): super().__init__("picky")

    class Unpicklable(Exception):
        def __init__(self): self.file = open("/dev/null")

    def deep(left):
        if left: return deep(left - 1)
        raise ValueError("deep")

    def deeper():
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(200_000)
        try: deep(100_000)
        finally: sys.setrecursionlimit(before)

    def cyclic():
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    def several():
        raise ExceptionGroup("several", [ValueError("x"), Picky(1, two=2), Mute()])

    def caused():
        try: raise Unpicklable()
        except Unpicklable as error: raise ValueError("caused") from error

    def raising(error):
        raise error

    KINDS = {
        "mute": lambda: raising(Mute()),
        "picky": lambda: raising(Picky(1, two=2)),
        "unpicklable": lambda: raising(Unpicklable()),
        "long": lambda: raising(ValueError("x" * 10_000_000)),
        "deep": lambda: deep(900),
        "deeper": lambda: deeper(),
        "cyclic": cyclic,
        "several": several,
        "caused": caused,
        "base": lambda: raising(BaseException("base")),
        "exit": lambda: raising(SystemExit(0)),
        "generator": lambda: raising(GeneratorExit()),
        "stop": lambda: raising(StopIteration(1)),
        "surrogate": lambda: raising(ValueError("\\udcff \\x00 \\x1b[31m")),
        "type": lambda: raising(type("Été", (Exception,), {"__module__": None})()),
    }

    @task
    def fail(kind):
        KINDS[kind]()

    @flow
    def odd():
        fail.map(list(KINDS))
"""


@pytest.mark.parametrize("executor", LANES)
def test_whatever_is_raised_is_recorded_as_a_failure(scene: Scene, executor: str) -> None:
    _, found = run(scene, RAISING, "--executor", executor, code=1)
    assert found.status is RunStatus.FAILED
    failed = {each.key: each.detail["failure"] for each in found.attempts if each.status == FAILED}
    assert len(failed) == RAISING.count("lambda:") + RAISING.count(": cyclic") + 2
    assert all(failure["type_name"] for failure in failed.values())
    assert max(len(failure.get("message", "")) for failure in failed.values()) <= 10_000_000
    assert scene.history.stat().st_size < 30_000_000


@pytest.mark.parametrize("executor", ["inline", "threads", "coroutines"])
def test_a_process_that_ends_inside_of_a_task_is_no_success(scene: Scene, executor: str) -> None:
    text = """
        import os, threading
        from pathlib import Path
        from flowkit import flow, task

        @task
        def leave():
            if not Path("harmless").exists():
                os._exit(0)
            return 1

        @flow
        def odd():
            leave()
    """
    run(scene, text, "--executor", executor)
    assert recorded(scene).status is RunStatus.RUNNING
    (scene.folder / "harmless").touch()
    assert "crashed" in scene.flowkit("resume").err
    assert recorded(scene).values == {"leave": 1}


@pytest.mark.parametrize("executor", LANES)
def test_a_result_is_never_asked_whether_it_is_true_or_equal(scene: Scene, executor: str) -> None:
    text = """
        from flowkit import flow, task

        class Odd:
            def _no(self, *_): raise RuntimeError("asked")
            __eq__ = __ne__ = __bool__ = __len__ = __iter__ = __lt__ = __contains__ = __getitem__ = _no
            __str__ = __repr__ = __format__ = _no
            __hash__ = None

        @task
        def make():
            return Odd()

        @task
        def take(odd):
            return type(odd).__name__

        @flow
        def odd():
            take(make())
    """
    _, found = run(scene, text, "--executor", executor, values=False)
    assert found.status is RunStatus.SUCCESS
    scene.flowkit("resume")
    scene.flowkit("resume", "--force", "take")


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_odd_values_come_back_as_they_were(scene: Scene, executor: str) -> None:
    text = """
        from flowkit import flow, task

        @task
        def one(number):
            return [float("nan"), float("-inf"), -0.0, 10**5000, True, "\\udcff\\0", "", 1e308, None][number]

        @task
        def told(values):
            return repr([value if index != 3 else value % 1001 for index, value in enumerate(values)])

        @flow
        def odd():
            told(one.map(range(9)))
    """
    _, found = run(scene, text, "--executor", executor)
    values = [found.values[f"one[{number}]"] for number in range(9)]
    assert values[3] == 10**5000
    scene.flowkit("resume", "--force", "told")
    assert recorded(scene).values["told"] == found.values["told"]


@pytest.mark.parametrize("executor", ["threads", "coroutines", "processes"])
def test_odd_bytes_of_a_task_are_kept_as_text(scene: Scene, executor: str) -> None:
    text = r"""
        import os, sys
        from flowkit import flow, task

        @task
        def say():
            print("nul \0 bell \a escape \x1b[31m surrogate \udcff return \r over")
            sys.stdout.buffer.write(b"\xff\xfe no utf-8\n")
            print("long " + "x" * 10_000_000)
            os.write(1, b"\xff to the descriptor\n")

        @flow
        def odd():
            say()
    """
    for language in ("C.UTF-8", "C"):
        run(scene, text, "--executor", executor, LANG=language)
        lines = "\n".join(logged(scene))
        assert "escape \x1b[31m" in lines
        assert "\N{REPLACEMENT CHARACTER} no utf-8" in lines
        assert lines.count("x") == 10_000_000


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_hundred_thousand_lines_are_kept_in_order(scene: Scene, executor: str) -> None:
    text = """
        import threading
        from flowkit import flow, task

        @task
        def say(kind):
            for number in range(25_000):
                print(kind, number)

        @flow
        def odd():
            say.map(list("abcd"))
    """
    run(scene, text, "--workers", "4", "-q", "--executor", executor)
    lines = logged(scene)
    assert len(lines) == 100_000
    for kind in "abcd":
        assert [line for line in lines if line[0] == kind] == [f"{kind} {number}" for number in range(25_000)]


def logged(scene: Scene) -> list[str]:
    """The lines that are kept of the latest run."""
    with closing(sqlite3.connect(scene.history)) as connection:
        rows = connection.execute(
            "SELECT text FROM logs WHERE run=(SELECT MAX(number) FROM runs) ORDER BY line"
        )
        return [row[0] for row in rows]


@pytest.mark.parametrize("executor", ["threads", "coroutines", "processes"])
def test_results_of_every_size_are_kept_or_said_not_to_be(scene: Scene, large: int, executor: str) -> None:
    text = """
        import os
        from flowkit import flow, task

        SIZE = int(os.environ["SIZE"])

        @task
        def nothing():
            return b""

        @task
        def large():
            return bytes(SIZE)

        @task
        def too_large():
            return bytes(SIZE + 1_000_000)

        @task
        def long():
            return list(range(SIZE // 100))

        @task
        def size(value):
            return len(value)

        @flow
        def odd():
            for value in (nothing(), large(), too_large(), long()):
                size(value)
    """
    limit = large + 500_000
    said, found = run(
        *(scene, text, "--executor", executor),
        values=False,
        SIZE=str(large),
        FLOWKIT_RESULTS__MAX_BYTES=str(limit),
        code=None,
    )
    assert found.status is RunStatus.SUCCESS, said.err
    assert f"too_large is not kept: it is larger than {limit:,} bytes" in said.err
    assert large < sum(path.stat().st_size for path in (scene.state / "results").rglob("*")) < 3 * large
    assert scene.history.stat().st_size < 1_000_000, "a copy is in the history"
    scene.flowkit("resume", SIZE=str(large))


@pytest.mark.parametrize("executor", ["threads", "coroutines", "processes"])
def test_a_mapped_task_of_very_many_children_goes_on_where_it_died(
    scene: Scene, many: int, executor: str
) -> None:
    text = """
        import os, signal, threading
        from pathlib import Path
        from flowkit import flow, task

        MANY = int(os.environ["MANY"])

        @task
        def numbers():
            return list(range(MANY))

        @task
        def double(number):
            if number == MANY - 1 and not Path("harmless").exists():
                threading.Event().wait(0.3)  # until the others are written
                os.kill(os.getpid(), signal.SIGKILL)
            return 2 * number

        @task
        def total(numbers):
            return sum(numbers)

        @flow
        def odd():
            total(double.map(numbers()))
    """
    code = 1 if executor == "processes" else -signal.SIGKILL  # it ends its worker, and else the runner
    run(scene, text, "-q", "--executor", executor, MANY=str(many), code=code)
    done = len(recorded(scene).successes)
    assert done > 1
    (scene.folder / "harmless").touch()
    scene.flowkit("resume", "-q", MANY=str(many))
    found = recorded(scene)
    assert found.values["total"] == many * (many - 1)
    assert len(found.values) == many + 2


def test_what_was_mapped_over_need_not_be_kept(scene: Scene) -> None:
    """The children are done; what they were made from is made again, or is not needed at all."""
    text = """
        from pathlib import Path
        from flowkit import flow, task

        @task(persist=False)
        def numbers():
            return [1, 2, 3]

        @task
        def double(number):
            return 2 * number

        @task
        def total(numbers):
            assert Path("harmless").exists()
            return sum(numbers)

        @flow
        def odd():
            total(double.map(numbers()))
    """
    run(scene, text, code=1, values=False)
    (scene.folder / "harmless").touch()
    scene.flowkit("resume")
    assert recorded(scene, values=False).status is RunStatus.SUCCESS


@pytest.mark.parametrize("executor", LANES)
def test_a_task_without_memory_fails_and_the_others_go_on(scene: Scene, executor: str) -> None:
    text = """
        import resource
        from flowkit import flow, task

        @task
        def greedy():
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, before[1]))
            try:
                return bytes(64 << 30)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)

        @task
        def modest():
            return 1

        @flow
        def odd():
            greedy()
            modest()
    """
    said, found = run(scene, text, "--executor", executor, code=1)
    assert "MemoryError" in said.err
    assert found.status is RunStatus.FAILED
    assert found.values == {"modest": 1}


def test_a_very_deep_value_and_a_very_long_list_are_arguments_like_others(scene: Scene, many: int) -> None:
    """A value nested too deeply for a pickle is not kept, which is said."""
    text = """
        import os
        from pathlib import Path
        from flowkit import flow, task

        MANY = int(os.environ["MANY"])

        def nested(depth):
            value = []
            for _ in range(depth):
                value = [value]
            return value

        @task
        def deep():
            return nested(10_000)

        @task
        def one():
            return 1

        @task
        def depth(value):
            found = 0
            while value:
                [value] = value
                found += 1
            return found

        @task
        def total(numbers):
            return sum(numbers)

        @task
        def last(found):
            assert Path("harmless").exists()
            return found

        @flow
        def odd():
            made = one()
            last([depth(deep()), depth(nested(10_000)), total([made] * MANY)])
    """
    said, _ = run(scene, text, code=1, values=False, MANY=str(many))
    assert "deep is not kept: a `list` cannot be pickled" in said.err
    (scene.folder / "harmless").touch()
    assert "5 tasks done, the rest runs now" in scene.flowkit("resume", MANY=str(many)).err
    assert recorded(scene, values=False).status is RunStatus.SUCCESS


def test_children_that_a_task_forks_take_nothing_from_the_history(scene: Scene) -> None:
    """Each has the open history of its parent, and ends in each way there is."""
    text = """
        import multiprocessing, os, sys, warnings
        from flowkit import flow, task

        warnings.simplefilter("ignore")

        def square(number):
            print("square of", number)
            return number * number

        @task
        def pool():
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return pool.map(square, range(20))

        @task
        def child(number):
            forked = os.fork()
            if not forked:
                print("in the child")
                [lambda: os._exit(0), lambda: sys.exit(0), lambda: None, lambda: 1 / 0][number]()
                return "of the child"
            os.waitpid(forked, 0)
            return "of the parent"

        @flow
        def odd():
            child.map(range(4), upstream_tasks=[pool()])
    """
    for executor in ("inline", "threads", "processes"):
        _, found = run(scene, text, "--executor", executor)
        assert found.status is RunStatus.SUCCESS
        assert found.values["pool"] == [number * number for number in range(20)]
        assert [found.values[f"child[{number}]"] for number in range(4)] == ["of the parent"] * 4
        assert len(found.attempts) == len({each.key for each in found.attempts})


def test_processes_that_outlive_a_killed_run_own_and_write_nothing(scene: Scene) -> None:
    """A forked child has all that its parent had open, the lock and the history too."""
    text = """
        import os, signal, subprocess
        from pathlib import Path
        from flowkit import flow, task

        @task
        def leave():
            if Path("harmless").exists():
                return "resumed"
            started = subprocess.Popen(["sleep", "60"])
            forked = os.fork()
            if not forked:
                while not Path("harmless").exists():
                    pass
                print("the orphan has gone on", flush=True)
                return "of an orphan"
            Path("orphans").write_text(f"{started.pid} {forked}")
            os.kill(os.getpid(), signal.SIGKILL)

        @task
        def last(found):
            return found

        @flow
        def odd():
            last(leave())
    """
    run(scene, text, "--executor", "inline", code=-signal.SIGKILL)
    sleeping, forked = map(int, (scene.folder / "orphans").read_text().split())
    watch = os.pidfd_open(forked)
    try:
        (scene.folder / "harmless").touch()
        assert "crashed" in scene.flowkit("resume").err
        assert select.select([watch], [], [], PATIENCE)[0], "the orphan goes on"
    finally:
        os.close(watch)
        for orphan in (sleeping, forked):
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
    assert recorded(scene).values == {"leave": "resumed", "last": "resumed"}
    assert "the orphan has gone on" not in logged(scene)
