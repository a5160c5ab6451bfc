"""`--select` and `--exclude`: which tasks an expression means."""

from __future__ import annotations

import pytest

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.parameter import Parameter
from flowkit.flow.selection import refuse_needed, selected
from flowkit.flow.task import Task, task


@task
def step(*, value: object = None, of: object = None) -> None: ...


@pytest.fixture
def etl() -> Flow:
    """`path` → extract → clean → train → report, clean → plot; `train` is tagged `slow` and `model`."""
    with Flow("etl") as flow:
        extract = step(of=Parameter("path", default="x"), task_args={"name": "extract"})
        clean = step(of=[extract, 1], task_args={"name": "clean"})
        train = step(of=clean, task_args={"name": "train", "slug": "the-model"})
        train.tags = frozenset({"slow", "model"})
        step(of=train, task_args={"name": "report"})
        step(of={"k": clean}, task_args={"name": "plot"})
    return flow


def names(flow: Flow, select: str | None, exclude: str | None = None) -> set[str]:
    """The names of the selected tasks, without what only carries values, where no result is kept."""
    keys = keys_of(flow)
    found = selected(flow, keys, select, exclude)
    refuse_needed(found, keys, "nothing is kept")
    return {made.name for made in found.tasks if not (made.is_carrier or isinstance(made, Parameter))}


ALL = {"extract", "clean", "train", "report", "plot"}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (None, ALL),
        ("extract", {"extract"}),
        ("+extract", {"extract"}),
        ("+clean", {"extract", "clean"}),
        ("extract+", ALL),
        ("extract+1", {"extract", "clean"}),
        ("1+clean", {"extract", "clean"}),
        ("2+train", {"extract", "clean", "train"}),
        ("+the-model", {"extract", "clean", "train"}),
        ("+tag:slow", {"extract", "clean", "train"}),
        ("+tag:mod*", {"extract", "clean", "train"}),
        ("+report +plot", ALL),
        ("+report,+plot", {"extract", "clean"}),
        ("e?tract", {"extract"}),
        ("+*", ALL),
        ("extract+,+train", {"extract", "clean", "train"}),
    ],
)
def test_an_expression_selects_as_dbt_does(etl: Flow, select: str | None, expected: set[str]) -> None:
    assert names(etl, select) == expected


def test_what_is_excluded_is_taken_out(etl: Flow) -> None:
    assert names(etl, None, "train+") == {"extract", "clean", "plot"}
    assert names(etl, "+report +plot", "plot") == ALL - {"plot"}


def test_parameters_and_collections_come_with_those_that_need_them(etl: Flow) -> None:
    found = selected(etl, keys_of(etl), "+clean", None)
    assert sorted(made.name for made in found.tasks) == ["List", "clean", "extract", "path"]
    assert found.needed == {}


def test_what_is_needed_of_an_earlier_run_is_named_with_the_task_that_takes_it(etl: Flow) -> None:
    """Through a collection too, and only one step up: what `extract` needs itself is not asked for."""
    found = selected(etl, keys_of(etl), "clean report", None)
    assert {taken.name: taker.name for taken, taker in found.needed.items()} == {
        "extract": "clean",
        "train": "report",
    }
    assert sorted(made.name for made in found.tasks) == ["List", "clean", "report"]


@pytest.mark.parametrize("select", ["clean", "report", "clean+", "tag:slow"])
def test_a_task_without_what_it_needs_is_refused_with_a_way_out(etl: Flow, select: str) -> None:
    with pytest.raises(UsageError, match="which is not selected, and nothing is kept") as refused:
        names(etl, select)
    assert refused.value.exit_code == 2
    assert refused.value.hints[0].startswith("select it with all that it needs: `--select +")


def test_excluding_what_others_need_is_refused(etl: Flow) -> None:
    with pytest.raises(UsageError, match="the task `clean` needs the result of `extract`"):
        names(etl, None, "extract")


@pytest.mark.parametrize(
    ("select", "problem", "hint"),
    [
        ("trian", "the flow `etl` has no task `trian`", "did you mean `train`?"),
        ("zzz", "has no task `zzz`", "it has `extract`, `clean`"),
        ("tag:slwo", "has the tag `slwo`", "did you mean `slow`?"),
        ("tag:zzz", "has the tag `zzz`", "it has `model`, `slow`"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest(
    etl: Flow, select: str, problem: str, hint: str
) -> None:
    etl.get_tasks(name="train")[0].slug = None
    with pytest.raises(UsageError, match=problem.replace("?", r"\?")) as refused:
        names(etl, select)
    assert refused.value.hints[0].startswith(hint)


def test_nothing_selected_is_refused(etl: Flow) -> None:
    with pytest.raises(UsageError, match="nothing is selected by `report,plot`"):
        names(etl, "report,plot")


@pytest.mark.parametrize("select", ["state:modified", "result:failed", "+state:modified+"])
def test_what_asks_for_earlier_runs_is_refused_where_nothing_is_remembered(etl: Flow, select: str) -> None:
    with pytest.raises(UsageError, match="asks for what earlier runs left, and there is no history"):
        names(etl, select)


def test_what_earlier_runs_say_is_combined_as_any_other_name(etl: Flow) -> None:
    def earlier(method: str, value: str) -> set[Task]:
        assert (method, value) in (("state", "modified"), ("result", "failed"))
        return {made for made in etl.tasks if made.name == ("train" if method == "state" else "plot")}

    def found(select: str, exclude: str | None = None) -> set[str]:
        selection = selected(etl, keys_of(etl), select, exclude, earlier)
        return {made.name for made in selection.tasks}

    assert found("state:modified+") == {"train", "report"}
    assert found("state:modified result:failed") == {"train", "plot", "Dict", "List"}
    assert found("clean+,tag:slow", "result:failed") == {"train"}
    with pytest.raises(UsageError, match="nothing is selected"):
        found("state:modified,result:failed")


@pytest.mark.parametrize("select", ["+", "++", "2+"])
def test_what_cannot_be_read_is_refused(etl: Flow, select: str) -> None:
    with pytest.raises(UsageError):
        names(etl, select)


def test_a_flow_without_tags_has_none_to_suggest() -> None:
    with Flow("f") as flow:
        step()
    with pytest.raises(UsageError, match="no task of `f` has the tag `x`") as refused:
        names(flow, "tag:x")
    assert refused.value.hints == ()
