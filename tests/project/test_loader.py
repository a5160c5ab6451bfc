"""Loading a flow file: what it defines, what it may do, and how it fails."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowkit.errors import LoadError, UsageError
from flowkit.project import loader
from flowkit.project.discovery import Target
from flowkit.project.entry import Entry
from flowkit.project.loader import LoadedModule, is_loading, load, load_file, load_module
from flowkit.project.root import Project

FLOW = "from flowkit.flow.flow import Flow\nwith Flow({name!r}) as flow: pass\n"
Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "my project ü"
    (root / "flows").mkdir(parents=True)
    return Project(root)


@pytest.fixture
def write(project: Project) -> Write:
    def write(name: str, text: str = FLOW.format(name="x"), root: Path = project.root) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def restored_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def failure(path: Path) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load_file(path)
    assert "\n" not in caught.value.message
    assert not is_loading()
    return caught.value


# -- what is found --------------------------------------------------------------------------------


def test_flows_are_found_by_name_with_their_attributes(write: Write) -> None:
    path = write("flows/etl.py", FLOW.format(name="a b/c") + 'again = flow\nother = Flow("other")\n')
    loaded = load_file(path)
    assert list(loaded.flows) == ["a b/c", "other"]
    assert loaded.attributes == {"a b/c": "flow", "other": "other"}
    assert loaded.flows["other"].source == path
    assert loaded.module.__name__ == "flowkit_flows.flows.etl"
    assert loaded.notices == ()


def test_one_flow_is_picked_without_asking_and_of_several_the_one_asked_for(write: Write) -> None:
    one = load_file(write("flows/one.py"))
    two = load_file(write("flows/two.py", FLOW.format(name="a") + 'b = Flow("bee")\n'))
    assert one.pick().name == "x"
    assert two.pick("bee") is two.pick("b")
    with pytest.raises(UsageError, match=r"`two\.py` has 2 flows: `a`, `bee`"):
        two.pick()
    with pytest.raises(UsageError, match=r"`two\.py` has no flow `be`") as caught:
        two.pick("be")
    assert caught.value.hints == ("did you mean `bee` or `b`?",)


def test_two_flows_of_one_name_are_refused(write: Write) -> None:
    error = failure(write("flows/etl.py", FLOW.format(name="x") + 'b = Flow("x")\n'))
    assert error.message == "`flows/etl.py` has two flows called `x`: `flow` and `b`"


def test_a_file_without_flows_says_so_and_an_imported_flow_is_not_its_own(write: Write) -> None:
    write("flows/_common.py")
    for text in ("from _common import flow\n", "from ._common import flow as mine\n"):
        assert failure(write("flows/etl.py", text)).message == "`flows/etl.py` defines no flow"


def test_a_variable_may_reuse_the_name_of_an_import(write: Write) -> None:
    text = "from flowkit.flow.function import flow\n"
    assert load_file(write("flows/etl.py", text + FLOW.format(name="x"))).attributes == {"x": "flow"}


def test_a_package_gathers_the_flows_of_its_modules(write: Write) -> None:
    write("flows/etl/inner.py")
    write("flows/etl/__init__.py", "from .inner import flow\n")
    loaded = load_file(write("flows/etl/__init__.py", "from .inner import flow\n").parent)
    assert loaded.attributes == {"x": "flow"}
    assert loaded.module.__name__ == "flowkit_flows.flows.etl"
    inner = write("flows/etl/inner.py", FLOW.format(name="x") + "# changed\n")
    assert load_file(inner.parent).fingerprint != loaded.fingerprint


def test_a_module_is_loaded_by_its_name(write: Write, project: Project) -> None:
    write("package_a/__init__.py", "")
    write("package_a/module.py")
    loaded = load_module("package_a.module", project)
    assert loaded.module.__name__ == "package_a.module"
    assert list(loaded.flows) == ["x"]
    with pytest.raises(UsageError, match=r"there is no module `package_a.nothing`"):
        load_module("package_a.nothing", project)
    write("package_a/bad.py", "import nonexistent_pkg\n")
    with pytest.raises(LoadError, match=r"`package_a/bad.py:1` imports `nonexistent_pkg`"):
        load_module("package_a.bad", project)


def test_a_registered_flow_that_its_file_lost_is_named(write: Write, project: Project) -> None:
    entry = Entry(name="old", ref="flows/etl.py:flow", fingerprint="x", version=1, registered="")
    target = Target(path=write("flows/etl.py"), wanted="old", entry=entry)
    with pytest.raises(UsageError, match=r"`flows/etl.py` no longer has the flow `old`"):
        load(target, project)
    assert load(Target(path=target.path), project)[1].name == "x"


def test_the_fingerprint_is_of_the_text_and_not_of_its_line_ends(write: Write) -> None:
    path = write("flows/etl.py")
    first = load_file(path).fingerprint
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_file(path).fingerprint == first
    path.write_text(path.read_text() + "# more\n")
    assert load_file(path).fingerprint != first


def test_what_is_executed_is_what_is_fingerprinted(write: Write) -> None:
    """A file that changes while it is loaded is taken as it was opened."""
    text = "from pathlib import Path\nPath(__file__).write_text('boom')\n" + FLOW.format(name="x")
    path = write("flows/etl.py", text)
    assert load_file(path).fingerprint == loader.fingerprint(text.encode(), path)
    assert path.read_text() == "boom"


# -- names and imports --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["random", "flowkit", "yaml", "tomli_w", "json", "my-flow 2", "flow", "été"])
def test_any_file_name_works_and_hijacks_nothing(write: Write, name: str) -> None:
    text = "import random, flowkit, tomli_w, json\nmodules = [random, flowkit, tomli_w, json]\n"
    loaded = load_file(write(f"flows/{name}.py", text + FLOW.format(name="x")))
    assert loaded.module.modules == [random, *map(importlib.import_module, ("flowkit", "tomli_w", "json"))]
    assert loaded.module.__name__ == f"flowkit_flows.flows.{name}"


def test_a_dot_in_the_name_is_refused_with_a_way_out(write: Write) -> None:
    error = failure(write("flows/etl.v2.py"))
    assert error.hints == ("rename it, for instance to `etl_v2.py`",)
    assert load_file(write("flows/v1.2/etl.py")).module.__name__ == "flowkit_flows.etl"


def test_helpers_are_found_beside_the_file_and_from_the_root(write: Write) -> None:
    write("flows/_beside.py", "here = 'beside'")
    write("rooted_helper.py", "here = 'root'")
    text = (
        "import _beside, rooted_helper\nfrom . import _beside as relative\n"
        "from flows import _beside as dotted\n"
    )
    module = load_file(write("flows/etl.py", text + FLOW.format(name="x"))).module
    assert (module._beside.here, module.rooted_helper.here) == ("beside", "root")
    assert module.relative.__name__ == "flowkit_flows.flows._beside"


def test_helpers_of_one_name_in_two_projects_do_not_meet(write: Write, tmp_path: Path) -> None:
    text = "import shared_helper\nfrom . import _inner\n" + FLOW.format(name="x")
    found = []
    for name in ("one", "two", "one"):
        root = tmp_path / name
        write("flows/shared_helper.py", f"here = {name!r}", root)
        write("flows/_inner.py", f"here = {name!r}", root)
        module = load_file(write("flows/etl.py", text, root)).module
        found.append((module.shared_helper.here, module._inner.here))
    assert found == [("one", "one"), ("two", "two"), ("one", "one")]


def test_a_task_may_still_import_helpers_when_it_runs(write: Write) -> None:
    write("flows/late_helper.py", "here = 'late'")
    text = "def work():\n    import late_helper\n    return late_helper.here\n" + FLOW.format(name="x")
    assert load_file(write("flows/etl.py", text)).module.work() == "late"


def test_pickles_find_the_files_classes_in_another_process(write: Write, project: Project) -> None:
    path = write("flows/etl.py", "class Row:\n    x = 3\n" + FLOW.format(name="x"))
    pickled = pickle.dumps(load_file(path).module.Row())
    script = (
        "import pickle, sys; from pathlib import Path; from flowkit.project.import_paths import mount\n"
        "mount(Path(sys.argv[1]), Path(sys.argv[1]) / 'flows')\n"
        "print(pickle.loads(bytes.fromhex(sys.argv[2])).x)"
    )
    command = [sys.executable, "-c", script, str(project.root), pickled.hex()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "3\n"


def test_a_file_without_a_project_is_loaded_too(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(FLOW.format(name="x"))
    assert load_file(path).module.__name__ == "flowkit_flows.script"


# -- while a file is loaded ----------------------------------------------------------------------


def test_runs_and_registrations_are_ignored_and_it_is_said_once(write: Write) -> None:
    text = (
        "from flowkit.project.loader import ignore, is_loading\n"
        "seen = [is_loading(), ignore('flow.register()'), ignore('flow.run()'), ignore('flow.run()')]\n"
    )
    loaded = load_file(write("flows/etl.py", text + FLOW.format(name="x")))
    assert loaded.module.seen == [True] * 4
    assert loaded.notices == (
        "`flows/etl.py` calls `flow.register()` and `flow.run()`, "
        "which flowkit ignores while it loads the file",
    )
    assert not is_loading()
    assert not loader.ignore("flow.run()")


def test_a_failure_after_an_ignored_run_says_what_was_ignored(write: Write) -> None:
    text = "from flowkit.project.loader import ignore\nignore('flow.run()')\nNone.is_successful()\n"
    [hint] = failure(write("flows/etl.py", text)).hints
    assert "calls `flow.run()`, which flowkit ignores" in hint
    assert '`if __name__ == "__main__":`' in hint


def test_arguments_and_input_of_the_process_are_out_of_reach_and_come_back(write: Write) -> None:
    argv, stdin = sys.argv, sys.stdin
    path = write("flows/etl.py", "import sys\nargv = sys.argv\n" + FLOW.format(name="x"))
    assert load_file(path).module.argv == [str(path)]
    assert (sys.argv, sys.stdin) == (argv, stdin)


@pytest.mark.parametrize(
    "call", ["input()", "__import__('sys').stdin.read()", "list(__import__('sys').stdin)"]
)
def test_reading_the_keyboard_is_refused(write: Write, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    error = failure(write("flows/etl.py", f"\nname = {call}\n"))
    assert error.message == "`flows/etl.py:2` reads from the keyboard while it is loaded"


# -- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef f(:\n", "`flows/etl.py:2:7` is not valid Python: invalid syntax"),
        ("import nonexistent_pkg", "`flows/etl.py:1` imports `nonexistent_pkg`, which is not installed"),
        (
            "import json.nothing",
            "`flows/etl.py:1` imports `json.nothing`, which the package `json` does not have",
        ),
        ("\n1 / 0", "`flows/etl.py:2` raised ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "`flows/etl.py:1` calls `sys.exit(0)` while it is loaded"),
        ("exit()", "`flows/etl.py:1` calls `sys.exit()` while it is loaded"),
        ("raise GeneratorExit", "`flows/etl.py:1` raised GeneratorExit"),
        ("def f(): f()\nf()", "`flows/etl.py:1` raised RecursionError: maximum recursion depth exceeded"),
        (
            "class E(Exception):\n    def __str__(self): 1/0\nraise E",
            "`flows/etl.py:3` raised E: (its text cannot be shown: ZeroDivisionError)",
        ),
        (
            "from flowkit.flow.flow import Flow\nFlow('')",
            "`flows/etl.py:2`: a flow needs a name that is not empty",
        ),
    ],
)
def test_every_failure_names_file_and_line(write: Write, text: str, message: str) -> None:
    error = failure(write("flows/etl.py", text))
    assert error.message.startswith(message)
    assert error.exit_code == 3
    assert "flowkit_flows.flows.etl" not in sys.modules


def test_the_users_own_frames_are_shown_and_none_of_ours(write: Write) -> None:
    write("flows/_deep.py", "import json\ndef parse(text):\n    return json.loads(text)\n")
    error = failure(write("flows/etl.py", "from _deep import parse\nparse('?')\n"))
    assert error.message.startswith("`flows/_deep.py:3` raised JSONDecodeError: Expecting value")
    assert error.__notes__ == [
        '  File "flows/etl.py", line 2, in <module>\n'
        "    parse('?')\n"
        '  File "flows/_deep.py", line 3, in parse\n'
        "    return json.loads(text)"
    ]


def test_a_syntax_error_in_a_helper_points_there_with_a_caret(write: Write) -> None:
    write("flows/_torn.py", "x = (\n")
    error = failure(write("flows/etl.py", "import _torn\n"))
    assert error.message == "`flows/_torn.py:1:5` is not valid Python: '(' was never closed"
    assert error.__notes__ == ["    x = (\n        ^"]


def test_ctrl_c_while_loading_is_no_failure_of_the_file(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_file(write("flows/etl.py", "raise KeyboardInterrupt"))
    assert not is_loading()


def test_what_cannot_be_a_flow_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        load_file(tmp_path / "nothing.py")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"does not end in `.py`"):
        load_file(tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "pipe.py")
    assert "it is not a regular file" in failure(tmp_path / "pipe.py").message
    with (tmp_path / "big.py").open("wb") as file:
        file.truncate(loader.LARGEST + 1)
    assert "it has 10,000,001 bytes, more than 10,000,000" in failure(tmp_path / "big.py").message


@pytest.mark.parametrize("content", [b"x = '\0'", b"\xff", b"(" * 1000])
def test_bytes_that_are_no_python_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(content)
    assert failure(path).message.startswith("`")


def test_loading_again_sees_the_file_as_it_is_now(write: Write) -> None:
    first: LoadedModule = load_file(write("flows/etl.py"))
    second = load_file(write("flows/etl.py", FLOW.format(name="y")))
    assert (list(first.flows), list(second.flows)) == (["x"], ["y"])
    assert sys.modules["flowkit_flows.flows.etl"] is second.module
