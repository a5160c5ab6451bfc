"""Tasks in processes: what they get and give, what they say, and what they find."""

from __future__ import annotations

import array
import gc
import logging
import os
import random
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, context, task
from flowkit.engine.executors import ProcessExecutor
from flowkit.engine.processes import shared
from flowkit.engine.sealed import Sealed
from flowkit.engine.secret import Secret

LARGE = 3 << 20  # bytes


@task
def number(value: int) -> int:
    return value


@task
def same(value: Any) -> Any:
    return value


@task
def where() -> int:
    return os.getpid()


def test_tasks_run_in_other_processes_that_serve_one_after_another(carry_out: Any) -> None:
    with Flow("where") as flow:
        made = [where() for _ in range(20)]
    states = carry_out(flow, ProcessExecutor(2)).state.result
    pids = {states[each].result for each in made}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


# -- values -----------------------------------------------------------------------------------


@task
def large(value: int) -> array.array[int]:
    return array.array("B", [value]) * LARGE


@task
def changed(values: bytearray) -> tuple[int, int]:
    """Changes its argument; says what it was, and is."""
    first = values[0]
    values[0] = 99
    return first, values[0]


@task
def buffer(value: int) -> bytearray:
    return bytearray([value]) * LARGE


@task
def frame(value: int) -> Any:
    import numpy

    return numpy.full(LARGE, value, dtype="u1")


@task
def change(values: Any) -> int:
    before = int(values[0])
    values[0] = 99
    return before


def test_arrays_go_through_shared_memory_and_nobody_sees_what_others_change(carry_out: Any) -> None:
    with Flow("shared") as flow:
        made = frame(7)
        first = change(made)
        second = change(made, upstream_tasks=[first])
    outcome = carry_out(flow, ProcessExecutor(2))
    value = outcome.engine.values[outcome.plan.tasks.index(made)]
    assert type(value) is Sealed
    [kept] = value.buffers
    assert shared.descriptor_of(memoryview(kept)) is not None
    states = outcome.state.result
    assert (states[first].result, states[second].result) == (7, 7)
    assert int(states[made].result.sum()) == 7 * LARGE
    states[made].result[0] = 1


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_shared_memory_is_let_go_with_its_value(carry_out: Any) -> None:
    with Flow("many") as flow:
        made = [change(frame(value % 100)) for value in range(30)]
    carry_out(flow, ProcessExecutor(2))
    gc.collect()
    before = descriptors()
    outcome = carry_out(flow, ProcessExecutor(2))
    assert sum(outcome.state.result[each].result for each in made) == sum(range(30))
    del outcome
    gc.collect()
    assert descriptors() == before


@contextmanager
def limited(what: int, limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def test_few_descriptors_are_enough(carry_out: Any) -> None:
    with Flow("few") as flow:
        made = [frame(value) for value in range(60)]
        ends = [change(each) for each in made]
    with limited(resource.RLIMIT_NOFILE, descriptors() + 40):
        outcome = carry_out(flow, ProcessExecutor(2))
    assert [outcome.state.result[each].result for each in ends] == list(range(60))


def test_without_shared_memory_values_are_sent(carry_out: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with Flow("sent") as flow:
        given = change(bytearray(b"\1") * LARGE)
        made = frame(7)
        taken = change(made)
    states = carry_out(flow, ProcessExecutor(1)).state.result
    assert (states[given].result, states[taken].result) == (1, 7)


def test_large_values_without_buffers_are_sent(carry_out: Any) -> None:
    with Flow("long") as flow:
        text, numbers = same("é" * 5_000_000), same(list(range(1_000_000)))
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert states[text].result == "é" * 5_000_000
    assert states[numbers].result == list(range(1_000_000))


@task
def changes_list(values: list[int]) -> int:
    values.append(1)
    return len(values)


def test_what_a_task_changes_in_place_is_its_own(carry_out: Any) -> None:
    with Flow("own") as flow:
        given: list[int] = []
        made = [changes_list(given) for _ in range(300)]
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert {states[each].result for each in made} == {1}


class OddError(Exception):
    pass


class Ends:
    """Ends who unpickles it."""

    def __reduce__(self) -> Any:
        return os._exit, (5,)


class Raises:
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise OddError("no")


@task
def ends() -> Any:
    return Ends()


REFUSED: dict[str, Callable[[], Any]] = {
    "a generator": lambda: (each for each in "ab"),
    "a lock": threading.Lock,
    "an open file": lambda: sys.__stdin__,
    "what raises": Raises,
}


@task
def refused(what: str) -> Any:
    return REFUSED[what]()


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_pickled_is_the_failure_of_its_task(what: str, carry_out: Any) -> None:
    value = REFUSED[what]()
    with Flow("refused") as flow:
        given, back, other = same(value), refused(what), number(1)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    kind = type(value).__name__
    assert f"its argument `value` cannot be sent: a `{kind}`" in str(states[given].result)
    assert f"its result cannot be sent back: a `{kind}`" in str(states[back].result)
    assert states[other].result == 1


def test_what_ends_who_unpickles_it_costs_that_task_alone(carry_out: Any) -> None:
    with Flow("ends") as flow:
        given, after = same(Ends()), number(1)
    states = carry_out(flow, ProcessExecutor(1)).state.result
    assert "exit code 5" in str(states[given].result)
    assert states[after].result == 1


def test_closures_and_lambdas_and_local_classes_are_sent(carry_out: Any) -> None:
    seen = 40

    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    @task
    def closure(value: int) -> Any:
        return Local(value + seen)

    @task
    def opened(value: Any) -> int:
        return int(value.value)

    with Flow("local") as flow:
        made = opened(closure(2))
        anonymous = task(lambda value: value + seen, name="anonymous")(3)
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert (states[made].result, states[anonymous].result) == (42, 43)


# -- what they say ----------------------------------------------------------------------------


@task
def speak(value: int) -> None:
    print("printed", value)
    print("to stderr", value, file=sys.stderr)
    logging.getLogger("some.where").warning("logged %s", value)
    context.logger.info("of the task %s", value)
    warnings.warn(f"warned {value}", stacklevel=1)
    os.system(f"echo of a child {value}; echo err of a child {value} >&2")
    os.write(1, f"of the descriptor {value}\n".encode())
    thread = threading.Thread(target=print, args=("of a thread", value))
    thread.start()
    thread.join()
    print("no line end", value, end="")


def said_by(flow: Flow, executor: Any, carry_out: Any, kept: Any) -> dict[int, list[tuple[str, str, int]]]:
    with pytest.warns(UserWarning, match="warned") as warned:
        outcome = carry_out(flow, executor, observers=[kept], capture=True)
    assert outcome.state.is_successful()
    assert {str(each.message) for each in warned} == {f"warned {value}" for value in range(5)}
    found: dict[int, list[tuple[str, str, int]]] = {}
    for line in kept.lines:
        found.setdefault(line.call[0], []).append((line.stream, line.text, line.level))
    return found


def test_what_tasks_say_is_theirs_and_in_order(carry_out: Any, kept: Any) -> None:
    logging.getLogger("flowkit").setLevel(logging.INFO)
    with Flow("speak") as flow:
        made = [speak(value) for value in range(5)]
    said = said_by(flow, ProcessExecutor(2), carry_out, kept)
    nodes = {each: node for node, each in enumerate(flow.sorted_tasks())}
    assert len(said) == len(made) == len(nodes)
    for lines in said.values():
        texts = [text for _, text, _ in lines]
        value = texts[0].rpartition(" ")[2]
        assert all(text.endswith(value) for text in texts)
        assert [text for stream, text, _ in lines if stream == "stdout" and "of " not in text] == [
            f"printed {value}",
            f"no line end {value}",
        ]
        assert {("log", f"logged {value}", 30), ("log", f"of the task {value}", 20)} <= set(lines)
        assert {
            ("stdout", f"of a child {value}", 0),
            ("stderr", f"err of a child {value}", 0),
            ("stdout", f"of the descriptor {value}", 0),
            ("stdout", f"of a thread {value}", 0),
            ("stderr", f"to stderr {value}", 0),
        } <= set(lines)


def test_without_capture_prints_are_those_of_the_program(carry_out: Any, capsys: Any) -> None:
    @task
    def prints() -> None:
        print("to be seen")
        os.system("echo of a child")
        print("and more")

    with Flow("prints") as flow:
        prints()
    carry_out(flow, ProcessExecutor(1))
    assert capsys.readouterr().out == "to be seen\nof a child\nand more\n"


@task
def echo_rarely(value: int) -> int:
    if value % 50 == 7:
        os.write(1, f"rare {value}\n".encode())
    return value


def test_what_one_of_many_writes_is_of_that_one(carry_out: Any, kept: Any) -> None:
    with Flow("rare") as flow:
        echo_rarely.map(list(range(400)))
    assert carry_out(flow, ProcessExecutor(2), observers=[kept], capture=True).state.is_successful()
    found = {line.call[1]: line.text for line in kept.lines}
    assert found == {value: f"rare {value}" for value in range(400) if value % 50 == 7}


@task
def say_and_wait(path: str) -> None:
    os.system("echo live")
    end = os.open(path, os.O_RDWR)
    os.read(end, 1)
    os.close(end)


def test_a_long_call_is_heard_while_it_runs(carry_out: Any, gate: Any) -> None:
    class Opening:
        """Lets the task end once it was heard."""

        def begin(self, engine: Any) -> None: ...

        def see(self, rows: Any, lines: Any) -> None:
            if any(line.text == "live" for line in lines):
                gate.open()

        def end(self, outcome: Any) -> None: ...

    with Flow("live") as flow:
        say_and_wait(gate.path)
    assert carry_out(flow, ProcessExecutor(1), observers=[Opening()], capture=True).state.is_successful()


@task
def tell(name: str) -> str:
    value = str(Secret(name).get())
    print("it is", value)
    raise ValueError(f"not {value}")


def test_secrets_that_a_task_asks_for_are_covered_here(
    carry_out: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_OF_WORKERS", "xk3-of-workers-91")
    with Flow("tells") as flow:
        tell("OF_WORKERS")
    carry_out(flow, ProcessExecutor(1), observers=[kept], capture=True)
    said = repr([line.text for line in kept.lines]) + repr(kept.rows)
    assert "it is •" in said
    assert "xk3-of-workers-91" not in said


def test_the_levels_of_loggers_are_those_of_the_program(carry_out: Any, kept: Any) -> None:
    @task
    def logs() -> None:
        logging.getLogger("quiet.one").info("not to be seen")
        logging.getLogger("loud.one").debug("to be seen")

    with Flow("levels") as flow:
        logs()
    loud = logging.getLogger("loud")
    loud.setLevel(logging.DEBUG)
    try:
        carry_out(flow, ProcessExecutor(1), observers=[kept], capture=True)
    finally:
        loud.setLevel(logging.NOTSET)
    assert [line.text for line in kept.lines] == ["to be seen"]


def test_a_warning_that_is_an_error_here_is_one_there(carry_out: Any) -> None:
    @task
    def warn() -> None:
        warnings.warn("once", stacklevel=1)

    with Flow("strict") as flow:
        made = warn()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = carry_out(flow, ProcessExecutor(1)).state
    assert isinstance(state.result[made].result, UserWarning)


# -- what they find ---------------------------------------------------------------------------


@task
def spoil(folder: str) -> None:
    os.chdir(folder)
    os.umask(0o777)
    os.environ["SPOILT"] = "1"
    os.environ.pop("PATH", None)
    sys.path.insert(0, "/spoilt")
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    random.seed(1)
    logging.disable(logging.CRITICAL)
    time.time = lambda: 0.0  # type: ignore[assignment]
    import locale

    locale.setlocale(locale.LC_ALL, "C")
    os.close(1)
    os.close(2)


@task
def look() -> tuple[Any, ...]:
    umask = os.umask(0)
    os.umask(umask)
    os.write(1, b"written\n")
    return (
        str(Path.cwd()),
        umask,
        "SPOILT" in os.environ,
        "PATH" in os.environ,
        "/spoilt" in sys.path,
        signal.getsignal(signal.SIGALRM),
        logging.root.manager.disable,
        time.time() > 0,
    )


@task
def chance() -> float:
    return random.random()


def test_a_task_that_spoils_its_process_spoils_no_other(carry_out: Any, tmp_path: Path, kept: Any) -> None:
    with Flow("spoilt") as flow:
        before = look()
        spoilt = spoil(str(tmp_path), upstream_tasks=[before])
        after = look(upstream_tasks=[spoilt])
        again = spoil(str(tmp_path), upstream_tasks=[after])
        first = chance(upstream_tasks=[spoilt])
        second = chance(upstream_tasks=[again])
    outcome = carry_out(flow, ProcessExecutor(1), observers=[kept], capture=True)
    states = outcome.state.result
    assert states[before].result == states[after].result
    assert states[before].result[0] == str(Path.cwd())
    assert states[first].result != random.Random(1).random()
    assert states[first].result != states[second].result
    assert [line.text for line in kept.lines] == ["written", "written"]


def test_a_worker_finds_what_its_runner_has_now(carry_out: Any, tmp_path: Path) -> None:
    @task
    def find() -> tuple[Any, ...]:
        umask = os.umask(0)
        os.umask(umask)
        return str(Path.cwd()), os.environ.get("OF_NOW"), umask, "/of/now" in sys.path, sys.stdin.read()

    with Flow("now") as flow:
        made = find()
    carry_out(flow, ProcessExecutor(1))
    before, umask = str(Path.cwd()), os.umask(0o027)
    os.chdir(tmp_path)
    os.environ["OF_NOW"] = "yes"
    sys.path.append("/of/now")
    try:
        state = carry_out(flow, ProcessExecutor(1)).state
    finally:
        os.chdir(before)
        os.umask(umask)
        del os.environ["OF_NOW"]
        sys.path.remove("/of/now")
    assert state.result[made].result == (str(tmp_path), "yes", 0o027, True, "")


@task
def with_children(value: int) -> list[int]:
    """Uses multiprocessing, as a task may."""
    import multiprocessing

    with warnings.catch_warnings(), multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [value, -value])


def test_a_task_may_use_multiprocessing(carry_out: Any) -> None:
    with Flow("pool") as flow:
        made = [with_children(value) for value in range(4)]
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert [states[each].result for each in made] == [[value, value] for value in range(4)]


@task
def leaky() -> int:
    threading.Thread(target=threading.Event().wait).start()
    return 1


def test_a_thread_that_a_task_leaves_does_not_keep_the_run(carry_out: Any) -> None:
    with Flow("leaky") as flow:
        made = leaky()
    assert carry_out(flow, ProcessExecutor(1)).state.result[made].result == 1


def test_two_hundred_runs_under_busy_threads_do_not_hang(carry_out: Any) -> None:
    """Workers are forked while threads of the runner hold locks."""
    stop = threading.Event()

    def log() -> None:
        logger = logging.getLogger("busy")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        while not stop.is_set():
            logger.warning("busy")

    @task
    def quick(value: int) -> int:  # a closure, for which nothing has to be imported
        return value

    busy = [threading.Thread(target=log)]
    with Flow("quick") as flow:
        made = quick(1)
        quick.copy(executor="threads")(2)
    for thread in busy:
        thread.start()
    began = time.monotonic()
    try:
        for _ in range(200):
            assert carry_out(flow, ProcessExecutor(1)).state.result[made].result == 1
        assert time.monotonic() - began < 30
    finally:
        stop.set()
        for thread in busy:
            thread.join()
