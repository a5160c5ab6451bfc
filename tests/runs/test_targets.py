"""Targets and secrets in runs that are remembered: what a power cut leaves, and how a resume goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, task
from flowkit.results import LocalResult
from flowkit.tasks.secrets import EnvVarSecret

RAN: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> Iterator[None]:
    RAN.clear()
    yield
    RAN.clear()


def written(name: str, folder: Path, **options: Any) -> Any:
    @task(name=name, target=f"{name}.bin", result=LocalResult(folder), **options)
    def write(x: Any = None) -> str:
        RAN.append(name)
        return f"{name} was written"

    return write


def flow_of(folder: Path, **options: Any) -> Flow:
    with Flow("targets") as flow:
        first = written("first", folder, **options)()
        second = written("second", folder, **options)(first)
        joined(first, second)
    return flow


@task
def joined(a: str, b: str) -> str:
    RAN.append("joined")
    return f"{a}, {b}"


@pytest.mark.parametrize("options", [{}, {"persist": False}])
@pytest.mark.parametrize("rows", range(7))
def test_what_was_written_before_a_power_cut_is_not_made_again(
    place: Place, tmp_path: Path, rows: int, options: dict[str, Any]
) -> None:
    flow = flow_of(tmp_path / "kept", **options)
    place.run(flow, dies_after=rows)
    made = [name for name in ("first", "second") if name in RAN]
    session = place.resume(flow)
    assert session.value("joined") == "first was written, second was written"
    assert [RAN.count(name) for name in made] == [1] * len(made)
    assert not list((tmp_path / "kept").glob(".*")), "nothing half written is left"


def test_another_run_finds_what_was_written(place: Place, tmp_path: Path) -> None:
    flow = flow_of(tmp_path / "kept")
    place.run(flow)
    session = place.run(flow)
    assert [session.state(name) for name in ("first", "second", "joined")] == ["Cached", "Cached", "Success"]
    assert RAN == ["first", "second", "joined", "joined"]


def test_a_target_that_is_gone_does_not_undo_what_is_done(place: Place, tmp_path: Path) -> None:
    flow = flow_of(tmp_path / "kept")
    place.run(flow, dies_after=5)
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    assert place.resume(flow).value("joined") == "first was written, second was written"


def test_a_secret_is_looked_up_again_where_a_run_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    def use(token: str) -> int:
        RAN.append(token)
        return len(token)

    with Flow("secret") as flow:
        use(EnvVarSecret("TOKEN_OF_A_TEST")())
    monkeypatch.setenv("TOKEN_OF_A_TEST", "the-first-token")
    place.run(flow, dies_after=2)
    RAN.clear()
    monkeypatch.setenv("TOKEN_OF_A_TEST", "the-second-one")
    assert place.resume(flow).value("use") == len("the-second-one")
    assert RAN == ["the-second-one"]
    kept = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    assert b"the-first-token" not in kept
    assert b"the-second-one" not in kept


def test_a_secret_in_the_name_of_a_target_is_covered_where_that_is_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task(target="{token}.bin", result=LocalResult(tmp_path / "kept"))
    def use(token: str) -> int:
        return 1

    with Flow("secret") as flow:
        use(EnvVarSecret("TOKEN_OF_A_TEST")())
    monkeypatch.setenv("TOKEN_OF_A_TEST", "a-secret-name")
    place.run(flow)
    assert place.run(flow).state("use") == "Cached"
    kept = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    assert b"Found at its target" in kept
    assert b"a-secret-name" not in kept
