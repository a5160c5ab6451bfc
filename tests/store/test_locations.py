"""Where users say that results are written, and how: `flowkit.results`."""

from __future__ import annotations

import importlib.util
import os
import pickle
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry
from hypothesis import given
from hypothesis import strategies as st

from flowkit import Task
from flowkit.errors import DefinitionError, HistoryError, UsageError
from flowkit.results import (
    AzureResult,
    CompressedSerializer,
    ConstantResult,
    DateTimeSerializer,
    GCSResult,
    JSONSerializer,
    LocalResult,
    PandasSerializer,
    PickleSerializer,
    PrefectResult,
    Result,
    S3Result,
    SecretResult,
    Serializer,
)

VALUES = st.none() | st.integers() | st.text() | st.lists(st.integers() | st.text())


# -- a folder --------------------------------------------------------------------------------


def test_a_local_result_is_written_and_read_again(tmp_path: Path) -> None:
    result = LocalResult(tmp_path / "deep" / "er")
    written = result.write({"a": None})
    assert written.value == {"a": None}
    assert Path(written.location or "").parent == tmp_path / "deep" / "er"
    assert result.read(written.location or "").value == {"a": None}
    assert result.exists(written.location or "")
    assert result.value is None, "what was asked to write is left as it is"


def test_a_file_is_private_and_whole(tmp_path: Path) -> None:
    location = LocalResult(tmp_path, location="x").write(1).location
    assert stat.S_IMODE(Path(location or "").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_what_cannot_be_serialised_leaves_what_was_there(tmp_path: Path) -> None:
    result = LocalResult(tmp_path, location="x", serializer=JSONSerializer())
    result.write(1)
    with pytest.raises(TypeError):
        result.write(object())
    assert result.read("x").value == 1
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_location_is_a_template_or_a_function(tmp_path: Path) -> None:
    template = LocalResult(tmp_path, location="{x}/{y:%Y}.txt")
    assert template.format(x=1, y=datetime(2026, 1, 1, tzinfo=UTC), z=3).location == "1/2026.txt"
    assert template.exists("{x}", x=1) is False
    function = LocalResult(tmp_path, location=lambda **names: f"of-{names['x']}")
    assert function.write(1, x=2).location == str(tmp_path / "of-2")
    with pytest.raises(KeyError):
        template.format(x=1)


def test_each_default_location_is_another(tmp_path: Path) -> None:
    result = LocalResult(tmp_path)
    assert len({result.write(1).location for _ in range(50)}) == 50


def test_a_pickle_that_others_could_have_written_is_not_read(tmp_path: Path) -> None:
    result = LocalResult(tmp_path)
    path = Path(result.write(1).location or "")
    path.chmod(0o666)
    with pytest.raises(HistoryError, match="not unpickled, as others could have written it"):
        result.read(str(path))
    plain = LocalResult(tmp_path, serializer=JSONSerializer(), location="j")
    Path(plain.write(2).location or "").chmod(0o666)
    assert plain.read("j").value == 2


class Own(Serializer):
    """One of the user's own, which may well unpickle."""

    def serialize(self, value: Any) -> bytes:
        return pickle.dumps(value)

    def deserialize(self, value: bytes) -> Any:
        return pickle.loads(value)


@pytest.mark.parametrize("serializer", [Own(), CompressedSerializer(Own(), "gzip"), PandasSerializer("hdf")])
def test_what_could_be_a_pickle_is_taken_for_one(serializer: Serializer, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "x").chmod(0o666)
    with pytest.raises(HistoryError, match="not unpickled"):
        LocalResult(tmp_path, serializer=serializer).read("x")


def test_a_pickle_in_a_folder_of_all_is_not_read(tmp_path: Path) -> None:
    result = LocalResult(tmp_path / "shared", location="x")
    result.write(1)
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(HistoryError, match="others could have put it there"):
        result.read("x")
    (tmp_path / "shared").chmod(0o1777)  # as /tmp: each can only replace what is one's own
    assert result.read("x").value == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["x", "link/x"])
def test_a_link_of_another_user_is_not_followed(name: str, tmp_path: Path) -> None:
    result = LocalResult(tmp_path / "own", location="x")
    result.write(1)
    shared = LocalResult(tmp_path / "shared", location=name)
    (tmp_path / "shared").mkdir(mode=0o700)
    link = tmp_path / "shared" / name.partition("/")[0]
    link.symlink_to(tmp_path / "own" / "x" if name == "x" else tmp_path / "own")
    assert shared.read(name).value == 1, "one's own is"
    os.lchown(link, 12345, -1)
    with pytest.raises(HistoryError, match="a link that another user has made"):
        shared.read(name)
    if name != "x":  # a link in the place of the file itself is replaced
        with pytest.raises(HistoryError, match="a link that another user has made"):
            shared.write(2)
    else:
        shared.write(2)
    assert result.read("x").value == 1


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(HistoryError, match="is no file"):
        LocalResult(tmp_path).read("x")


def test_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        LocalResult(tmp_path / "a" / "b", location="c/d/x").write(1)
    finally:
        os.umask(before)
    for folder in ("a", "a/b", "a/b/c", "a/b/c/d"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_the_default_folder_needs_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert LocalResult().dir == str(tmp_path / "flowkit" / "results")
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LocalResult().dir == str(tmp_path / ".local" / "share" / "flowkit" / "results")


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DefinitionError, match="cannot be written to"):
        LocalResult(tmp_path / "file" / "below")
    assert LocalResult(tmp_path / "file" / "below", validate_dir=False).dir


# -- other places ----------------------------------------------------------------------------


def test_a_prefect_result_is_its_own_location() -> None:
    written = PrefectResult().write({"a": 1})
    assert written.location == '{"a": 1}'
    assert PrefectResult().read(written.location).value == {"a": 1}
    assert PrefectResult().exists("[1]")
    assert not PrefectResult().exists("[1")
    with pytest.raises(DefinitionError):
        PrefectResult(serializer=PickleSerializer())


def test_a_constant_and_a_secret_are_never_written() -> None:
    constant = ConstantResult(4)
    assert constant.exists("x")
    assert constant.read("x").value == 4
    with pytest.raises(ValueError, match="has its value already"):
        constant.write(5)

    class Token(Task):
        def run(self, name: str = "") -> str:
            return f"the value of {name}"

    secret = SecretResult(Token())
    assert secret.read("KEY").value == "the value of KEY"
    with pytest.raises(UsageError, match="never written"):
        secret.write("x")


@pytest.mark.parametrize("use", [lambda r: r.write(1), lambda r: r.read("x"), lambda r: r.exists("x")])
def test_a_plain_result_has_no_place(use: Any) -> None:
    with pytest.raises(UsageError, match="has no place"):
        use(Result(1))


def test_results_are_equal_by_what_they_are() -> None:
    assert Result(3) == Result(3) != Result(4)
    assert Result(3) != Result(3, location="x")
    assert repr(LocalResult(value=3)) == "<LocalResult: 3>"
    assert Result(3, location="x").from_value(4).location is None


@pytest.mark.parametrize(
    ("result", "scheme"),
    [
        (S3Result("b", boto3_kwargs={"aws_access_key_id": "k", "endpoint_url": "u"}), "s3"),
        (GCSResult("b"), "gs"),
        (AzureResult("b", connection_string="c"), "abfs"),
    ],
)
def test_a_bucket_is_written_to_by_fsspec(
    result: Result, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bucket(MemoryFileSystem):
        protocol = scheme
        store: dict[str, Any] = {}
        pseudo_dirs = [""]

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return "/" + path.removeprefix(f"{scheme}://").strip("/")

    monkeypatch.setitem(_registry, scheme, Bucket)
    written = result.at("{x}/y").write([1, 2], x="a")
    assert written.location == "a/y"
    assert list(Bucket.store) == ["/b/a/y"]
    assert result.read("a/y").value == [1, 2]
    assert result.exists("a/y")
    assert not result.exists("a/z")


@pytest.mark.parametrize("name", ["../other/x", "a/../../x"])
def test_a_name_made_of_values_does_not_lead_out_of_a_bucket(name: str) -> None:
    with pytest.raises(UsageError, match="leads out of the bucket `b`"):
        S3Result("b", location="{x}").format(x=name)


class Recording(MemoryFileSystem):
    """A bucket that notes what is asked of it."""

    protocol = "s3"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    options: list[dict[str, Any]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options.append(options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self.options.append(options)
        super().pipe_file(path, value, mode=mode)


def test_a_name_is_no_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """fsspec reads `::` in a URL as a file in another one, and `*` as many."""
    monkeypatch.setitem(_registry, "s3", Recording)
    (tmp_path / "theirs").write_text("theirs")
    for name in (f"x::file://{tmp_path}/theirs", "a*", "s3://other/x"):
        written = S3Result("b", location="{x}").write([name], x=name)
        assert written.location == name
        assert S3Result("b").read(name).value == [name]
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert all(path.lstrip("/").startswith("b/") for path in Recording.store)


def test_the_options_of_an_upload_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_registry, "s3", Recording)
    S3Result("b", upload_options={"ServerSideEncryption": "AES256"}, location="x").write(1)
    assert Recording.options[-1] == {"ServerSideEncryption": "AES256"}


def test_azure_takes_its_connection_from_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_registry, "abfs", Recording)
    monkeypatch.setenv("FLOWKIT_SECRET_STORAGE", "of the secret")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "of the environment")
    AzureResult("b", connection_string_secret="STORAGE").exists("x")
    assert {"connection_string": "of the secret"} in Recording.options
    AzureResult("b").exists("x")
    assert {"connection_string": "of the environment"} in Recording.options


def test_without_fsspec_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(UsageError, match="need `fsspec`") as raised:
        S3Result("b").write(1)
    assert raised.value.hints == ("`pip install 'flowkit-runner[remote]'`",)


# -- serializers -----------------------------------------------------------------------------


@given(VALUES)
def test_what_is_serialised_comes_back(value: Any) -> None:
    plain = (PickleSerializer(), JSONSerializer())
    packed = [CompressedSerializer(each, format=name) for each in plain for name in ("gzip", "lzma", "bz2")]
    for serializer in (*plain, *packed):
        assert serializer.deserialize(serializer.serialize(value)) == value


def test_times_and_frames_come_back() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    times = DateTimeSerializer()
    assert times.deserialize(times.serialize(now)) == now
    frame = pandas.DataFrame({"a": [1, 2]})
    csv = PandasSerializer("csv", serialize_kwargs={"index": False})
    assert csv.serialize(frame) == b"a\n1\n2\n"
    assert csv.deserialize(b"a\n1\n2\n").equals(frame)
    with pytest.raises(ValueError, match="`int` cannot be written as `csv`"):
        csv.serialize(5)


def test_serializers_are_equal_by_their_options() -> None:
    assert JSONSerializer() == JSONSerializer() != PickleSerializer()
    assert PandasSerializer("csv") != PandasSerializer("parquet")
    assert isinstance(PickleSerializer(), Serializer)


def test_a_compression_that_is_not_there_is_named() -> None:
    with pytest.raises(DefinitionError, match="no compression `zip`"):
        CompressedSerializer(JSONSerializer(), format="zip")
    with pytest.raises(DefinitionError, match="`compress` and `decompress`"):
        CompressedSerializer(JSONSerializer())


def test_what_pickle_refuses_is_tried_by_cloudpickle_or_refused() -> None:
    with pytest.raises(Exception, match="cannot pickle") as raised:
        PickleSerializer().serialize(each for each in ())
    if importlib.util.find_spec("cloudpickle") is None:
        assert isinstance(raised.value, UsageError)
        assert "`pip install cloudpickle`" in raised.value.hints[0]
