"""The registry: what it keeps, what it counts, and what it refuses."""

from __future__ import annotations

import dataclasses
import os
import resource
import stat
import tempfile
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.errors import DefinitionError, RegistryError, UsageError
from flowkit.project.entry import Descriptor, ParameterText
from flowkit.project.registry import LARGEST, Registry
from flowkit.project.root import Project

MORNING = datetime(2026, 1, 31, 9, 0, 0, 500, tzinfo=UTC)
EVENING = datetime(2026, 1, 31, 19, 0, 0, tzinfo=UTC)


def descriptor(name: str = "etl", **changes: Any) -> Descriptor:
    return Descriptor(**{"name": name, "ref": "flows/etl.py:etl", "fingerprint": "sha256:1", **changes})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(Project(tmp_path))


def test_the_file_is_made_to_be_read(registry: Registry) -> None:
    parameters = (
        ParameterText(name="path", type="Path", default="data.csv"),
        ParameterText(name="day", type="date"),
    )
    etl = descriptor(
        description="Load it.", parameters=parameters, schedule="daily", tags=("io",), tasks="varies"
    )
    registry.update([etl, descriptor("a.b")], now=MORNING)
    assert registry.path.read_text() == (
        """\
# The flows of this project, written by `flowkit register` and `flow.register()`.
# Keys that flowkit does not know are kept; comments are not.
schema = 1

[flows."a.b"]
ref = "flows/etl.py:etl"
version = 1
fingerprint = "sha256:1"
description = ""
tags = []
tasks = 0
parameters = []
registered = "2026-01-31T09:00:00Z"

[flows.etl]
ref = "flows/etl.py:etl"
version = 1
fingerprint = "sha256:1"
description = "Load it."
schedule = "daily"
tags = [
    "io",
]
tasks = "varies"
parameters = [
    { name = "path", type = "Path", default = "data.csv" },
    { name = "day", type = "date", required = true },
]
registered = "2026-01-31T09:00:00Z"
"""
    )
    assert registry.read()["etl"].parameters == parameters


def test_reading_without_a_registry_makes_nothing(registry: Registry, tmp_path: Path) -> None:
    assert registry.read() == {}
    assert registry.update([descriptor()], check=True).out_of_date
    with pytest.raises(UsageError):
        registry.remove("etl")
    assert not list(tmp_path.iterdir())


def test_versions_count_fingerprints(registry: Registry) -> None:
    [new] = registry.update([descriptor()], now=MORNING).new
    assert (new.version, new.registered) == (1, "2026-01-31T09:00:00Z")

    same = registry.update([descriptor()], now=EVENING)
    assert same.unchanged == (new,)
    assert not same.out_of_date

    [changed] = registry.update([descriptor(fingerprint="sha256:2")], now=EVENING).changed
    assert (changed.before, changed.after.version) == (new, 2)
    assert registry.find("etl") == changed.after
    assert changed.after.registered == "2026-01-31T19:00:00Z"


def test_a_moved_file_changes_the_entry_and_keeps_its_version(registry: Registry) -> None:
    registry.update([descriptor()])
    [changed] = registry.update([descriptor(ref="flows/new.py:etl")]).changed
    assert (changed.after.version, changed.after.file, changed.after.attribute) == (1, "flows/new.py", "etl")


def test_nothing_new_is_not_written(registry: Registry) -> None:
    registry.update([descriptor()])
    before = registry.path.stat()
    registry.update([descriptor()])
    assert registry.path.stat() == before


def test_gone_is_what_a_seen_file_lacks_or_whose_file_is_gone(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "there.py").touch()
    (tmp_path / "unread.py").touch()
    refs = {"lacks": "there.py:f", "unread": "unread.py:f", "missing": "missing.py:f"}
    registry.update([descriptor(name, ref=ref) for name, ref in refs.items()])

    seen = registry.update([], seen=["there.py"])
    assert [entry.name for entry in seen.gone] == ["lacks", "missing"]
    assert len(registry.read()) == 3
    registry.update([], seen=["there.py"], prune=True)
    assert list(registry.read()) == ["unread"]


def test_check_changes_nothing(registry: Registry) -> None:
    registry.update([descriptor()])
    before = registry.path.read_bytes()
    changes = registry.update([descriptor(fingerprint="sha256:2"), descriptor("b")], check=True, prune=True)
    assert changes.out_of_date
    assert registry.path.read_bytes() == before


def test_find_and_remove_name_the_nearest(registry: Registry) -> None:
    registry.update([descriptor("data_pipeline")])
    for ask in (registry.find, registry.remove):
        with pytest.raises(UsageError, match="no flow called `data-pipline`") as caught:
            ask("data-pipline")
        assert caught.value.hints == ("did you mean `data_pipeline`?",)
    assert registry.remove("data_pipeline").name == "data_pipeline"
    assert registry.read() == {}


def test_unicode_forms_are_different_names_and_it_is_said(registry: Registry) -> None:
    changes = registry.update([descriptor("caf\u00e9"), descriptor("cafe\u0301")])
    assert len(changes.new) == len(registry.read()) == 2
    assert changes.notices == ("2 flows look alike as `café`: their names differ in Unicode form only",)


@pytest.mark.parametrize("name", ["", " ", "x" * 5000, "a\nb", "\x1b[31m", "nul\0", "\ud800"])
def test_names_that_would_deceive_are_refused(registry: Registry, name: str) -> None:
    with pytest.raises(DefinitionError):
        registry.update([descriptor(name)])
    assert not registry.path.exists()


legal_names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    lambda name: bool(name.strip())
)
odd_names = st.sampled_from(
    ["..", "../../etc/x", "/abs", "C:\\x", "CON", "-x", "a]\"'b", "😀", "'; DROP TABLE"]
)
toml_values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(legal_names, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.sets(legal_names | odd_names, max_size=5), legal_names)
def test_any_name_and_text_comes_back_verbatim(names: set[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Project(Path(folder)))
        parameters = (ParameterText(name=text, type=text, default=text),)
        found = {
            name: descriptor(name, ref=f"{text}:{text}", parameters=parameters, tags=(text,))
            for name in names
        }
        registry.update(found.values())
        assert registry.read().keys() == names
        for name, entry in registry.read().items():
            values = {field.name: getattr(entry, field.name) for field in dataclasses.fields(Descriptor)}
            assert Descriptor(**values) == found[name]


@settings(max_examples=50)
@given(st.dictionaries(legal_names.map("x-{}".format), toml_values, max_size=3))
def test_keys_and_tables_of_others_are_kept(unknown: dict[str, Any]) -> None:
    import tomli_w

    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Project(Path(folder)))
        parameters = (ParameterText(name="p", type="int"),)
        registry.update([descriptor(parameters=parameters)])
        document = tomllib.loads(registry.path.read_text())
        etl = document["flows"]["etl"]
        for table in (document, etl, etl["parameters"][0]):
            table.update(unknown)
        registry.path.write_text(tomli_w.dumps(document))

        registry.update([descriptor(parameters=parameters, fingerprint="sha256:2"), descriptor("other")])
        after = tomllib.loads(registry.path.read_text())
        etl = after["flows"]["etl"]
        assert etl["version"] == 2
        for table in (after, etl, etl["parameters"][0]):
            assert unknown.items() <= table.items()


# -- a file that cannot be used is named, and left alone --------------------------------------------

GOOD = """\
schema = 1
[flows.etl]
ref = "flows/etl.py:etl"
version = 1
fingerprint = "x"
description = ""
tags = []
tasks = 3
parameters = []
registered = "2026-01-31T09:00:00Z"
"""


def damaged(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "registry.toml` has no `schema`: it is empty, cut off, or not a registry"),
        (GOOD[:-1].encode()[:-12], "registry.toml:10:"),
        (GOOD[:60].encode(), "registry.toml` has wrong entries: `etl` has no `fingerprint`"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "registry.toml:1:1` starts with a byte order mark"),
        (damaged('""', '"\0"'), "registry.toml:6:16` is not valid TOML"),
        (damaged("tags", "version"), "registry.toml:7:13` is not valid TOML: Cannot overwrite a value"),
        (
            damaged("tasks = 3", "<<<<<<< HEAD\ntasks = 3\n=======\ntasks = 4\n>>>>>>> b"),
            "toml:8:1` holds an",
        ),
        (damaged("schema = 1", "schema = 2"), "written by a newer flowkit: schema 2, where this one knows 1"),
        (damaged("schema = 1", 'schema = "1"'), "has a `schema` that is not a whole number from 1"),
        (damaged("version = 1", "version = true"), "`etl` has `version` that is not a whole number of at"),
        (damaged("tasks = 3", 'tasks = "many"'), "`etl` has `tasks` that is not a whole number or `varies`"),
        (damaged("parameters = []", "parameters = [1]"), "`etl` has a parameter that is not a table"),
        (damaged("parameters = []", "parameters = [{name = 1}]"), "`etl` has `name` that is not text in a"),
        (b"schema = 1\nflows = 3\n", "has `flows` that is not a table"),
        (b"schema = 1\nflows.etl = 3\n", "`etl` must be a table"),
        (b"schema = 1\n\xff", "registry.toml:2:1` is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"a = " + b"1" * 10_000, "is not valid TOML"),
        (b"#" * (LARGEST + 1), "cannot be read: it has 8,000,001 bytes"),
    ],
)
def test_a_damaged_registry_is_named_and_never_overwritten(
    registry: Registry, content: bytes, says: str
) -> None:
    registry.path.parent.mkdir(mode=0o700)
    registry.path.write_bytes(content)
    attempts: list[Callable[[], object]] = [
        registry.read,
        lambda: registry.update([descriptor()]),
        lambda: registry.remove("etl"),
    ]
    for attempt in attempts:
        with pytest.raises(RegistryError) as caught:
            attempt()
        assert says in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hints
    assert registry.path.read_bytes() == content


@settings(max_examples=200)
@given(st.data())
def test_a_registry_with_a_flipped_bit_or_a_torn_end_is_read_whole_or_left_alone(data: st.DataObject) -> None:
    """What is still a registry may be read; what is none is named, and no update replaces it."""
    content = bytearray(GOOD.encode())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Project(Path(folder)))
        registry.path.parent.mkdir(mode=0o700)
        registry.path.write_bytes(content)
        try:
            there = registry.read()
        except RegistryError as error:
            assert "registry.toml" in error.message
            with pytest.raises(RegistryError):
                registry.update([descriptor("new")])
            assert registry.path.read_bytes() == content
        else:
            registry.update([descriptor("new")])
            assert registry.read().keys() == {*there, "new"}


def test_windows_line_ends_are_read(registry: Registry) -> None:
    registry.path.parent.mkdir(mode=0o700)
    registry.path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert registry.read()["etl"].tasks == 3


def test_a_folder_or_a_pipe_in_its_place_is_refused_at_once(registry: Registry) -> None:
    registry.path.mkdir(parents=True, mode=0o700)
    registry.path.parent.chmod(0o700)
    with pytest.raises(RegistryError, match="cannot be read: Is a directory"):
        registry.read()
    registry.path.rmdir()
    os.mkfifo(registry.path)
    with pytest.raises(RegistryError, match="cannot be read: it is not a regular file"):
        registry.update([descriptor()])


# -- files on disk ------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_all_files_are_0600(registry: Registry, umask: int) -> None:
    before = os.umask(umask)
    try:
        registry.update([descriptor()])
        registry.update([descriptor(fingerprint="sha256:2")])
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in registry.path.parent.iterdir()}
    assert modes == dict.fromkeys([".gitignore", "registry.lock", "registry.toml"], 0o600)


def test_a_link_of_the_user_stays_and_its_target_is_replaced(registry: Registry, tmp_path: Path) -> None:
    registry.path.parent.mkdir(mode=0o700)
    target = tmp_path / "dotfiles" / "flows.toml"
    target.parent.mkdir()
    registry.path.symlink_to(target)
    registry.update([descriptor()])
    assert registry.path.is_symlink()
    assert "etl" in target.read_text()
    assert list(registry.read()) == ["etl"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link to another user")
def test_a_link_that_another_user_planted_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.path.parent.mkdir(mode=0o700)
    target = tmp_path / "bashrc"
    target.write_text(GOOD)
    registry.path.symlink_to(target)
    os.chown(registry.path, 65534, 65534, follow_symlinks=False)
    with pytest.raises(RegistryError, match="another user made"):
        registry.update([descriptor("new")])
    assert target.read_text() == GOOD


def test_a_link_in_place_of_the_lock_is_not_followed(registry: Registry, tmp_path: Path) -> None:
    registry.path.parent.mkdir(mode=0o700)
    (registry.path.parent / "registry.lock").symlink_to(tmp_path / "bashrc")
    with pytest.raises(RegistryError, match=r"registry.lock` cannot be opened"):
        registry.update([descriptor()])
    assert not (tmp_path / "bashrc").exists()


def test_another_hard_link_keeps_the_old_text(registry: Registry, tmp_path: Path) -> None:
    registry.update([descriptor()])
    old = registry.path.read_bytes()
    os.link(registry.path, tmp_path / "other")
    registry.update([descriptor(fingerprint="sha256:2")])
    assert (tmp_path / "other").read_bytes() == old


def test_a_full_disk_leaves_the_old_registry_and_no_litter(registry: Registry) -> None:
    registry.update([descriptor()])
    before = registry.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
    try:
        with pytest.raises(RegistryError, match=r"registry.toml` cannot be written: File too large"):
            registry.update([descriptor("new")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert registry.path.read_bytes() == before
    assert {file.name for file in registry.path.parent.iterdir()} == {
        ".gitignore",
        "registry.lock",
        "registry.toml",
    }
    assert registry.update([descriptor("new")]).new
