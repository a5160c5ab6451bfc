"""What is said about code: the parts, where they stand, what could not be followed, and what changed."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from flowkit.fingerprint import Code, Part, Tracer, UndigestibleError, changes, code_of, versions

Project = Callable[..., ModuleType]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Writes modules and imports the first one, forgetting what was imported before."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def forget() -> None:
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]

    def write(**files: str) -> ModuleType:
        forget()
        for name, content in files.items():
            (tmp_path / f"{name}.py").write_text(content)
        importlib.invalidate_caches()
        return importlib.import_module(next(iter(files)))

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    forget()


def names(code: Code) -> list[tuple[str, str, str]]:
    return [(part.kind, part.name, part.place) for part in code.parts]


def test_parts_say_what_they_are_and_where_they_stand(project: Project, tmp_path: Path) -> None:
    flow = project(
        flow="import helpers\nfrom helpers import Model\n\n\ndef task(x): return helpers.norm(x), Model()\n",
        helpers="""
import hypothesis
SCALE = 3
def norm(x): return x * SCALE + hypothesis.x
class Model:
    k = 1
""",
    )
    assert names(Tracer(tmp_path).code_of(flow.task)) == [
        ("class", "helpers.Model", "helpers.py:5"),
        ("constant", "helpers.SCALE", "helpers.py:3"),
        ("function", "flow.task", "flow.py:5"),
        ("function", "helpers.norm", "helpers.py:4"),
        ("version", f"hypothesis {versions.version_of('hypothesis')}", ""),
    ]


def test_a_change_is_told_by_name_and_place(project: Project, tmp_path: Path) -> None:
    files = {
        "flow": "import helpers\ndef task(x):\n    return helpers.norm(x)\n",
        "helpers": "def norm(x):\n    return x\n",
    }
    before = Tracer(tmp_path).code_of(project(**files).task)
    files["helpers"] = "SCALE = 2\ndef norm(x):\n    return x * SCALE\n"
    after = Tracer(tmp_path).code_of(project(**files).task)
    assert list(map(str, changes(before.parts, after.parts))) == [
        "`helpers.SCALE` added (helpers.py:1)",
        "`helpers.norm` changed (helpers.py:2)",
    ]
    assert changes(after.parts, after.parts) == []


def test_an_attribute_of_a_function_is_told_by_its_own_name(project: Project, tmp_path: Path) -> None:
    text = "def fn(): pass\nfn.limit = {}\nfn.also = fn\n"
    task = "import helpers as h\ndef task(): return h.fn.limit, h.fn.also\n"
    before, after = (
        Tracer(tmp_path).code_of(project(flow=task, helpers=text.format(number)).task) for number in (1, 2)
    )
    assert list(map(str, changes(before.parts, after.parts))) == ["`helpers.fn.limit` changed (helpers.py:2)"]


def test_a_package_changes_from_one_version_to_another() -> None:
    old, new = Part("version", "numpy 2.1.0", "a", ""), Part("version", "numpy 2.2.0", "b", "")
    assert list(map(str, changes([old], [new]))) == ["`numpy` changed (2.1.0 → 2.2.0)"]


def test_of_two_functions_with_one_name_the_one_that_changed_is_shown() -> None:
    same, old, new = (
        Part("function", "f", digest, f"a.py:{line}") for digest, line in (("a", 1), ("b", 2), ("c", 3))
    )
    assert list(map(str, changes([same, old], [same, new]))) == ["`f` changed (a.py:3)"]
    assert list(map(str, changes([same, old], [same]))) == ["`f` changed (a.py:2)"]


def test_another_version_of_a_package_is_other_code(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = project(flow="import hypothesis\ndef task(): return hypothesis.seed\n")
    before = code_of(flow.task)
    monkeypatch.setattr(versions, "version_of", lambda package: "99")
    assert code_of(flow.task).digest != before.digest


def test_what_cannot_be_followed_is_named_and_its_class_counts(project: Project) -> None:
    text = """
import threading
class Client:
    def __init__(self): self.lock = threading.Lock()
    def go(self): return {}
client = Client()
def task(): return client.go()
"""
    one, other = (code_of(project(flow=text.format(number)).task) for number in (1, 2))
    assert one.unfollowed == ("flow.client",)
    assert one.digest != other.digest
    assert Part("unfollowed", "flow.client", "", "") in one.parts
    assert list(map(str, changes([], [Part("unfollowed", "flow.client", "", "")]))) == []


@pytest.mark.parametrize(
    "computed", ["name", "'a.' + name", "f'a.{name}'", "'a.%s' % name", "'a.'.join(name)"]
)
def test_an_import_of_a_computed_name_is_named(project: Project, computed: str) -> None:
    flow = project(flow=f"import importlib\ndef task(name): return importlib.import_module({computed})\n")
    assert code_of(flow.task).unfollowed == ("flow.task imports a module whose name is computed",)


@pytest.mark.parametrize("given", ["'json'", "'.json', package='x'", "'.json', __package__", "name='json'"])
def test_an_import_of_a_name_that_stands_there_is_followed(project: Project, given: str) -> None:
    flow = project(flow=f"import importlib\ndef task(): return importlib.import_module({given}).loads\n")
    assert code_of(flow.task).unfollowed == ()


def test_what_ran_before_does_not_count(project: Project) -> None:
    flow = project(
        flow="""
import functools
_model = None

@functools.lru_cache
def cached(x): return x

@functools.singledispatch
def dispatched(x): return x

class Thing:
    @functools.cached_property
    def total(self): return 1

thing = Thing()

def task():
    global _model
    import helpers
    if _model is None:
        _model = object()
    return cached(1), dispatched(1), thing.total, helpers.norm()
""",
        helpers="def norm(): return 1\n",
    )
    (Path(flow.__file__ or "").parent / "helpers.py").write_text("def norm(): return 1\n")
    before = code_of(flow.task)
    assert "helpers" not in sys.modules
    flow.task()
    assert "helpers" in sys.modules
    assert code_of(flow.task) == before


def test_a_module_that_is_imported_later_is_not_run_to_look_at_it(project: Project, tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("raise SystemExit\n")
    (tmp_path / "pkg" / "sub.py").write_text("raise SystemExit\ndef f(): return 1\n")
    flow = project(flow="def task():\n    from pkg.sub import f\n    import pkg.missing\n    return f()\n")
    code = Tracer(tmp_path).code_of(flow.task)
    assert ("function", "pkg.sub.f", "pkg/sub.py:2") in names(code)


def test_what_runs_counts_where_a_file_was_edited_after_its_import(project: Project, tmp_path: Path) -> None:
    flow = project(
        flow="import helpers\ndef task():\n    from helpers import norm\n    return norm()\n",
        helpers="def norm(): return 1\n",
    )
    old = code_of(flow.task)
    (tmp_path / "helpers.py").write_text("def norm(): return 2\n")
    stale = code_of(flow.task)
    fresh = project(
        flow="import helpers\ndef task():\n    from helpers import norm\n    return norm()\n",
        helpers="def norm(): return 2\n",
    )
    assert len({old.digest, stale.digest, code_of(fresh.task).digest}) == 3


def test_a_module_that_cannot_be_parsed_is_no_failure(project: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    flow = project(flow="def task():\n    import broken\n    return broken.f()\n")
    assert code_of(flow.task).digest


def test_a_constant_that_holds_the_place_of_the_checkout_is_the_same_in_another(
    project: Project, tmp_path: Path
) -> None:
    text = """
import pathlib
HERE = str(pathlib.Path(__file__).parent)
DATA = pathlib.Path(__file__).parent / "data"
def task(): return HERE, DATA
"""
    here = Tracer(tmp_path).code_of(project(flow=text).task)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "flow2.py").write_text(text)
    sys.path.insert(0, str(inner))
    other = Tracer(inner).code_of(importlib.import_module("flow2").task)
    sys.path.remove(str(inner))
    assert here.digest != Tracer(tmp_path / "elsewhere").code_of(sys.modules["flow"].task).digest
    assert [part.digest for part in here.parts if part.kind == "constant"] == [
        part.digest for part in other.parts if part.kind == "constant"
    ]


def test_code_without_a_file_is_followed() -> None:
    def digest(step: int) -> bytes:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def helper(x): return x + {step}\ndef task(x): return helper(x)\n", names)
        return code_of(names["task"]).digest

    assert digest(1) == digest(1) != digest(2)


def test_a_compiled_module_of_the_project_counts_by_its_content(project: Project, tmp_path: Path) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    flow = project(flow="def task():\n    import fast\n    return fast.go()\n")
    found = []
    for content in (b"one", b"two"):
        (tmp_path / f"fast{suffix}").write_bytes(content)
        importlib.invalidate_caches()
        found.append(Tracer(tmp_path).code_of(flow.task))
    assert ("file", "fast", f"fast{suffix}") in names(found[0])
    assert found[0].digest != found[1].digest


def test_depends_on_counts_files_marks_and_code(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_text("one")

    def task() -> None: ...

    def seen() -> Code:
        return Tracer(tmp_path).code_of(task, depends_on=[path, "mark", functools.reduce, importlib])

    before = seen()
    assert ("file", "model.bin", "model.bin") in names(before)
    assert ("constant", "depends_on[1]", "") in names(before)
    path.write_text("two")
    after = seen()
    assert after.digest != before.digest
    assert list(map(str, changes(before.parts, after.parts))) == ["`model.bin` changed (model.bin)"]


def test_what_depends_on_cannot_name_is_refused() -> None:
    with pytest.raises(UndigestibleError, match="depends_on\\[0\\]"):
        code_of(len, depends_on=[threading.Lock()])


@pytest.mark.parametrize(
    "made",
    [
        "contextvars.ContextVar('v', default=1)",
        "contextvars.copy_context()",
        "threading.local()",
        "threading.Event()",
        "threading.Semaphore(1)",
        "queue.Queue()",
        "queue.SimpleQueue()",
        "(x for x in [1])",
        "weakref.ref(json)",
        "weakref.WeakSet([json])",
        "itertools.islice([1, 2], 1)",
        "itertools.permutations([1])",
        "re.finditer('a', 'a')",
        "io.TextIOWrapper(io.BytesIO(b'a'))",
        "hashlib.sha256(b'a')",
        "sqlite3.connect(':memory:')",
        "polars.LazyFrame({'a': [1]})",
    ],
)
def test_what_has_a_state_that_cannot_be_seen_is_named(project: Project, made: str) -> None:
    pytest.importorskip("polars")
    modules = "contextvars, hashlib, io, itertools, json, polars, queue, re, sqlite3, threading, weakref"
    flow = project(flow=f"import {modules}\nV = {made}\ndef task(): return V\n")
    assert code_of(flow.task).unfollowed == ("flow.V",)


@pytest.mark.parametrize("made", ["lib.make(1)", "lib.make(1)()"])
def test_a_class_that_an_installed_package_made_counts_by_version_and_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "lib.py").write_text("def make(x): return type('Made', (), {'x': x})\nclass Known: pass\n")
    monkeypatch.syspath_prepend(packages)
    flow = project(flow=f"import lib\nV = {made}\nclass A(lib.Known): pass\ndef task(): return V, A\n")
    code = code_of(flow.task)
    assert code.unfollowed == ("lib.Made",)
    assert ("version", "lib", "") in names(code)


def test_iterators_are_looked_at_without_being_consumed(project: Project) -> None:
    made = "chain([1], [2]), cycle([1, 2]), count(1), repeat(1, 2), count(2**70), count(0.5)"
    flow = project(flow=f"from itertools import *\nV = {made}\ndef task(): return V\n")
    assert code_of(flow.task) == code_of(flow.task)
    assert [next(each) for each in flow.V] == [1, 1, 1, 1, 2**70, 0.5]
    assert code_of(flow.task).unfollowed == ()


def test_a_circle_that_was_gone_through_is_named_for_its_place_in_it_is_not_seen(project: Project) -> None:
    flow = project(flow="from itertools import *\nV = cycle([1])\nnext(V), next(V)\ndef task(): return V\n")
    assert code_of(flow.task).unfollowed == ("flow.V",)


@pytest.mark.parametrize(
    "value",
    [len, print, int, "".join, 3, functools.partial(int), SimpleNamespace(a=1), importlib, threading.Lock()],
    ids=lambda made: type(made).__name__,
)
def test_anything_has_code(value: Any) -> None:
    assert code_of(value).digest == code_of(value).digest


def test_asked_twice_a_tracer_answers_with_the_same_object() -> None:
    tracer = Tracer()
    assert tracer.code_of(test_anything_has_code) is tracer.code_of(test_anything_has_code)


def test_the_minor_version_of_python_is_part_of_it() -> None:
    from flowkit.fingerprint import tracer

    assert b"%d.%d" % sys.version_info[:2] in tracer._FORMAT


def test_a_script_and_a_module_of_the_same_file_have_the_same_code(tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text(
        "from flowkit.fingerprint import code_of\nK = 1\nclass A:\n    a = K\n"
        "def task(): return K, A()\nprint(code_of(task))\n"
    )
    runs = (
        [sys.executable, str(script)],
        [sys.executable, "-c", "import flow"],
        [sys.executable, "-m", "flow"],
    )
    env = {"PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"}
    found = {
        subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
        for run in runs
    }
    assert len(found) == 1


LIBRARIES = """
import abc, collections, dataclasses, enum, pickle, typing
import pydantic
from flowkit.fingerprint import Tracer, digest

class Access(enum.Flag):
    READ = 1
    WRITE = 2

T = typing.TypeVar("T")

class Box(typing.Generic[T]):
    def get(self): return T

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

class Square(Shape):
    def __init__(self): self.side = 1
    def area(self): return self.side

class Row(typing.NamedTuple):
    number: int = 1

Pair = collections.namedtuple("Pair", "a b", defaults=[1])

@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Order:
    number: int = 1
    lines: list = dataclasses.field(default_factory=list)

class Model(pydantic.BaseModel):
    rows: list[Row] = pydantic.Field(default_factory=list, max_length=3)
    token: pydantic.SecretStr | None = None
    _hidden: int = pydantic.PrivateAttr(default=2)

    @pydantic.field_validator("rows")
    @classmethod
    def check(cls, rows): return rows

def task(): return Access, Box, Shape, Square, Row, Pair, Order, Model

def said():
    tracer = Tracer()
    values = (Access.READ | Access.WRITE, Square(), Row(), Pair(1), Order(), Model())
    return tracer.code_of(task), [digest(value, tracer=tracer).hex() for value in values]

def used():
    isinstance(3, Shape), Box[int]().get(), Model(rows=[Row()])._hidden
    pickle.dumps([Square(), Order(), Row()])
    try:
        pickle.dumps([Model()])
    finally:
        return said()

first = said()
assert not first[0].unfollowed, first[0].unfollowed
assert used() == first
print(first)
"""


def test_classes_of_libraries_are_the_same_in_a_script_and_a_module_before_and_after_use(
    tmp_path: Path,
) -> None:
    (tmp_path / "flow.py").write_text(LIBRARIES)
    found = set()
    for seed, run in enumerate((["flow.py"], ["-c", "import flow"], ["-m", "flow"])):
        env = {
            "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": str(seed),
        }
        done = subprocess.run([sys.executable, *run], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


def test_several_threads_may_ask_one_tracer(project: Project) -> None:
    flow = project(
        flow="def helper(x): return x\ndef a(): return helper(1)\ndef b(): return helper(2), a()\n"
    )
    tracer = Tracer()
    found: list[tuple[bytes, bytes, bytes]] = []

    def ask() -> None:
        found.append(
            (tracer.code_of(flow.a).digest, tracer.code_of(flow.b).digest, tracer.worth(flow.helper))
        )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {(code_of(flow.a).digest, code_of(flow.b).digest, Tracer().worth(flow.helper))}


def test_a_flow_that_a_task_runs_counts_with_its_tasks(project: Project) -> None:
    text = """
from flowkit import Flow, flow, task
@task
def inner(): return {}
with Flow("one") as one:
    inner()
@flow
def two(): inner()
def a(): return one.run()
def b(): return two.run()
"""
    first, second = (project(flow=text.format(number)) for number in (1, 2))
    assert code_of(first.a).digest != code_of(second.a).digest
    assert code_of(first.b).digest != code_of(second.b).digest


@pytest.mark.parametrize(
    "inner",
    [
        "@dataclasses.dataclass\nclass Inner:\n    x: int",
        "class Inner(typing.NamedTuple):\n    x: int",
        "class Inner(typing_extensions.TypedDict):\n    x: int",
        "Inner = typing.NewType('Inner', int)",
        "@dataclasses.dataclass\nclass Deep:\n    x: int\nclass Inner(typing.NamedTuple):\n    deep: Deep",
        "@dataclasses.dataclass\nclass Inner:\n    again: 'Inner'\n    x: int",
    ],
)
def test_a_model_counts_by_the_types_that_it_converts_to_also_within_its_fields(
    project: Project, inner: str
) -> None:
    def made(inner: str) -> bytes:
        text = f"import dataclasses, pydantic, typing, typing_extensions\n{inner}\n"
        model = "class Model(pydantic.BaseModel):\n    inner: list[Inner] | None\ndef task(): return Model\n"
        return code_of(project(flow=text + model).task).digest

    assert made(inner) == made(inner) != made(inner.replace("int", "str"))
