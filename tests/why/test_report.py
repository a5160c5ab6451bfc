"""What the report of a run says: gathered from the history alone, bounded, and right about times."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowkit
from flowkit import Flow, Parameter, signals, task
from flowkit.engine.executors import LocalExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.plan.status import Status
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.start import Options, executors_for, prepare
from flowkit.store import database
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, RunRecord, SessionRecord
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import Archive
from flowkit.why.report import logs
from flowkit.why.report.axis import Axis, axis_of
from flowkit.why.report.critical import critical_path
from flowkit.why.report.gather import Report, report_of
from flowkit.why.report.tasks import Attempts, Task
from flowkit.why.report.timeline import MOST_SPANS, WAITING, timeline_of

BEGAN = 1_790_000_000.0
Told = Callable[..., Report]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Runs a flow in a project of its own, and tells what its report says."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    project = Project(tmp_path)

    def run(flow: Flow, **asked: Any) -> Report:
        memory, executor = Memory(project, Settings()), LocalExecutor()
        plan = compile_flow(flow, lane="inline")
        kept = memory.begin(
            plan, {"day": "mon"} if plan.parameters else {}, session_of(executor, "test"), Asked(**asked)
        )
        prepare(
            plan,
            {"day": "mon"} if plan.parameters else {},
            executors_for(plan, executor),
            Options(capture=True),
            kept,
        ).run()
        with History(project.state) as history, Archive(project.state, history) as archive:
            record = history.find("latest")
            return report_of(archive, record, record.started + 60)

    yield run


def by_key(report: Report) -> dict[str, Task]:
    return {task.key: task for task in report.tasks.values()}


@task(name="load")
def load(day: str) -> list[int]:
    print(f"loading {day}")
    return [1, 2, 0]


@task(name="invert")
def invert(number: int) -> float:
    return 1 / number


@task(name="total")
def total(numbers: list[float]) -> float:
    return sum(numbers)


def pipeline() -> Flow:
    with Flow("pipeline") as flow:
        total(invert.map(load(Parameter("day"))))
    return flow


# -- what a run leaves ------------------------------------------------------------------------


def test_every_task_is_told_with_what_became_of_it(told: Told) -> None:
    tasks = by_key(told(pipeline()))
    assert list(tasks) == ["load", "invert", "total", "invert[0]", "invert[1]", "invert[2]"]
    assert tasks["load"].status is Status.SUCCESS
    assert tasks["invert"].children == {"ok": 2, "failed": 1}
    assert tasks["invert"].status is Status.FAILED
    assert tasks["invert[2]"].note == "ZeroDivisionError: division by zero"
    assert tasks["total"].note == "it needs invert[2], which did not succeed"


def test_a_failure_is_told_with_frames_source_and_inputs(told: Told) -> None:
    report = told(pipeline())
    [failure] = report.failed
    assert (failure.key, failure.kind, failure.alike) == ("invert[2]", "raised", [])
    assert failure.said == "ZeroDivisionError: division by zero"
    frame = failure.frame
    assert frame is not None
    assert (Path(frame.file), frame.function) == (Path(__file__), "invert")
    assert frame.source[frame.line - frame.first] == "    return 1 / number"
    assert [(each.name, each.source, each.value) for each in failure.inputs] == [
        ("number", "element 2 of load", "0")
    ]
    assert [each.status for each in failure.tries] == ["failed"]


def test_it_is_known_which_failures_have_lines_to_be_shown(told: Told) -> None:
    @task(name="fails")
    def fails(says: str) -> None:
        if says:
            print(says)
        raise KeyError(says)

    with Flow("lines") as flow:
        fails("on the way", task_args={"name": "loud"})
        fails("", task_args={"name": "quiet"})
    assert [(each.key, each.has_lines) for each in told(flow).failed] == [("loud", True), ("quiet", False)]


def test_the_innermost_call_that_is_the_users_own_comes_first_and_inputs_have_their_values_of_then(
    told: Told, tmp_path: Path
) -> None:
    told(pipeline())
    recorded = {
        "kind": "error",
        "type_name": "shop.PriceError",
        "message": "no price",
        "inputs": {"number": "{'price': 0}", "later": "1"},
        "notes": ["of Monday"],
        "causes": [{"how": "caused by", "type": "KeyError", "message": "price", "frames": []}],
        "frames": [
            {"file": "a.py", "line": 3, "function": "f", "first": 2, "source": ["x = 1", "g(x)"]},
            {"file": "a.py", "line": 9, "function": "g", "values": {"x": "1"}, "left_out": 4},
            {"file": "lib.py", "line": 1, "function": "h", "own": False},
        ],
    }
    detail = json.dumps({"failure": recorded})
    with closing(sqlite3.connect(tmp_path / ".flowkit" / database.FILE)) as connection, connection:
        connection.execute("UPDATE attempts SET detail=? WHERE status=?", (detail, int(Status.FAILED)))
    with History(tmp_path / ".flowkit") as history, Archive(tmp_path / ".flowkit", history) as archive:
        [failure] = report_of(archive, history.find("latest"), BEGAN).failed
    assert [each.function for each in failure.failure.frames] == ["f", "g", "h"]
    assert failure.frame == failure.failure.frames[1]
    assert failure.frame.values == (("x", "1"),)
    assert [(each.name, each.source, each.value) for each in failure.inputs] == [
        ("number", "element 2 of load", "{'price': 0}"),
        ("later", "its default", "1"),
    ]


def test_those_that_failed_alike_are_told_once(told: Told) -> None:
    @task(name="raises")
    def raises(number: int) -> None:
        raise ValueError(f"no {number}")

    with Flow("alike") as flow:
        raises.map(list(range(5)))
        raises(7)
    report = told(flow)
    [failure] = report.failed
    children = [f"raises[{number}]" for number in range(5)]
    assert sorted([failure.key, *failure.alike]) == ["raises-2", *children]
    assert failure.more == 0


def test_retries_are_told_with_why_and_how_long_they_waited(told: Told) -> None:
    left = ["a", "a", "b"]

    @task(name="shaky", max_retries=3, retry_delay=timedelta(seconds=0.02))
    def shaky() -> int:
        if left:
            raise ConnectionError(left.pop(0))
        return 1

    with Flow("shaky") as flow:
        shaky()
    report = told(flow)
    [retried] = report.retried
    assert (retried.number, retried.task.attempts) == (3, 4)
    assert retried.reasons == {"ConnectionError: b": 1, "ConnectionError: a": 2}
    assert 0.06 <= retried.task.waited <= retried.task.ended - retried.task.began  # type: ignore[operator]
    assert [row.worker for row in report.timeline.rows][-1] == WAITING
    assert len(report.timeline.rows[-1].spans) == 3


def changed(tmp_path: Path, *queries: str) -> Report:
    """The report of the latest run, whose rows have been changed."""
    folder = tmp_path / ".flowkit"
    with closing(sqlite3.connect(folder / database.FILE)) as connection, connection:
        for query in queries:
            connection.execute(query)
    with History(folder) as history, Archive(folder, history) as archive:
        return report_of(archive, history.find("latest"), BEGAN)


def test_what_was_stopped_and_run_again_is_no_retry(told: Told, tmp_path: Path) -> None:
    left = ["a", "b"]

    @task(name="shaky", max_retries=3, retry_delay=timedelta(0))
    def shaky() -> None:
        if left:
            raise ConnectionError(left.pop(0))

    with Flow("shaky") as flow:
        shaky()
    assert told(flow).retries == 2
    stopped = f"UPDATE attempts SET status={int(Status.CANCELLED)} WHERE attempt=2"
    report = changed(tmp_path, stopped)
    assert (report.retries, [each.number for each in report.retried]) == (1, [1])


@pytest.fixture
def stopped(told: Told, tmp_path: Path) -> Report:
    """Of a run that was stopped while a task waited for its third attempt."""

    @task(name="shaky", max_retries=3, retry_delay=timedelta(0))
    def shaky(number: int) -> None:
        raise ConnectionError("away")

    with Flow("shaky") as flow:
        shaky(7)
    told(flow)
    cancelled = f"{int(Status.CANCELLED)}"
    return changed(
        tmp_path,
        "DELETE FROM attempts WHERE attempt=4",
        f"UPDATE attempts SET attempt=0, status={cancelled}, detail=NULL WHERE attempt=3",
        f"UPDATE runs SET status={int(RunStatus.CANCELLED)}",
    )


def test_what_was_stopped_while_it_waited_for_its_retry_says_what_it_failed_with(stopped: Report) -> None:
    [failure] = stopped.failed
    assert (failure.kind, failure.ending) == ("stopped", "It was stopped while waiting for attempt 3 of 4.")
    assert failure.said == "ConnectionError: away"
    assert failure.frame is not None
    assert [(each.name, each.value) for each in failure.inputs] == [("number", "7")]
    assert [each.number for each in failure.tries] == [1, 2]
    assert stopped.retries == 2
    assert stopped.overcome == []


def test_failures_that_were_retried_are_told_with_source_and_inputs(told: Told, tmp_path: Path) -> None:
    left = ["away", "away"]

    @task(name="shaky", max_retries=3, retry_delay=timedelta(0))
    def shaky(number: int) -> int:
        if left:
            raise ConnectionError(left.pop())
        return number

    with Flow("shaky") as flow:
        shaky.map([7])
    report = told(flow)
    assert report.failed == []
    [failure] = report.overcome
    assert (failure.key, failure.kind, failure.ending) == ("shaky[0]", "raised", "")
    assert failure.said == "ConnectionError: away"
    assert failure.frame is not None
    assert [(each.name, each.value) for each in failure.inputs] == [("number", "7")]
    # So they are when the run had ended with the failure, and was resumed.
    resumed = changed(tmp_path, f"UPDATE attempts SET status={int(Status.FAILED)} WHERE attempt=2")
    assert [each.said for each in resumed.overcome] == ["ConnectionError: away"]


def test_what_a_run_that_goes_on_has_not_reached_waits(told: Told, tmp_path: Path) -> None:
    assert told(pipeline()).counts == {"ok": 3, "failed": 1, "not run": 1}
    report = changed(
        tmp_path,
        f"UPDATE runs SET status={int(RunStatus.RUNNING)}, ended=NULL",
        "UPDATE sessions SET ended=NULL",
        "DELETE FROM attempts WHERE node=(SELECT MAX(node) FROM attempts) OR child=2",
    )
    assert report.counts == {"ok": 3, "waiting": 2}


def test_the_cache_is_told_with_what_it_saved_and_why_it_did_not(told: Told) -> None:
    @task(name="kept", cache=True)
    def kept(day: str) -> str:
        return day * 2

    with Flow("cached") as flow:
        kept(Parameter("day"))
    first, second = told(flow), told(flow)
    assert [(each.key, each.reason) for each in first.caching.misses] == [
        ("kept", "first time: no earlier run of the flow has it")
    ]
    assert [(each.key, each.number, list(each.runs)) for each in second.caching.hits] == [("kept", 1, [1])]
    assert second.caching.saved > 0
    assert not second.caching.misses


def test_logs_are_told_by_task(told: Told) -> None:
    report = told(pipeline())
    [log] = report.logs.logs
    assert report.tasks[log.node, log.child].key == "load"
    assert [line.text for line in log.first] == ["loading mon"]


def test_of_long_logs_the_first_and_the_last_lines_are_kept_and_the_rest_is_counted(told: Told) -> None:
    @task(name="talks")
    def talks() -> None:
        print()
        for number in range(999):
            print(number)
        print("x" * 20_000)

    with Flow("talks") as flow:
        talks()
    [log] = told(flow).logs.logs
    lines = [*log.first, *log.last]
    assert (log.number, log.skipped) == (1001, 1001 - len(lines))
    assert [line.text for line in lines[:2]] == ["", "0"]
    assert (len(lines[-1].text), lines[-1].cut) == (2_000, 18_000)


def test_where_the_run_was_carried_out_is_told(told: Told) -> None:
    environment = told(pipeline()).environment
    assert environment["cores"] >= 1
    assert environment["platform"]
    assert environment["packages"]["flowkit"]


# -- the critical path ------------------------------------------------------------------------


def test_the_critical_path_goes_through_what_ended_last(told: Told) -> None:
    gate = threading.Event()

    @task(name="quick")
    def quick() -> int:
        return 1

    @task(name="slow")
    def slow() -> int:
        gate.wait(0.05)
        return 1

    @task(name="both")
    def both(a: int, b: int) -> int:
        return a + b

    with Flow("diamond") as flow:
        both(quick(), slow())
    report = told(flow)
    path = [step.task.key for step in report.path]
    assert path[-2:] == ["slow", "both"]
    assert sum(step.took + step.waited for step in report.path) <= report.axis.total + 1e-6


def outline(upstreams: list[list[int]]) -> dict[str, Any]:
    return {"code": [0] * len(upstreams), "upstreams": upstreams, "arguments": {}, "gates": {}}


@given(
    st.lists(
        st.tuples(st.floats(0.001, 5), st.floats(0, 2), st.sets(st.integers(0, 20))), min_size=1, max_size=20
    )
)
def test_the_path_is_a_chain_of_upstreams_without_overlaps(given_tasks: list[Any]) -> None:
    tasks: dict[tuple[int, int], Task] = {}
    upstreams: list[list[int]] = []
    for node, (took, delay, wanted) in enumerate(given_tasks):
        above = sorted(each for each in wanted if each < node)
        began = max((tasks[each, -1].ended or 0.0 for each in above), default=0.0) + delay
        tasks[node, -1] = Task(str(node), node, -1, Status.SUCCESS, 1, began, began + took, took)
        upstreams.append(above)
    path = critical_path(outline(upstreams), tasks)
    assert path[-1].task.ended == max(each.ended or 0.0 for each in tasks.values())
    for step, after in pairwise(path):
        above = upstreams[after.task.node]
        assert step.task.node in above
        assert step.task.ended == max(tasks[each, -1].ended or 0.0 for each in above)
    assert not upstreams[path[0].task.node]
    whole = sum(step.waited + step.took for step in path)
    assert whole == pytest.approx(path[-1].task.ended)


def test_what_flowkit_and_earlier_sessions_took_is_no_wait_for_a_worker() -> None:
    quick = Task("quick", 0, -1, Status.SUCCESS, 1, 0.5, 2.0, 1.5)
    slow = Task("slow", 1, -1, Status.SUCCESS, 2, 12.0, 15.0, 3.0, earlier=[(2.25, 10.0)])
    [first, second] = critical_path(outline([[], [0]]), {(0, -1): quick, (1, -1): slow}, [(0, 0.5), (10, 11)])
    assert (first.waited, first.starting) == (0, 0.5)
    assert (second.earlier, second.starting, second.waited) == (7.75, 1, 1.25)


# -- time -------------------------------------------------------------------------------------


def run_record(ended: float | None = BEGAN + 100, status: RunStatus = RunStatus.SUCCESS) -> RunRecord:
    return RunRecord(
        number=1, uid="", name="", flow="", ref="", status=status, reason="", started=BEGAN, ended=ended,
        parameters={}, asked={}, outline=b"", parent=None, exit_code=0, counts={}, bytes=0, worked=None,
    )  # fmt: skip


def session_record(number: int, started: float, ended: float | None) -> SessionRecord:
    return SessionRecord(
        session=number, started=started, ended=ended, pid=1, host="", boot="", born="", executor="",
        workers=2, command="", flowkit="", python="", exit_code=0,
    )  # fmt: skip


def attempt(
    node: int, started: float, ended: float | None, *, status: Status = Status.SUCCESS, number: int = 1,
    worker: str = "threads-1", session: int = 1,
) -> AttemptRecord:  # fmt: skip
    return AttemptRecord(
        key=str(node), node=node, child=-1, attempt=number, status=status, started=BEGAN + started,
        ended=None if ended is None else BEGAN + ended, worker=worker, detail={}, batch=0, session=session,
    )  # fmt: skip


def test_a_session_starts_until_it_has_begun_a_task() -> None:
    sessions = [session_record(1, BEGAN, BEGAN + 10), session_record(2, BEGAN + 50, BEGAN + 55)]
    seen = [attempt(0, 2, 3), attempt(1, 3, 10, number=0), attempt(2, 1, 10), attempt(3, 52, 53, session=2)]
    assert axis_of(run_record(), sessions, seen, BEGAN + 60).starts == [(0, 1), (10, 12)]


def test_the_time_between_sessions_is_no_time_of_the_run() -> None:
    sessions = [session_record(1, BEGAN, BEGAN + 10), session_record(2, BEGAN + 86_400, BEGAN + 86_405)]
    axis = axis_of(run_record(), sessions, [], BEGAN + 90_000)
    assert axis.total == 15
    assert axis.breaks == [10]
    assert axis.at(BEGAN + 4, 1) == 4
    assert axis.at(BEGAN + 86_402, 2) == 12
    assert axis.of(BEGAN + 86_402) == 12
    assert axis.of(BEGAN + 500) == 10


def test_a_session_whose_process_was_gone_ends_with_what_was_last_seen_of_it() -> None:
    sessions = [session_record(1, BEGAN, None)]
    crashed = run_record(BEGAN + 7, RunStatus.CRASHED)
    assert axis_of(crashed, sessions, [attempt(0, 1, 6)], BEGAN + 1000).total == 6


def test_a_run_that_goes_on_lasts_until_now() -> None:
    running = run_record(None, RunStatus.RUNNING)
    assert axis_of(running, [session_record(1, BEGAN, None)], [attempt(0, 1, None)], BEGAN + 30).total == 30


def timeline(attempts: list[AttemptRecord], total: float) -> Any:
    grouped: Attempts = {}
    for each in attempts:
        grouped.setdefault((each.node, each.child), []).append(each)
    return timeline_of(run_record(), grouped, Axis({1: (BEGAN, 0.0, total)}, total))


def test_workers_come_in_order_of_their_numbers_and_share_no_row() -> None:
    found = timeline([attempt(n, n, n + 1, worker=f"threads-{n}") for n in (10, 9, 1)], 20)
    assert [row.worker for row in found.rows] == ["threads-1", "threads-9", "threads-10"]


def test_what_was_stopped_or_goes_on_has_a_row_of_its_own_below_the_workers() -> None:
    stopped = attempt(0, 0, 4, status=Status.CANCELLED, worker="")
    assert [row.worker for row in timeline([stopped, attempt(1, 1, 3)], 5).rows] == ["threads-1", "stopped"]
    goes_on = {(0, -1): [attempt(0, 1, None, status=Status.RUNNING, worker="")]}
    running = run_record(None, RunStatus.RUNNING)
    found = timeline_of(running, goes_on, Axis({1: (BEGAN, 0.0, 9.0)}, 9.0))
    assert [row.worker for row in found.rows] == ["at work"]


def test_what_runs_at_once_on_one_worker_lies_in_rows_of_its_own() -> None:
    found = timeline([attempt(0, 0, 4), attempt(1, 1, 3), attempt(2, 3, 5)], 5)
    assert [[(span.node, span.begin) for span in row.spans] for row in found.rows] == [
        [(0, 0)],
        [(1, 1), (2, 3)],
    ]


def test_very_many_attempts_become_few_spans_that_say_how_the_worst_of_them_ended() -> None:
    many = 3 * MOST_SPANS
    attempts = [
        attempt(n, n, n + 1, status=Status.FAILED if n == 777 else Status.SUCCESS, worker=f"threads-{n % 4}")
        for n in range(many)
    ]
    found = timeline(attempts, many)
    spans = [span for row in found.rows for span in row.spans]
    assert len(spans) <= 1.1 * MOST_SPANS
    assert sum(span.many for span in spans) == many
    assert found.merged == many - len(spans)
    [bad] = [span for span in spans if span.status is Status.FAILED]
    assert bad.node == 777


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=30))
def test_the_area_of_the_parallelism_is_the_work(pairs: list[tuple[float, float]]) -> None:
    attempts = [attempt(n, min(pair), max(pair)) for n, pair in enumerate(pairs)]
    found = timeline(attempts, 100.0)
    area = sum(found.parallelism) * 100.0 / len(found.parallelism)
    assert area == pytest.approx(sum(max(pair) - min(pair) for pair in pairs), abs=1e-3)
    assert found.worked == pytest.approx(area, abs=1e-3)


def test_tasks_of_a_name_are_told_together_where_they_are_many(told: Told) -> None:
    @task(name="kept", cache=True)
    def kept(number: int) -> int:
        return number

    with Flow("many") as flow:
        for number in range(7):
            kept(number)
    first, second = told(flow), told(flow)
    [miss] = first.caching.misses
    assert (miss.key, miss.number) == ("kept", 7)
    [hit] = second.caching.hits
    assert (hit.key, hit.number, list(hit.runs)) == ("kept", 7, [1])
    assert 3 <= len(first.slowest) <= 5
    assert second.slowest == []


def test_iterations_of_a_loop_are_no_retries(told: Told) -> None:
    @task(name="loop")
    def loop() -> int:
        number: int = flowkit.context.get("task_loop_count", 1)
        if number < 3:
            raise signals.LOOP(result=number)
        return number

    with Flow("loop") as flow:
        loop()
    report = told(flow)
    assert by_key(report)["loop"].attempts == 3
    assert report.retried == []


@pytest.mark.parametrize("held", [10, 10_000])
def test_where_room_is_short_the_logs_of_what_failed_come_first(
    told: Told, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(logs, "MOST_CHARACTERS", 150)
    monkeypatch.setattr(logs, "_MOST_HELD", held)

    @task(name="says")
    def says(number: int) -> None:
        print("a line of some length, which is not short at all")
        if number == 4:
            raise ValueError

    with Flow("says") as flow:
        says.map(list(range(6)))
    found = told(flow).logs
    assert 4 in [log.child for log in found.logs]
    assert len(found.logs) + found.left_out == 6
    assert found.left_out >= 4
    assert found.total == 6
