"""A run of a test leaves the project alone, and says how it ended in the user's own terms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, Task, flow, task
from flowkit.errors import LoadError, UsageError
from flowkit.state import Cached, Mapped, Skipped, Success, TriggerFailed
from flowkit.testing import (
    assert_failed,
    assert_state,
    assert_successful,
    failures,
    lines,
    load,
    output,
    overriding,
    run,
)


class Add(Task):
    def run(self, value: int) -> int:
        return value + 1


@task(executor="processes")
def elsewhere(value: int) -> int:
    return os.getpid()


@task
async def waiting(value: int) -> int:
    return value


@task(cache=True)
def cached(value: int) -> list[int]:
    return [value]


@flow
def several(value: int = 1):
    added = Add()(value)
    elsewhere(added)
    waiting(added)
    cached(added)


@task
def half(number: int) -> int:
    print("halving", number)
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


@flow
def halves(numbers: list[int]):
    return half.map(numbers)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose history is on, and is the working directory."""
    monkeypatch.setenv("FLOWKIT_HISTORY", "true")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "etl.py").write_text(
        "from flowkit import flow, task\n\n@task\ndef one():\n    return 1\n\n@flow\ndef etl():\n    one()\n"
    )
    return tmp_path


def test_a_run_of_a_test_is_not_in_the_history_of_the_project(project: Path) -> None:
    @task
    def starts_another() -> Any:
        return several.run(executor="inline", value=5).result

    with Flow("around") as around:
        starts_another()
    with overriding(several, elsewhere=0):
        assert_successful(run(around))
    assert sorted(each.name for each in project.iterdir()) == ["flows"]
    assert os.environ["FLOWKIT_HISTORY"] == "true"


def test_a_store_of_its_own_keeps_what_the_next_run_finds(project: Path, tmp_path_factory: Any) -> None:
    store = tmp_path_factory.mktemp("store")
    with overriding(several, elsewhere=0):
        assert_state(run(several), "cached", Success)
        run(several, store=store)
        assert_state(run(several, store=store), "cached", Cached)
    assert (store / ".flowkit" / "history.db").is_file()
    assert not (project / ".flowkit").exists()


def test_a_flow_is_found_by_its_name_or_place(project: Path) -> None:
    assert run("flows/etl.py:etl").result["one"].result == 1
    assert load("etl", project) is load("flows/etl.py", project)
    with pytest.raises(UsageError, match=r"no flow file `flows/nothing\.py`"):
        run("flows/nothing.py")
    (project / "flows" / "broken.py").write_text("import nowhere_at_all\n")
    with pytest.raises(LoadError, match="imports `nowhere_at_all`"):
        run("flows/broken.py")


def test_states_are_found_by_key() -> None:
    state = run(halves, numbers=[2, 3])
    assert isinstance(state.result["half"], Mapped)
    assert assert_state(state, "half[0]", Success) == 1
    assert str(assert_failed(state, "half[1]", ValueError, match="odd")) == "3 is odd"
    for wrong in ("hal", "half[2]", "half[x]", "half["):
        with pytest.raises(UsageError, match="has no task"):
            state.result[wrong]


def test_what_tasks_print_is_known_by_task(capsys: pytest.CaptureFixture[str]) -> None:
    state = run(halves, numbers=[2, 4])
    assert output(state, "half[1]") == "halving 4\n"
    assert output(state, "half") == output(state) == "halving 2\nhalving 4\n"
    assert lines(state, "half[0]")[0] == ("half[0]", "halving 2", "stdout", 0)
    assert capsys.readouterr().out == "halving 2\nhalving 4\n"


def test_an_assertion_shows_the_failure_in_the_users_own_code(orders: Flow) -> None:
    state = run(orders)
    with pytest.raises(AssertionError) as error:
        assert_successful(state)
    said = str(error.value)
    assert said.startswith(
        "the run is Failed (Some reference tasks failed.), not successful\n\n`fetch` failed:\n"
    )
    assert 'raise OSError("the server is away")' in said
    assert "/flowkit/engine/" not in said
    assert said.endswith("OSError: the server is away\n\nnot run: clean")


def test_an_assertion_says_what_there_is_instead(orders: Flow) -> None:
    state = run(orders)
    for wrong, instead in (
        (lambda: assert_successful(state, "clean"), "the task `clean` is TriggerFailed"),
        (lambda: assert_failed(run(halves, numbers=[2])), "the run is Success"),
        (lambda: assert_failed(state, "fetch", KeyError), "the task `fetch` raised no KeyError"),
        (lambda: assert_failed(state, "fetch", match="asleep"), "the task `fetch` does not say `asleep`"),
        (lambda: assert_state(state, "clean", Skipped), "the task `clean` is TriggerFailed"),
    ):
        with pytest.raises(AssertionError, match=instead):
            wrong()
    assert_state(state, "clean", TriggerFailed)


def test_of_many_failures_some_are_shown() -> None:
    said = failures(run(halves, numbers=[2 * number + 1 for number in range(30)]))
    assert said.count("is odd\n") == 10
    assert said.endswith("and 20 more failed")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_TOKEN", "hush-hush")

    @task
    def tells(token: str) -> None:
        raise ValueError(f"refused {token}")

    from flowkit import Secret

    with Flow("secret") as secret:
        tells(Secret("TOKEN"))
    assert "hush-hush" not in failures(run(secret))


def test_tasks_of_every_kind_can_be_overridden() -> None:
    with overriding(several, {"Add": 7}, elsewhere=lambda value: value * 2, waiting=lambda: 3, cached=[0]):
        state = run(several)
    found = [state.result[key].result for key in ("Add", "elsewhere", "waiting", "cached")]
    assert found == [7, 14, 3, [0]]


def test_after_the_block_tasks_are_what_they_were() -> None:
    with pytest.raises(ZeroDivisionError), overriding(several, Add=7, waiting=8, elsewhere=9):
        raise ZeroDivisionError
    state = run(several)
    assert (state.result["Add"].result, state.result["waiting"].result) == (2, 2)
    assert state.result["elsewhere"].result != os.getpid()


def test_an_override_keeps_retries_and_mapping() -> None:
    answers = iter([OSError("away"), 5, 6])

    def flaky(number: int) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    patient = half.copy(max_retries=1, retry_delay=60)
    with Flow("patient") as flow:
        patient.map([1, 2])
    with overriding(flow, half=flaky):
        assert sorted(run(flow).result["half"].result) == [5, 6]


def test_an_override_of_what_is_not_there_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"has no task `chached`") as error, overriding(several, chached=1):
        pass
    assert "cached" in error.value.hints[0]


def test_a_flow_made_from_data_is_built_before_it_is_overridden() -> None:
    @flow(build=["count"])
    def many(count: int):
        for number in range(count):
            half(number)

    with pytest.raises(UsageError) as error, overriding(many, half=0):
        pass
    assert error.value.hints == ("override those of `many.build(count=…)`, and run that",)
    built = many.build(count=2)
    with overriding(built, half=0):
        state = run(built)
    assert [state.result[key].result for key in ("half", "half-2")] == [0, 0]


def test_other_states_are_refused() -> None:
    with pytest.raises(UsageError, match=r"not the state of a run by `flowkit\.testing\.run`"):
        lines(Success("by hand"))
