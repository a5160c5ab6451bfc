"""`flow.save()` and `Flow.load()`: what comes back, and what is never unpickled."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowkit import Flow, Parameter, task
from flowkit.errors import UsageError


@task
def double(x: int) -> int:
    return 2 * x


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "flowkit"


def made() -> Flow:
    with Flow("My flow") as flow:
        double(Parameter("x", default=3))
    return flow


def test_a_flow_comes_back_from_its_file_and_runs(tmp_path: Path) -> None:
    path = made().save(str(tmp_path / "f.flow"))
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    flow = Flow.load(path)
    (result,) = flow.get_tasks(name="double")
    state = flow.run(history=False)
    assert state.result[result].result == 6
    assert list(tmp_path.glob(".f.flow*")) == []


def test_a_flow_without_a_path_is_found_by_its_name(own_folder: Path) -> None:
    assert made().save() == str(own_folder / "flows" / "my-flow.flow")
    assert Flow.load("My flow").name == Flow.load("my-flow").name == "My flow"


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match=r"my-flow\.flow` cannot be read: No such file"):
        Flow.load("My flow")


class Planted:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("planted",)


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [
        _flipped,
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: pickle.dumps(Planted()),
        lambda content: content[:47] + pickle.dumps(Planted()),
    ],
)
def test_what_was_changed_is_not_loaded(
    change: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(made().save("f.flow"))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UsageError, match="was not written by your flowkit, or is damaged"):
        Flow.load("f.flow")
    assert not (tmp_path / "planted").exists()


def test_what_another_flowkit_wrote_is_not_loaded(own_folder: Path, tmp_path: Path) -> None:
    path = made().save(str(tmp_path / "f.flow"))
    (own_folder / "key").unlink()
    with pytest.raises(UsageError, match="was not written by your flowkit"):
        Flow.load(path)


@pytest.mark.parametrize("kind", ["writable", "link", "folder", "pipe"])
def test_what_others_could_have_put_there_is_not_loaded(kind: str, tmp_path: Path) -> None:
    path, place = Path(made().save(str(tmp_path / "f.flow"))), tmp_path / "place"
    if kind == "writable":
        place = path
        path.chmod(0o666)
    elif kind == "link":
        place.symlink_to(path)
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    with pytest.raises(UsageError, match=r"only you can write|cannot be read"):
        Flow.load(str(place))


def test_a_flow_that_cannot_be_saved_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="the flow `My flow` cannot be saved as"):
        made().save(str(tmp_path / "file" / "f.flow"))
    flow = made()
    flow.storage = (each for each in ())
    with pytest.raises(UsageError, match="the flow `My flow` cannot be pickled"):
        flow.save(str(tmp_path / "f.flow"))
    assert not (tmp_path / "f.flow").exists()


def test_what_a_flow_needs_is_named_where_it_is_gone(tmp_path: Path) -> None:
    script = "from flowkit import Flow, task\n@task\ndef f(): ...\nflow = Flow('f', tasks=[f])\n"
    (tmp_path / "gone.py").write_text(script)
    subprocess.run([sys.executable, "-c", "import gone; gone.flow.save('f.flow')"], cwd=tmp_path, check=True)
    with pytest.raises(
        UsageError, match="cannot be loaded here: ModuleNotFoundError: No module named 'gone'"
    ):
        Flow.load(str(tmp_path / "f.flow"))


def test_a_task_of_a_script_is_named_where_cloudpickle_was_not_there(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['cloudpickle'] = None\nfrom flowkit import Flow, task\n@task\ndef f(): ...\n"
        "Flow('f', tasks=[f]).save('f.flow')\n"
    )
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
    with pytest.raises(UsageError, match="the module `__main__` has no task `f`"):
        Flow.load(str(tmp_path / "f.flow"))
