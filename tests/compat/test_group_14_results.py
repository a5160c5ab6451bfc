"""Group 14 of classic's rules, results and serializers, as whole flows."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

UTC = timezone.utc  # noqa: UP017 - `datetime.UTC` is younger than classic


@pytest.fixture
def checkpointing() -> Any:
    """The switch that classic wants before it writes anything."""
    from prefect.utilities.configuration import set_temporary_config

    with set_temporary_config({"flows.checkpointing": True}):
        yield


def test_a_result_has_a_value_and_a_place() -> None:
    """14.1: `from_value` and `copy` make others; the base class writes nowhere."""
    from prefect.engine.result import Result

    result = Result(5, location="here")
    assert (result.value, result.location) == (5, "here")
    assert (result.from_value(6).value, result.copy().location) == (6, "here")
    assert (result.format(x=1).location, Result(location="{x}.bin").format(x=1).location) == ("here", "1.bin")
    for forbidden in (lambda: Result().write(1), lambda: Result().read("x"), lambda: Result().exists("x")):
        with pytest.raises(Exception, match="Result"):
            forbidden()


def test_the_place_of_a_result_may_be_made_of_what_the_run_knows(tmp_path: Path, checkpointing: None) -> None:
    """14.1: a template or a function; without either there is a place too."""
    from prefect import Flow, task
    from prefect.engine.results import LocalResult

    def placed(location: Any, name: str) -> Any:
        def keep(x):
            return x

        keep.__name__ = name
        return task(keep, result=LocalResult(dir=str(tmp_path / name), location=location))

    with Flow("nightly") as flow:
        placed("{flow_name}/{task_name}.bin", "template")(1)
        placed(lambda **values: f"{values['task_name']}!", "function")(2)
        placed(None, "default")(3)
    assert flow.run().is_successful()
    paths = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {"template/nightly/template.bin", "function/function!"} <= paths
    assert len(paths) == 3


def test_local_results_are_files(tmp_path: Path, checkpointing: None) -> None:
    """14.2: in a folder that is made where it is missing; what was written is read and found."""
    from prefect import Flow, task
    from prefect.engine.results import LocalResult

    place = tmp_path / "made" / "here"

    @task(result=LocalResult(dir=str(place), location="deep/{task_name}.bin"))
    def keep():
        return {"k": [1, 2]}

    with Flow("f") as flow:
        kept = keep()
    state = flow.run().result[kept]
    assert (place / "deep" / "keep.bin").exists()
    assert state._result.location.endswith("deep/keep.bin")
    result = LocalResult(dir=str(place))
    assert result.exists("deep/keep.bin")
    assert not result.exists("deep/other.bin")
    assert result.read("deep/keep.bin").value == {"k": [1, 2]}
    assert LocalResult(dir=str(place), location="{x}.bin").write(7, x="seven").value == 7
    assert (place / "seven.bin").exists()


def test_a_prefect_result_is_its_own_place() -> None:
    """14.3: the value as JSON is the location; parameters have such results."""
    from prefect.engine.results import PrefectResult

    assert PrefectResult().write({"k": [1]}).location == '{"k": [1]}'
    assert PrefectResult().read('{"k": [1]}').value == {"k": [1]}
    assert PrefectResult().exists("[1]")


def test_a_constant_result_is_read_only() -> None:
    """14.4: it has its value wherever one looks, and writing is a ValueError."""
    from prefect.engine.results import ConstantResult

    result = ConstantResult(value=5)
    assert result.read("anywhere").value == 5
    with pytest.raises(ValueError):
        result.write(6)


def test_a_secret_result_is_had_from_its_task_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """14.4: reading runs the secret's task; it is never written."""
    from prefect.engine.results import SecretResult
    from prefect.tasks.secrets import EnvVarSecret

    monkeypatch.setenv("TOKEN_OF_A_TEST", "first")
    result = SecretResult(EnvVarSecret("TOKEN_OF_A_TEST"))
    assert result.read("TOKEN_OF_A_TEST").value == "first"
    monkeypatch.setenv("TOKEN_OF_A_TEST", "second")
    assert result.read("TOKEN_OF_A_TEST").value == "second"
    with pytest.raises(ValueError):
        result.write("x")


def test_serializers_give_back_what_they_were_given() -> None:
    """14.6: pickle, JSON and moments; serializers are values."""
    from prefect.engine.serializers import DateTimeSerializer, JSONSerializer, PickleSerializer

    when = datetime(2020, 1, 2, 3, tzinfo=UTC)
    for serializer, value in (
        (PickleSerializer(), {"k": {1, 2}}),
        (JSONSerializer(), {"k": [1, None, "ä"]}),
        (DateTimeSerializer(), when),
    ):
        written = serializer.serialize(value)
        assert isinstance(written, bytes)
        assert serializer.deserialize(written) == value
        assert serializer == type(serializer)()
    assert JSONSerializer() != PickleSerializer()


@pytest.mark.parametrize("how", ["bz2", "gzip", "lzma", "zlib"])
def test_a_serializer_can_compress_another(how: str) -> None:
    """14.6: by a format that is named."""
    import importlib

    from prefect.engine.serializers import CompressedSerializer, JSONSerializer, PickleSerializer

    serializer = CompressedSerializer(JSONSerializer(), format=how)
    value = ["word"] * 1000
    written = serializer.serialize(value)
    assert importlib.import_module(how).decompress(written) == JSONSerializer().serialize(value)
    assert serializer.deserialize(written) == value
    assert serializer == CompressedSerializer(JSONSerializer(), format=how)
    assert serializer != CompressedSerializer(PickleSerializer(), format=how)


def test_a_result_is_written_as_its_serializer_says(tmp_path: Path, checkpointing: None) -> None:
    """14.6: JSON for one task, a table for another."""
    import json

    import pandas
    from prefect import Flow, task
    from prefect.engine.results import LocalResult
    from prefect.engine.serializers import JSONSerializer, PandasSerializer

    as_json = LocalResult(dir=str(tmp_path), location="x.json", serializer=JSONSerializer())
    as_csv = LocalResult(
        dir=str(tmp_path),
        location="t.csv",
        serializer=PandasSerializer("csv", serialize_kwargs={"index": False}),
    )

    @task(result=as_json)
    def numbers():
        return {"a": [1, 2]}

    @task(result=as_csv)
    def table(columns):
        return pandas.DataFrame(columns)

    with Flow("f") as flow:
        table(numbers())
    assert flow.run().is_successful()
    assert json.loads((tmp_path / "x.json").read_bytes()) == {"a": [1, 2]}
    assert (tmp_path / "t.csv").read_text().split() == ["a", "1", "2"]
    assert list(as_csv.read("t.csv").value["a"]) == [1, 2]
