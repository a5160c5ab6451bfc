"""The names of Prefect classic: each module is flowkit's, each name is there, or says what to use instead."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import flowkit
from flowkit.compat import library, modules
from flowkit.errors import UsageError
from flowkit.flow.task import Task
from flowkit.flow.warning import say_once

OURS = [
    "engine.executors",
    "engine.signals",
    "engine.state",
    "executors",
    "tasks.control_flow",
    "triggers",
]


BELOW = [
    "engine.cache_validators",
    "engine.results",
    "executors.dask",
    "schedules.clocks",
    "tasks.control_flow.conditional",
    "tasks.core.operators",
    "tasks.secrets",
    "tasks.shell",
    "utilities.logging",
]


@pytest.mark.parametrize("name", OURS)
def test_a_module_is_the_very_one_of_flowkit(name: str) -> None:
    assert importlib.import_module(f"prefect.{name}") is importlib.import_module(f"flowkit.{name}")


def test_a_class_is_one_class_by_whatever_name() -> None:
    from prefect import Flow, Task, task
    from prefect.core.task import Task as SameTask
    from prefect.engine.executors import LocalExecutor
    from prefect.executors.local import LocalExecutor as SameExecutor

    assert Flow is flowkit.Flow
    assert task is flowkit.task
    assert Task is SameTask is flowkit.Task
    assert LocalExecutor is SameExecutor


def test_the_modules_are_there_once_prefect_is_imported() -> None:
    import prefect

    assert prefect.engine.signals.SKIP is flowkit.signals.SKIP
    assert prefect.storage.Docker().local_image is False
    assert prefect.__version__ == "1.4.1"


@pytest.mark.parametrize("name", BELOW)
def test_modules_below_are_attributes_of_those_above(name: str) -> None:
    import prefect

    found = prefect
    for part in name.split("."):
        found = getattr(found, part)
    assert found is importlib.import_module(f"prefect.{name}")


def test_modules_of_classic_that_are_files_of_flowkit_have_their_modules_too() -> None:
    from prefect.agent.ecs.agent import ECSAgent
    from prefect.tasks.secrets.base import PrefectSecret

    assert PrefectSecret is flowkit.tasks.secrets.PrefectSecret
    assert ECSAgent().labels == set()


def test_with_the_import_renamed_the_homes_are_flowkits() -> None:
    from flowkit.run_configs import LocalRun
    from flowkit.storage.github import GitHub

    assert GitHub(repo="a/b", path="f.py").repo == "a/b"
    assert LocalRun(env={"A": "1"}, labels=["dev"]).labels == {"dev"}


@pytest.mark.parametrize("name", sorted(modules.HOMES))
def test_each_home_can_be_imported(name: str) -> None:
    module = importlib.import_module(f"prefect.{name}")
    with pytest.raises(AttributeError, match="has no attribute `no_such_name`"):
        module.no_such_name  # noqa: B018


def test_what_never_was_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("prefect.nothing")
    with pytest.raises(ImportError, match="cannot import name 'tusk'"):
        exec("from prefect import tusk", {})
    with pytest.raises(ImportError, match="cannot import name 'S3Dwnload'"):
        exec("from prefect.tasks.aws.s3 import S3Dwnload", {})


def test_a_task_of_the_library_has_its_place_in_the_graph_and_says_what_to_use_when_it_runs() -> None:
    from prefect import Flow, task
    from prefect.tasks.aws import S3Download
    from prefect.tasks.aws.s3 import S3Download as Same

    @task
    def key() -> str:
        return "k"

    assert S3Download.__name__ == Same.__name__ == "S3Download"
    with Flow("s3") as flow:
        got = S3Download(bucket="b", name="get")(key(), bucket="c")
    assert {(edge.upstream.name, edge.key) for edge in flow.edges} == {("key", "key")}
    assert flow.constants[got] == {"bucket": "c"}
    state = flow.run(history=False)
    error = state.result[got].result
    assert isinstance(error, UsageError)
    assert "`prefect.tasks.aws.S3Download` of Prefect classic is not part of flowkit" in str(error)
    assert error.hints == ("use `boto3` in a task of your own",)


def test_a_task_of_the_library_is_not_retried_as_it_would_not_be_there_the_next_time_either() -> None:
    from prefect import Flow
    from prefect.tasks.aws import S3Download

    with Flow("s3") as flow:
        S3Download(bucket="b", max_retries=3, retry_delay=timedelta(hours=1))()
    state = flow.run(history=False)  # an hour later, were it retried
    assert state.is_failed()


def test_every_name_of_the_library_can_be_imported_and_none_be_used_as_if_it_were_there() -> None:
    for package, names in library.entries().items():
        module = importlib.import_module(f"prefect.tasks.{package}")
        for name, entry in names.items():
            found = getattr(module, name)
            if entry.arguments is not None:
                assert issubclass(found, Task)
                continue
            with pytest.raises(UsageError, match=f"`prefect.tasks.{package}.{name}`"):
                found()
            with pytest.raises(UsageError):
                exec("class Mine(found): pass", {"found": found})


@pytest.mark.parametrize("name", ["serialization.flow", "utilities.gcp", "engine.cloud.task_runner"])
def test_what_only_a_server_needed_is_refused_when_it_is_used(name: str) -> None:
    module = importlib.import_module(f"prefect.{name}")
    with pytest.raises(UsageError, match=f"`prefect.{name}.Thing` of Prefect classic is not part of flowkit"):
        module.Thing()


def test_storage_keeps_what_it_was_given() -> None:
    from prefect import Flow
    from prefect.storage import Docker, GitHub, Storage

    image = Docker("registry", python_dependencies=["pandas"], stored_as_script=True, path="/flow.py")
    assert isinstance(image, Storage)
    assert image.registry_url == "registry"
    assert image.python_dependencies == ["pandas"]
    assert image.path == "/flow.py"
    assert image.labels == set()
    flow = Flow("f")
    assert image.add_flow(flow) == "/flow.py"
    assert "f" in image
    assert image.get_flow("f") is flow
    with pytest.raises(ValueError, match="`g` is not contained"):
        image.get_flow("g")
    assert GitHub(repo="a") == GitHub(repo="a") != GitHub(repo="b")
    with pytest.raises(TypeError, match="too many positional arguments"):
        GitHub(*"abcdefg")


def test_a_client_does_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    from prefect import Client

    say_once.cache_clear()
    caplog.set_level(logging.WARNING, "flowkit")
    client = Client(api_key="k")
    assert isinstance(client.create_flow_run(flow_id="x"), str)
    assert client.create_flow_run(flow_id="y") != client.create_flow_run(flow_id="y")
    assert client.graphql({"query": "flow"}) == {"data": {}}
    assert client.set_flow_run_name("id", "name") is None
    assert len(caplog.messages) == 3
    assert caplog.messages[0].startswith("`Client.create_flow_run` would have asked a server for a run")


def test_an_agent_returns_at_once(caplog: pytest.LogCaptureFixture) -> None:
    from prefect.agent.local import LocalAgent

    say_once.cache_clear()
    agent = LocalAgent(labels=["dev"], show_flow_logs=True)
    assert agent.labels == {"dev"}
    agent.start()
    assert "`flowkit serve`" in caplog.messages[0]


def test_a_prefect_that_is_there_is_not_replaced_behind_its_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    from flowkit import compat

    monkeypatch.setitem(sys.modules, "prefect", types.ModuleType("prefect"))
    with pytest.raises(RuntimeError, match="`prefect` has been imported already"):
        compat.install()


SCRIPT = """
import sys
from prefect import Flow, Parameter, task

@task
def add(x, y):
    return x + y

with Flow("sum") as flow:
    total = add(Parameter("x", default=1), 2)

if __name__ == "__main__":
    state = flow.run(x=int(sys.argv[1]))
    print(state.result[total].result, sys.argv)
"""


def test_a_script_runs_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "flowkit.compat", "script.py", "5"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "7 ['script.py', '5']\n"), done.stderr


def flowkit_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, with a home of its own and with its history (see tests/conftest.py)."""
    environ = {**os.environ, "HOME": str(folder), "FLOWKIT_HISTORY": "true"}
    command = [sys.executable, "-P", "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def test_a_file_that_flowkit_loads_has_the_very_classes_of_flowkit(tmp_path: Path) -> None:
    """A second copy of a class would have another name in the fingerprints: all of a run would run again."""
    (tmp_path / "script.py").write_text(
        "import prefect.engine.state, flowkit.engine.state\n"
        "from prefect import Flow\n"
        "from prefect.tasks.shell import ShellTask\n"
        "from prefect.tasks.control_flow.filter import FilterTask\n"
        "import flowkit.tasks.control_flow.filter, flowkit.tasks.shell\n"
        "assert prefect.engine.state is flowkit.engine.state\n"
        "assert ShellTask is flowkit.tasks.shell.ShellTask\n"
        "assert FilterTask is flowkit.tasks.control_flow.filter.FilterTask\n"
        "with Flow('shell') as flow:\n    ShellTask()(command='true')\n"
    )
    done = flowkit_in(tmp_path, "flowkit", "run", "script.py")
    assert done.returncode == 0, done.stderr
    assert "flowkit stands in for it" in done.stderr


def test_a_run_of_a_script_is_gone_on_with_by_the_command(tmp_path: Path) -> None:
    """Whatever way a script is run, and whatever its import is called: what is done is done."""
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from prefect import Flow, task\n"
        "from prefect.tasks.shell import ShellTask\n"
        "@task\n"
        "def needs_a_file(said):\n    return Path('there').read_text()\n"
        "with Flow('shell') as flow:\n"
        "    needs_a_file(ShellTask(name='say')(command='echo x >> said; echo y'))\n"
        "if __name__ == '__main__':\n    flow.run()\n"
    )
    (tmp_path / ".flowkit").mkdir(mode=0o700)
    flowkit_in(tmp_path, "flowkit.compat", "script.py")
    assert flowkit_in(tmp_path, "flowkit", "resume").returncode == 1
    script.write_text(script.read_text().replace("from prefect", "from flowkit"))
    (tmp_path / "there").touch()
    done = flowkit_in(tmp_path, "flowkit", "resume")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "said").read_text() == "x\n"


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("", "error: `script.py` defines no flow"),
        ("assert flow.run() == 2", "error: `script.py:4` raised AssertionError\n"),
        ("flow.run(x=1)", "error: the flow `sum` cannot run: `x` is required, and was not given"),
    ],
)
def test_where_a_script_cannot_be_run_by_its_flow_it_is_said_how_it_runs(
    end: str, says: str, tmp_path: Path
) -> None:
    flow = "flow = Flow('sum')" if end else "def main(): Flow('sum')"
    added = "flow.add_task(Parameter('x'))" if end else ""
    (tmp_path / "script.py").write_text(f"from prefect import Flow, Parameter\n{flow}\n{added}\n{end}\n")
    said = flowkit_in(tmp_path, "flowkit", "run", "script.py").stderr
    assert says in said
    assert "hint: `python -m flowkit.compat script.py` runs the script as it is\n" in said


def test_a_prefect_that_is_installed_is_left_to_the_file_and_named_where_it_has_no_flow(
    tmp_path: Path,
) -> None:
    (tmp_path / "prefect.py").write_text("class Flow: pass\n")
    (tmp_path / "script.py").write_text("from prefect import Flow\nflow = Flow()\n")
    said = flowkit_in(tmp_path, "flowkit", "run", "script.py").stderr
    assert (
        "hint: the `prefect` that is installed is not flowkit: `python -m flowkit.compat script.py`" in said
    )


def test_what_a_script_raises_is_shown_with_its_own_frames(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "from prefect.tasks.aws import S3Download\ndef main():\n    S3Download().run()\nmain()\n"
    )
    done = flowkit_in(tmp_path, "flowkit.compat", "script.py")
    assert done.returncode == 1
    assert [line.split('"')[1] for line in done.stderr.splitlines() if "File" in line] == ["script.py"] * 2
    assert done.stderr.endswith("hint: use `boto3` in a task of your own\n")


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0), (["nothing.py"], 2)])
def test_the_command_says_what_it_takes(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flowkit.compat", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1


def test_flowkit_costs_nothing_more_for_it() -> None:
    code = "import sys, flowkit; print([name for name in sys.modules if 'compat' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


IN_A_FUNCTION = """
from prefect import Flow, task
from prefect.storage import Docker

@task
def one():
    return 1

def main():
    with Flow("hidden", storage=Docker()) as flow:
        one()
    flow.register(project_name="mine", labels=["dev"])
    print(flow.run())

main()
"""


def test_a_flow_that_cannot_be_registered_ends_no_script_of_classic(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(IN_A_FUNCTION)
    command = [sys.executable, "-m", "flowkit.compat", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<Success")
    assert "The flow `hidden` is not registered: " in done.stderr
    assert "`Docker` of the flow `hidden` would have been used by an agent" in done.stderr
