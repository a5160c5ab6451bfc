"""Why a task ran, or did not: the same answer before the run and after it, and never a wrong one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowkit import Flow, Parameter, case, signals, task
from flowkit.engine.executors import LocalExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.project.root import Project
from flowkit.project.settings import Results, Settings
from flowkit.runs.borrow import Chosen
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.rehearsal import Action, Step, rehearsed
from flowkit.runs.start import Options, executors_for, prepare
from flowkit.store import database
from flowkit.store.history import History
from flowkit.why.archive import Archive
from flowkit.why.hindsight import why
from flowkit.why.reasons import Cause, Reason


class Remembered:
    """Runs flows in this process, in a project of its own, and asks why."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.settings = Settings()

    def run(self, flow: Flow, values: Mapping[str, Any] | None = None, **asked: Any) -> None:
        """Run a flow."""
        memory, executor = Memory(self.project, self.settings), LocalExecutor()
        plan, given = compile_flow(flow, lane="inline"), dict(values or {})
        kept = memory.begin(plan, given, session_of(executor, "test"), Asked(**asked))
        prepare(plan, given, executors_for(plan, executor), Options(), kept).run()

    def steps(
        self, flow: Flow, values: Mapping[str, Any] | None = None, *, history: bool = True, **asked: Any
    ) -> dict[str, Step]:
        """What a run of a flow would do with each task."""
        memory = Memory(self.project, self.settings) if history else None
        plan = compile_flow(flow, lane="inline")
        try:
            found = rehearsed(plan, Chosen(), values or {}, memory, Asked(**asked))
        finally:
            if memory is not None:
                memory.close()
        return {plan.keys[step.node]: step for step in found}

    def why(self, key: str, child: int = -1) -> Reason:
        """Why a task of the latest run ran, or did not."""
        folder = self.project.state
        with History(folder) as history, Archive(folder, history) as archive:
            run = archive.run(history.find("latest"))
            return why(run, run.nodes[key], child)

    def change(self, query: str) -> None:
        """Change what is remembered."""
        connection = sqlite3.connect(self.project.state / database.FILE)
        connection.execute(query)
        connection.commit()
        connection.close()


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remembered:
    """An empty project, with a key to sign results with."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FLOWKIT_HOME", raising=False)
    (tmp_path / "project" / "flows").mkdir(parents=True)
    return Remembered(Project.at(tmp_path / "project"))


def chain(
    *,
    scale: int = 1,
    start: int = 1,
    extra: Any = 0,
    cache: Any = True,
    load_cache: Any = True,
    gives: Any = lambda start: [start, 2],
) -> Flow:
    """`load` → `total`, whose code has the constant `scale`."""

    @task(cache=load_cache)
    def load(start: int) -> Any:
        return gives(start)

    @task(cache=cache)
    def total(rows: Any, extra: int) -> int:
        return int(sum(rows)) * scale

    with Flow("etl") as flow:
        total(load(start), extra)
    return flow


def both(remembered: Remembered, flow: Flow, key: str, **asked: Any) -> list[tuple[Cause, str]]:
    """What is said of a task before a run, and after it."""
    step = remembered.steps(flow, **asked)[key]
    remembered.run(flow, **asked)
    after = remembered.why(key)
    before = step.reason
    return [(each.cause, each.sentence) for each in (before, after) if each is not None]


def test_a_first_run_has_no_other_reason(remembered: Remembered) -> None:
    assert {
        step.reason.cause for step in remembered.steps(chain(), history=False).values() if step.reason
    } == {Cause.FIRST}
    before, after = both(remembered, chain(), "load")
    assert before == after and after[0] is Cause.FIRST


def test_what_is_found_says_in_which_run_it_was_made(remembered: Remembered) -> None:
    remembered.run(chain())
    steps = remembered.steps(chain())
    assert [step.action for step in steps.values()] == [Action.CACHED, Action.CACHED]
    assert steps["total"].entry is not None and steps["total"].entry.run == 1
    remembered.run(chain())
    reason = remembered.why("total")
    assert reason.cause is Cause.FOUND
    assert reason.sentence.startswith("found in the cache, made in run 1 (")


def test_changed_code_is_named(remembered: Remembered) -> None:
    remembered.run(chain(scale=1))
    before, after = both(remembered, chain(scale=2), "total")
    assert before == after
    assert after[0] is Cause.CODE and "total` changed (" in after[1]


def test_a_changed_constant_is_shown(remembered: Remembered) -> None:
    remembered.run(chain(extra=3))
    before, after = both(remembered, chain(extra=4), "total")
    assert before == after == (Cause.INPUT, "input `extra` changed: 3 → 4")


def test_a_changed_input_names_the_upstream(remembered: Remembered) -> None:
    remembered.run(chain(start=1))
    remembered.run(chain(start=5))
    assert remembered.why("total").sentence == "input `rows` changed, from upstream `load`"


def test_an_upstream_that_ran_again_and_gave_the_same_is_named(remembered: Remembered) -> None:
    def always(start: int) -> list[int]:
        return [7]

    remembered.run(chain(start=1, gives=always))
    remembered.run(chain(start=2, gives=always))
    reason = remembered.why("total")
    assert reason.cause is Cause.FOUND
    assert reason.same == ("load",)


def test_a_follower_of_what_runs_may_be_found(remembered: Remembered) -> None:
    remembered.run(chain(start=1))
    steps = remembered.steps(chain(start=2))
    assert steps["load"].action is Action.RUN
    assert (steps["total"].action, steps["total"].reason and steps["total"].reason.sentence) == (
        Action.MAYBE,
        "`load` runs first",
    )


def test_a_follower_of_what_runs_is_told_its_own_change_of_code(remembered: Remembered) -> None:
    remembered.run(chain(start=1))
    step = remembered.steps(chain(start=2, scale=3))["total"]
    assert step.action is Action.RUN
    assert step.reason is not None and step.reason.cause is Cause.CODE


def test_force_and_a_cache_that_is_off_are_reasons(remembered: Remembered) -> None:
    remembered.run(chain())
    for asked, cause in (
        ({"forced": ("load",)}, Cause.FORCED),
        ({"forced": ("*",)}, Cause.FORCED),
        ({"reads": False}, Cause.CACHE_OFF),
    ):
        before, after = both(remembered, chain(), "load", **asked)
        assert before == after and after[0] is cause


def test_an_entry_that_was_removed_is_a_reason(remembered: Remembered) -> None:
    remembered.run(chain())
    remembered.change("DELETE FROM cache")
    before, after = both(remembered, chain(), "load")
    assert before == after and after[0] is Cause.EVICTED


def test_an_entry_that_expired_is_a_reason(remembered: Remembered) -> None:
    remembered.run(chain(load_cache=timedelta(microseconds=1)))
    before, after = both(remembered, chain(load_cache=timedelta(microseconds=1)), "load")
    assert before == after and after[0] is Cause.EXPIRED


def test_an_entry_that_cannot_be_read_is_a_reason(remembered: Remembered) -> None:
    remembered.run(chain())
    remembered.change("UPDATE cache SET data = zeroblob(length(data))")
    before, after = both(remembered, chain(), "load")
    assert before == after and after[0] is Cause.UNREADABLE


def test_a_call_that_failed_before_left_nothing_to_find(remembered: Remembered) -> None:
    def broken(start: int) -> Any:
        raise ValueError(start)

    remembered.run(chain(gives=broken))
    reason = remembered.steps(chain(gives=broken))["load"].reason
    assert reason is not None and reason.cause is Cause.FAILED_BEFORE


def test_a_call_whose_input_changed_is_not_taken_for_the_one_that_failed(
    remembered: Remembered, tmp_path: Path
) -> None:
    path = tmp_path / "given.txt"

    @task(cache=True)
    def read(path: Path) -> str:
        return path.read_text()

    with Flow("reading") as flow:
        read(path)
    remembered.run(flow)
    path.write_text("hi")
    before, after = both(remembered, flow, "read")
    assert before == after == (Cause.INPUT, "input `path` changed")
    path.unlink()
    before, after = both(remembered, flow, "read")
    assert before == after and after[0] is Cause.FAILED_BEFORE
    assert after[1].startswith("the same call failed in run 1 (")


def test_code_that_was_mended_after_it_failed_is_named(remembered: Remembered) -> None:
    remembered.run(chain(scale=1))
    broken: Any = None
    before, after = both(remembered, chain(scale=broken), "total")
    assert before == after and after[0] is Cause.CODE
    before, after = both(remembered, chain(scale=2), "total")
    assert before == after and after[0] is Cause.CODE


def test_a_call_that_was_skipped_before_left_nothing_to_find(remembered: Remembered) -> None:
    def skipped(start: int) -> Any:
        raise signals.SKIP("not today")

    remembered.run(chain(gives=skipped))
    before, after = both(remembered, chain(gives=skipped), "load")
    assert before == after and after[0] is Cause.FAILED_BEFORE
    assert after[1].startswith("the same call was skipped in run 1 (")


def test_a_result_that_was_not_kept_left_no_entry(remembered: Remembered) -> None:
    flow = chain(gives=lambda start: (each for each in [start]))
    remembered.run(flow)
    before, after = both(remembered, flow, "load")
    assert before == after and after[0] is Cause.NOT_KEPT
    assert after[1].startswith("its result could not be kept in run 1 (")


def test_an_entry_that_is_gone_is_compared_with_the_run_that_had_it(remembered: Remembered) -> None:
    remembered.run(chain(extra=1))
    remembered.run(chain(extra=5))
    remembered.change("DELETE FROM cache WHERE run=1")
    remembered.run(chain(extra=1))
    reason = remembered.why("total")
    assert reason.cause is Cause.EVICTED
    assert reason.against is not None and reason.against.number == 1
    assert not reason.differs


def test_a_key_of_the_user_s_own_is_named(remembered: Remembered) -> None:
    def keyed(by: int) -> Flow:
        def month(given: Any) -> int:
            return by

        return chain(load_cache=month)

    remembered.run(keyed(1))
    before, after = both(remembered, keyed(2), "load")
    assert before == after == (Cause.KEY, "its own key, which `month` gives, is another than before")


def test_a_key_of_the_user_s_own_without_a_digest_is_not_blamed_on_an_argument(
    remembered: Remembered,
) -> None:
    def locked(given: Any) -> Any:
        return Lock()

    remembered.run(chain(load_cache=locked))
    before, after = both(remembered, chain(load_cache=locked), "load")
    assert before == after and after[0] is Cause.NO_DIGEST
    assert after[1].startswith("its own key, which `locked` gives, has no digest")


def test_a_trigger_of_the_user_s_is_not_taken_for_an_argument_without_a_digest(
    remembered: Remembered,
) -> None:
    @task(cache=True, trigger=lambda upstreams: True)
    def asked() -> int:
        return 1

    with Flow("triggered") as flow:
        asked()
    remembered.run(flow)
    reason = remembered.steps(flow)["asked"].reason
    assert reason is None or reason.cause is not Cause.NO_DIGEST


def test_a_task_without_a_cache_has_one_headline(remembered: Remembered) -> None:
    remembered.run(chain(cache=False, scale=1))
    before, after = both(remembered, chain(cache=False, scale=2), "total")
    assert before == after and after[0] is Cause.NO_CACHE
    assert after[1].startswith("it has no cache: it runs in every run; its code changed: `")


def test_an_argument_without_a_digest_is_a_reason(remembered: Remembered) -> None:
    def once(start: int) -> Iterator[int]:
        yield start

    flow = chain(load_cache=False, gives=once)
    remembered.run(flow)
    remembered.run(flow)
    assert remembered.why("total").cause in (Cause.NO_DIGEST, Cause.NO_CACHE)


def test_a_task_without_a_cache_still_says_what_differs(remembered: Remembered) -> None:
    remembered.run(chain(cache=False, start=1, scale=1))
    remembered.run(chain(cache=False, start=2, scale=2))
    reason = remembered.why("total")
    assert reason.cause is Cause.NO_CACHE
    assert [(each.name.rpartition(".")[2], each.what) for each in reason.code] == [("total", "changed")]
    assert [each.sources for each in reason.inputs] == [("load",)]


def test_what_did_not_run_names_whom_it_needs(remembered: Remembered) -> None:
    def broken(start: int) -> Any:
        raise ValueError(start)

    remembered.run(chain(gives=broken))
    reason = remembered.why("total")
    assert (reason.cause, reason.sentence) == (Cause.DECIDED, "it needs `load`, which did not succeed")


def test_a_shut_case_is_said_before_and_after(remembered: Remembered) -> None:
    @task(cache=True)
    def choice() -> bool:
        return False

    @task
    def inside() -> None:
        """Never runs here."""

    with Flow("gated") as flow, case(choice(), True):
        inside()
    assert remembered.steps(flow)["inside"].action is Action.MAYBE
    remembered.run(flow)
    assert remembered.why("inside").sentence == "its case was not chosen"
    assert remembered.steps(flow)["inside"].action is Action.SKIP


def test_children_have_reasons_of_their_own(remembered: Remembered) -> None:
    def mapped(*items: int) -> Flow:
        @task(cache=True)
        def double(item: int) -> int:
            return item * 2

        with Flow("mapped") as flow:
            double.map(list(items))
        return flow

    remembered.run(mapped(1, 2, 3))
    step = remembered.steps(mapped(1, 5, 3))["double"]
    assert (step.action, step.children) == (Action.RUN, (3, 2))
    assert list(step.reasons.values()) == [1]
    remembered.run(mapped(1, 5, 3))
    assert [remembered.why("double", child=child).cause for child in range(3)] == [
        Cause.FOUND,
        Cause.INPUT,
        Cause.FOUND,
    ]
    assert remembered.steps(mapped())["double"].children == (0, 0)


def test_a_parameter_is_named(remembered: Remembered) -> None:
    @task(cache=True)
    def load(text: str) -> str:
        return text

    with Flow("daily") as flow:
        load(Parameter("day"))
    remembered.run(flow, {"day": "mon"})
    step = remembered.steps(flow, {"day": "tue"})["load"]
    assert step.reason is not None
    assert step.reason.sentence == "input `text` changed, from parameter `day`"
    assert remembered.steps(flow, {"day": "mon"})["load"].action is Action.CACHED


def test_a_rehearsal_runs_no_task_and_writes_nothing(remembered: Remembered) -> None:
    ran: list[int] = []

    def noted(start: int) -> list[int]:
        ran.append(start)
        return ran[:1]

    flow = chain(gives=noted)
    remembered.run(flow, reads=False)
    files = {path: path.read_bytes() for path in remembered.project.state.rglob("*") if path.is_file()}
    ran.clear()
    remembered.steps(flow)
    assert ran == []
    left = {path: path.read_bytes() for path in remembered.project.state.rglob("*") if path.is_file()}
    assert {path.name for path in left if left[path] != files.get(path)} <= {
        "history.db-wal",
        "history.db-shm",
    }


_SHAPES = st.fixed_dictionaries(
    {"scale": st.integers(1, 2), "start": st.integers(1, 2), "extra": st.integers(0, 1)}
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_SHAPES, st.booleans()), min_size=1, max_size=4))
def test_a_rehearsal_foretells_what_the_run_then_does(
    remembered: Remembered, runs: list[tuple[dict[str, int], bool]]
) -> None:
    """What it says is cached is found, what it says runs does run, and for the reason that it gave."""
    for shape, forced in runs:
        named = ("load",) if forced else ()
        steps = remembered.steps(chain(**shape), forced=named)
        remembered.run(chain(**shape), forced=named)
        for key, step in steps.items():
            after = remembered.why(key)
            if step.action is Action.CACHED:
                assert after.cause is Cause.FOUND
            elif step.action is Action.RUN:
                assert step.reason is not None
                assert after.cause is not Cause.FOUND
                if step.reason.cause is not Cause.CODE:
                    assert (after.cause, after.sentence) == (step.reason.cause, step.reason.sentence)


@pytest.mark.parametrize("key", ["load", "total"])
def test_what_is_not_kept_any_more_is_not_said_to_differ(remembered: Remembered, key: str) -> None:
    remembered.run(chain(cache=False, load_cache=False))
    remembered.change("DELETE FROM results WHERE batch >= 0")
    remembered.run(chain(cache=False, load_cache=False))
    reason = remembered.why(key)
    assert not reason.differs


@pytest.mark.parametrize("by_settings", [False, True])
def test_where_nothing_is_kept_no_argument_is_blamed(remembered: Remembered, by_settings: bool) -> None:
    remembered.run(chain())
    asked = {} if by_settings else {"persists": False}
    if by_settings:
        remembered.settings = Settings(results=Results(persist=False))
    before, after = both(remembered, chain(), "load", **asked)
    assert before == after == (Cause.CACHE_OFF, "nothing of this run is kept, so that the cache is not asked")


@pytest.mark.parametrize(
    "raised", [ValueError("broken"), signals.SKIP("not today"), signals.FAIL("no")], ids=repr
)
def test_an_argument_without_a_digest_is_a_reason_however_the_call_ended(
    remembered: Remembered, raised: BaseException
) -> None:
    @task
    def lock() -> Any:
        return Lock()

    @task(cache=True)
    def taken(lock: Any) -> None:
        raise raised

    with Flow("locked") as flow:
        taken(lock())
    remembered.run(flow)
    remembered.run(flow)
    assert remembered.why("taken").cause is Cause.NO_DIGEST


@task(cache=True)
def writes(folder: str) -> Path:
    path = Path(folder, "out.txt")
    path.write_text("made")
    return path


def test_a_result_whose_file_was_altered_is_a_reason_of_its_own(
    remembered: Remembered, tmp_path: Path
) -> None:
    with Flow("files") as flow:
        writes(str(tmp_path))
    remembered.run(flow)
    (tmp_path / "out.txt").write_text("altered")
    step = remembered.steps(flow)["writes"]
    assert step.reason is not None
    assert step.reason.cause is Cause.ALTERED
    remembered.run(flow)
    assert remembered.why("writes").cause is Cause.ALTERED
