from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

INSTANCES = Path(__file__).resolve().parents[3] / "shared" / "wfinstances"

needs_instances = pytest.mark.skipif(not INSTANCES.is_dir(), reason="no folder of WfFormat instances here")

# Tasks, edges and seconds of work, counted by another program.
MEASURED = {
    "1000genome-chameleon-2ch-100k-001": (52, 76, 2771.3),
    "bwa-chameleon-small-001": (104, 400, 380.0),
    "epigenomics-chameleon-hep-1seq-100k-001": (41, 48, 539.3),
    "montage-chameleon-2mass-01d-001": (103, 231, 362.6),
    "montage-chameleon-dss-10d-001": (472, 1284, 37089.3),
    "soykb-chameleon-10fastq-10ch-001": (96, 194, 11814.5),
}

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a trace, given as a document or as text."""

    def to_file(document: Any) -> Path:
        path = tmp_path / "trace.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return to_file


def spec(id: str, *parents: str, children: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": id, "name": f"the {id}", "parents": list(parents), "children": list(children)}


def trace(*tasks: dict[str, Any], **runtimes: float | None) -> dict[str, Any]:
    execution = [{"id": id, "runtimeInSeconds": seconds} for id, seconds in runtimes.items()]
    return {"workflow": {"specification": {"tasks": list(tasks)}, "execution": {"tasks": execution}}}


DIAMOND = trace(
    spec("join", "left", "right"), spec("left", "root"), spec("right", "root"), spec("root"), root=2.5, left=1
)


def edges(jobs: Any) -> set[tuple[str, str]]:
    return {(parent, job.id) for job in jobs for parent in job.parents}


def test_jobs_have_their_runtimes_and_parents_in_any_order_of_the_file(
    wfcommons: ModuleType, write: Write
) -> None:
    jobs = wfcommons.read_trace(write(DIAMOND))
    assert [(job.id, job.name, job.seconds) for job in jobs] == [
        ("join", "the join", 0.0),
        ("left", "the left", 1.0),
        ("right", "the right", 0.0),
        ("root", "the root", 2.5),
    ]
    assert edges(jobs) == {("root", "left"), ("root", "right"), ("left", "join"), ("right", "join")}


def test_an_edge_counts_whichever_end_names_it_and_once(wfcommons: ModuleType, write: Write) -> None:
    document = trace(spec("a", children=("b", "c")), spec("b", "a"), spec("c"))
    assert edges(wfcommons.read_trace(write(document))) == {("a", "b"), ("a", "c")}


@pytest.mark.parametrize("execution", [{}, {"execution": None}, {"execution": {"tasks": []}}])
def test_a_runtime_that_is_not_recorded_is_0(wfcommons: ModuleType, write: Write, execution: Any) -> None:
    document = {"workflow": {"specification": {"tasks": [{"id": "a"}]}, **execution}}
    (job,) = wfcommons.read_trace(write(document))
    assert (job.name, job.seconds, job.parents) == ("a", 0.0, frozenset())


def test_a_runtime_of_null_is_0(wfcommons: ModuleType, write: Write) -> None:
    (job,) = wfcommons.read_trace(write(trace(spec("a"), a=None)))
    assert job.seconds == 0.0


@pytest.mark.parametrize("key", ["runtimeInSeconds", "runtime"])
def test_wfformat_1_4_has_runtimes_beside_the_parents(wfcommons: ModuleType, write: Write, key: str) -> None:
    document = {"workflow": {"tasks": [{**spec("b", "a"), key: 3}, {**spec("a"), key: 4.5}]}}
    jobs = wfcommons.read_trace(write(document))
    assert [(job.id, job.seconds) for job in jobs] == [("b", 3.0), ("a", 4.5)]
    assert edges(jobs) == {("a", "b")}


@pytest.mark.parametrize("ids", [{}, {"id": "1"}])
def test_before_wfformat_1_5_parents_may_be_names(
    wfcommons: ModuleType, write: Write, ids: dict[str, str]
) -> None:
    tasks = [{"name": "sort", "parents": ["split"], **ids}, {"name": "split", "children": ["sort"]}]
    jobs = wfcommons.read_trace(write({"workflow": {"tasks": tasks}}))
    assert edges(jobs) == {("split", "sort")}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "is not JSON: Expecting value"),
        ('{"workflow": ', "is not JSON: Expecting value"),
        ("[" * 100_000, "is not JSON: "),
        ("[]", "is not a WfFormat trace: `all of it`: "),
        ("{}", "is not a WfFormat trace: `workflow`: Field required"),
        ({"workflow": []}, "is not a WfFormat trace: `workflow`: "),
        ({"workflow": {}}, "cannot be replayed: it has no tasks in `workflow.specification.tasks`"),
        (trace(), "cannot be replayed: it has no tasks in `workflow.specification.tasks`"),
        (trace({"id": 7}), "is not a WfFormat trace: `workflow.specification.tasks.0.id`: "),
        (
            trace({"id": "a", "parents": "b"}),
            "is not a WfFormat trace: `workflow.specification.tasks.0.parents`: ",
        ),
        (trace(spec("a"), a=-1), "is not a WfFormat trace: `workflow.execution.tasks.0.runtimeInSeconds`: "),
        (
            trace(spec("a"), a=float("nan")),
            "is not a WfFormat trace: `workflow.execution.tasks.0.runtimeInSeconds`: ",
        ),
        (trace({"name": "a"}), "cannot be replayed: its task number 1 has no id"),
        (trace(spec("a"), spec("b"), spec("a")), "cannot be replayed: two of its tasks have the id `a`"),
        (trace(spec("a", "b")), "cannot be replayed: its task `a` names `b`, which is not in it"),
        (trace(spec("a", children=("b",))), "cannot be replayed: its task `a` names `b`, which is not in it"),
        (
            {"workflow": {"tasks": [spec("a", "b")]}},
            "cannot be replayed: its task `a` names `b`, which is not in it",
        ),
    ],
)
def test_a_file_that_is_no_trace_is_refused_in_one_sentence_that_names_it(
    wfcommons: ModuleType, write: Write, document: Any, reason: str
) -> None:
    path = write(document)
    with pytest.raises(ValueError) as caught:
        wfcommons.read_trace(path)
    assert str(caught.value).startswith(f"`{path}` {reason}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_refused(wfcommons: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(b"\xff\xfe\x80")
    with pytest.raises(ValueError, match="is not JSON"):
        wfcommons.read_trace(path)


def test_two_runtimes_for_one_task_are_refused(wfcommons: ModuleType, write: Write) -> None:
    document = trace(spec("a"))
    document["workflow"]["execution"]["tasks"] = [{"id": "a"}, {"id": "a"}]
    with pytest.raises(ValueError, match="two of its tasks have the id `a`"):
        wfcommons.read_trace(write(document))


def test_a_task_sleeps_for_its_runtime_times_the_scale(wfcommons: ModuleType) -> None:
    assert wfcommons.replay.run("a", 2.0, 0.001) == {"job": "a", "slept": 0.002}


@pytest.mark.parametrize("scale", [-1.0, float("inf"), float("nan")])
def test_a_scale_that_no_one_can_sleep_is_refused(wfcommons: ModuleType, scale: float) -> None:
    with pytest.raises(ValueError, match=r"^`scale` is .*, but must be 0 or more$"):
        wfcommons.replay.run("a", 2.0, scale)


def test_a_chain_of_thousands_in_reverse_order_is_read_without_recursion(
    wfcommons: ModuleType, write: Write
) -> None:
    tasks = [spec(f"t{n}", f"t{n - 1}") for n in range(5000, 0, -1)]
    assert len(edges(wfcommons.read_trace(write(trace(*tasks, spec("t0")))))) == 5000


@needs_instances
@pytest.mark.parametrize("name", MEASURED)
def test_an_instance_has_the_tasks_the_edges_and_the_work_that_were_recorded(
    wfcommons: ModuleType, name: str
) -> None:
    jobs = wfcommons.read_trace(INSTANCES / f"{name}.json")
    work = sum(job.seconds for job in jobs)
    assert (len(jobs), len(edges(jobs)), round(work, 1)) == MEASURED[name]


def test_the_flow_replays_a_trace_task_for_task(
    wfcommons: ModuleType, write: Write, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    state = wfcommons.wfcommons.run(trace=write(DIAMOND), scale=0.0001)
    assert state.is_successful()
    assert result_of(state, "the root") == {"job": "root", "slept": 0.00025}
    assert {task.slug for task in state.result} >= {"root", "left", "right", "join"}


def test_tasks_of_one_name_are_told_apart_by_their_ids(
    wfcommons: ModuleType, write: Write, elsewhere: Path
) -> None:
    document = trace({"id": "a", "name": "same"}, {"id": "b", "name": "same", "parents": ["a"]})
    state = wfcommons.wfcommons.run(trace=write(document), scale=0.0)
    jobs = [each.result["job"] for task, each in state.result.items() if task.name == "same"]
    assert sorted(jobs) == ["a", "b"]


def test_the_graph_has_the_edges_of_the_trace(wfcommons: ModuleType, write: Write) -> None:
    path = write(DIAMOND)
    flow = wfcommons.wfcommons.build(trace=path)
    waits = {(edge.upstream.slug, edge.downstream.slug) for edge in flow.edges if edge.key is None}
    assert waits == edges(wfcommons.read_trace(path))


@pytest.mark.parametrize("parents", [("c", "a", "b"), ("a", "b", "c")])
def test_a_cycle_is_found(wfcommons: ModuleType, write: Write, parents: tuple[str, ...]) -> None:
    tasks = [spec(id, parent) for id, parent in zip("abc", parents, strict=True)]
    with pytest.raises(ValueError, match="`the a`"):
        wfcommons.wfcommons.build(trace=write(trace(*tasks))).validate()


@needs_instances
@pytest.mark.parametrize("name", MEASURED)
def test_an_instance_is_replayed_to_the_end(wfcommons: ModuleType, elsewhere: Path, name: str) -> None:
    state = wfcommons.wfcommons.run(trace=INSTANCES / f"{name}.json", scale=0.0)
    assert state.is_successful()
    replayed = [task for task in state.result if task.name != "scale"]
    assert len(replayed) == MEASURED[name][0]
