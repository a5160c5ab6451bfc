"""Small projects, each with an edit: of what counts, and of what does not.

A case is a task in `flow.py`, the files beside it, and the text that an edit replaces by another.
"""

# ruff: noqa: E501 (a line is a small program)

from __future__ import annotations

from typing import NamedTuple

HELPERS = """
import functools, threading

SCALE = 3
LIMITS = {"low": 1, "high": 9}
LOCK = threading.Lock()

def norm(x):
    # divides
    return x / SCALE

def unrelated(x):
    return "unrelated"

def times(count):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return [function(*args) for _ in range(count)]
        return wrapper
    return decorate

def make(step):
    def inner(x):
        return x + step
    return inner

class Base:
    def shared(self):
        return self.own() + 1

class Model(Base):
    rate = 0.5

    def __init__(self, depth=2):
        self.depth = depth

    def __call__(self, x):
        return self.shared() * x

    @property
    def half(self):
        return self.depth / 2

    @staticmethod
    def fixed():
        return "fixed"

    def own(self):
        return self.rate
"""


class Case(NamedTuple):
    """`edit` is the file, the text, and what it becomes."""

    name: str
    flow: str
    edit: tuple[str, str, str]
    files: dict[str, str] = {}


NORM = ("helpers.py", "return x / SCALE", "return x * SCALE")
SCALE = ("helpers.py", "SCALE = 3", "SCALE = 4")


def held(name: str, text: str, old: str, new: str) -> Case:
    """A global `V` of another module that a task reads."""
    flow = "import other\ndef task(): return other.V"
    return Case(name, flow, ("other.py", old, new), {"other.py": text})


CHANGES = [
    Case("its own body", "def task(x): return x + 1", ("flow.py", "x + 1", "x + 2")),
    Case("its own operator", "def task(x): return x + 1", ("flow.py", "x + 1", "x - 1")),
    Case("a comparison", "def task(x): return x < 1", ("flow.py", "x < 1", "x > 1")),
    Case("a parameter's name", "def task(x): return x", ("flow.py", "(x): return x", "(y): return y")),
    Case("a default", "def task(x=1): return x", ("flow.py", "x=1", "x=2")),
    Case("a default of a keyword", "def task(*, x=1): return x", ("flow.py", "x=1", "x=2")),
    Case("positions become keywords", "def task(a, b): return a", ("flow.py", "a, b", "a, *, b")),
    Case("a constant's type", "def task(): return 1", ("flow.py", "return 1", "return 1.0")),
    Case(
        "a jump", "def task(x):\n  while x:\n    x -= 1\n    if x: break\n", ("flow.py", "break", "continue")
    ),
    Case(
        "what is caught",
        "def task():\n  try: a()\n  except OSError: return 1",
        ("flow.py", "OSError", "ValueError"),
    ),
    Case(
        "where it is caught",
        "def task():\n  try:\n    a()\n    b()\n  except OSError: return 1",
        ("flow.py", "  try:\n    a()\n    b()", "  a()\n  try:\n    b()"),
    ),
    Case("a comprehension", "def task(x): return [i + 1 for i in x]", ("flow.py", "i + 1", "i + 2")),
    Case("a lambda", "def task(x): return map(lambda i: i + 1, x)", ("flow.py", "i + 1", "i + 2")),
    Case(
        "an inner function",
        "def task():\n  def f(): return 1\n  return f()",
        ("flow.py", "return 1", "return 2"),
    ),
    Case("an inner class", "def task():\n  class A:\n    k = 1\n  return A()", ("flow.py", "k = 1", "k = 2")),
    Case(
        "an async function",
        "async def task():\n  return await f()\nasync def f(): return 1",
        ("flow.py", "return 1", "return 2"),
    ),
    Case("a generator", "def task():\n  yield from f()\ndef f(): yield 1", ("flow.py", "yield 1", "yield 2")),
    Case("a helper by name", "from helpers import norm\ndef task(x): return norm(x)", NORM),
    Case("a helper by another name", "from helpers import norm as n\ndef task(x): return n(x)", NORM),
    Case("a helper through its module", "import helpers\ndef task(x): return helpers.norm(x)", NORM),
    Case(
        "a helper of a helper",
        "from mid import go\ndef task(x): return go(x)",
        NORM,
        {"mid.py": "import helpers as h\ndef go(x): return h.norm(x)"},
    ),
    Case("a helper in a lambda", "import helpers\ndef task(x): return (lambda y: helpers.norm(y))(x)", NORM),
    Case(
        "a helper in a comprehension",
        "from helpers import norm\ndef task(x): return {norm(y) for y in x}",
        NORM,
    ),
    Case("a helper as a default", "from helpers import norm\ndef task(x, how=norm): return how(x)", NORM),
    Case(
        "a helper in a dict",
        "from helpers import norm\nHOW = {'a': norm}\ndef task(x): return HOW['a'](x)",
        NORM,
    ),
    Case(
        "a helper in a set",
        "from helpers import norm, make\nHOW = {norm, make}\ndef task(x): return HOW",
        NORM,
    ),
    Case(
        "a helper in a partial",
        "import functools\nfrom helpers import norm\ngo = functools.partial(norm, 1)\ndef task(): return go()",
        NORM,
    ),
    Case(
        "an argument of a partial",
        "import functools\nfrom helpers import norm\ngo = functools.partial(norm, 1)\ndef task(): return go()",
        ("flow.py", "norm, 1", "norm, 2"),
    ),
    Case(
        "a cached helper",
        "import functools\nfrom helpers import norm\ngo = functools.lru_cache(norm)\ndef task(): return go()",
        NORM,
    ),
    Case("a helper as a whole module", "import helpers\ndef task(name): return getattr(helpers, name)", NORM),
    Case(
        "a helper of a package",
        "import pkg.sub\ndef task(): return pkg.sub.f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "", "pkg/sub.py": "def f(): return 1"},
    ),
    Case("a constant by name", "from helpers import SCALE\ndef task(x): return x * SCALE", SCALE),
    Case("a constant through its module", "import helpers\ndef task(x): return x * helpers.SCALE", SCALE),
    Case("a constant of a helper", "import helpers\ndef task(x): return helpers.norm(x)", SCALE),
    Case(
        "a value in a constant",
        "from helpers import LIMITS\ndef task(): return LIMITS['low']",
        ("helpers.py", '"low": 1', '"low": 2'),
    ),
    Case(
        "a decorator",
        "from helpers import times\n@times(2)\ndef task(x): return x",
        ("helpers.py", "in range(count)", "in range(-count)"),
    ),
    Case(
        "what a decorator wraps",
        "from helpers import times\n@times(2)\ndef task(x): return x",
        ("flow.py", "return x", "return -x"),
    ),
    Case(
        "what a decorator was given",
        "from helpers import times\n@times(2)\ndef task(x): return x",
        ("flow.py", "times(2)", "times(3)"),
    ),
    Case("a closure", "from helpers import make\ntask = make(1)", ("flow.py", "make(1)", "make(2)")),
    Case(
        "two closures, exchanged",
        "from helpers import make\na, b = make(1), make(2)\ndef task(x): return a(b(x) * 2)",
        ("flow.py", "make(1), make(2)", "make(2), make(1)"),
    ),
    Case(
        "two functions, exchanged",
        "def f(): return 1\ndef g(): return 2\na, b = f, g\ndef task(): return a() - b() + f() + g()",
        ("flow.py", "a, b = f, g", "a, b = g, f"),
    ),
    Case(
        "a method by an instance",
        "from helpers import Model\nm = Model()\ndef task(x): return m.own()",
        ("helpers.py", "return self.rate", "return 1"),
    ),
    Case(
        "the state of an instance",
        "from helpers import Model\nm = Model(2)\ndef task(x): return m.depth",
        ("flow.py", "Model(2)", "Model(3)"),
    ),
    Case(
        "a callable instance",
        "from helpers import Model\ntask = Model()",
        ("helpers.py", "self.shared() * x", "self.shared() + x"),
    ),
    Case(
        "a method of a base class",
        "from helpers import Model\ntask = Model()",
        ("helpers.py", "self.own() + 1", "self.own() + 2"),
    ),
    Case(
        "a method as the task",
        "from helpers import Model\ntask = Model().shared",
        ("helpers.py", "return self.rate", "return 1"),
    ),
    Case(
        "a method that another reaches through self",
        "from helpers import Model\ntask = Model.__call__",
        ("helpers.py", "return self.rate", "return 1"),
    ),
    Case(
        "a class attribute",
        "from helpers import Model\ndef task(): return Model().own()",
        ("helpers.py", "rate = 0.5", "rate = 0.6"),
    ),
    Case(
        "a property",
        "from helpers import Model\ndef task(): return Model().half",
        ("helpers.py", "self.depth / 2", "self.depth / 3"),
    ),
    Case(
        "a static method",
        "from helpers import Model\ndef task(): return Model.fixed()",
        ("helpers.py", 'return "fixed"', 'return "moved"'),
    ),
    Case(
        "a default of a method",
        "from helpers import Model\ndef task(): return Model()",
        ("helpers.py", "depth=2", "depth=3"),
    ),
    Case(
        "a metaclass",
        "class M(type):\n  def __call__(cls): return 1\nclass A(metaclass=M): pass\ndef task(): return A()",
        ("flow.py", "return 1", "return 2"),
    ),
    Case(
        "a field of a dataclass",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n  a: int = 1\ndef task(): return A()",
        ("flow.py", "= 1", "= 2"),
    ),
    Case(
        "a member of an enum",
        "import enum\nclass E(enum.Enum):\n  A = 1\n  B = 2\ndef task(): return list(E)",
        ("flow.py", "B = 2", "B = 3"),
    ),
    Case(
        "a case of a singledispatch",
        "import functools\n@functools.singledispatch\ndef go(x): return 0\n@go.register\ndef _(x: int): return 1\ndef task(x): return go(x)",
        ("flow.py", "return 1", "return 2"),
    ),
    Case(
        "a context manager",
        "import contextlib\n@contextlib.contextmanager\ndef go(): yield 1\ndef task():\n  with go() as x: return x",
        ("flow.py", "yield 1", "yield 2"),
    ),
    Case(
        "mutual recursion",
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\ndef task(n): return even(n)",
        ("flow.py", "n != 0", "n > 0"),
    ),
    Case(
        "an attribute of a function",
        "def f(): pass\nf.k = 1\ndef task(): return f.k",
        ("flow.py", "f.k = 1", "f.k = 2"),
    ),
    Case(
        "a global that the task assigns itself",
        "COUNT = 1\ndef task():\n  global COUNT\n  COUNT += 1\n  return COUNT",
        ("flow.py", "COUNT = 1", "COUNT = 5"),
    ),
    Case(
        "a global that is found by a computed name",
        "def f(): return 1\ndef task(): return globals()['f']()",
        ("flow.py", "return 1", "return 2"),
    ),
    Case(
        "what is made of what is filled in later, behind an import inside",
        "def task():\n  from reg import ALL\n  return ALL",
        ("reg.py", "append(1)", "append(2)"),
        {"reg.py": "ONE = []\nALL = ONE + [0]\nALL.append(1)"},
    ),
    Case(
        "what a class body registers, behind an import inside",
        "def task():\n  from reg import ALL\n  return ALL",
        ("reg.py", "return 1", "return 2"),
        {"reg.py": "ALL = []\nclass A:\n  def go(self): return 1\n  ALL.append(go)"},
    ),
    Case(
        "what registers itself by its base class, behind an import inside",
        "def task():\n  from reg import Base\n  return Base.all",
        ("reg.py", "return 1", "return 2"),
        {
            "reg.py": "class Base:\n  all = []\n  def __init_subclass__(cls): cls.all.append(cls)\n"
            "class A(Base):\n  def go(self): return 1"
        },
    ),
    Case(
        "a module with a __getattr__",
        "import lazy\ndef task(): return lazy.thing",
        ("lazy.py", "return 1", "return 2"),
        {"lazy.py": "def __getattr__(name): return 1"},
    ),
    Case(
        "a package that takes all names of another, at the top",
        "from pkg import *\ndef task(): return f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "from .sub import *", "pkg/sub.py": "def f(): return 1"},
    ),
    Case("import inside", "def task(x):\n  import helpers\n  return helpers.norm(x)", NORM),
    Case("import from inside", "def task(x):\n  from helpers import norm as n\n  return n(x)", NORM),
    Case(
        "a constant behind an import inside",
        "def task(x):\n  from helpers import norm\n  return norm(x)",
        SCALE,
    ),
    Case(
        "import of a module inside, by its name",
        "import importlib\ndef task(x):\n  return importlib.import_module('helpers').norm(x)",
        NORM,
    ),
    Case(
        "import inside an inner function",
        "def task(x):\n  def f():\n    import helpers\n    return helpers.norm(x)\n  return f()",
        NORM,
    ),
    Case(
        "import around an inner function",
        "def task(x):\n  import helpers\n  return [helpers.norm(y) for y in x]",
        NORM,
    ),
    Case(
        "import inside of a package",
        "def task():\n  import pkg.sub\n  return pkg.sub.f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "", "pkg/sub.py": "def f(): return 1"},
    ),
    Case(
        "import inside as",
        "def task():\n  import pkg.sub as s\n  return s.f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "", "pkg/sub.py": "def f(): return 1"},
    ),
    Case(
        "relative import inside",
        "from pkg.main import task",
        ("pkg/sub.py", "return 1", "return 2"),
        {
            "pkg/__init__.py": "",
            "pkg/sub.py": "def f(): return 1",
            "pkg/main.py": "def task():\n  from .sub import f\n  return f()",
        },
    ),
    Case(
        "import inside of what a package has from elsewhere",
        "def task():\n  from pkg import f\n  return f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "from .sub import f", "pkg/sub.py": "def f(): return 1"},
    ),
    Case(
        "import inside through a star",
        "def task():\n  from pkg import f\n  return f()",
        ("pkg/sub.py", "return 1", "return 2"),
        {"pkg/__init__.py": "from .sub import *", "pkg/sub.py": "def f(): return 1"},
    ),
    Case(
        "import inside of a module that is used as a value",
        "def task(n):\n  import helpers\n  return getattr(helpers, n)",
        NORM,
    ),
    Case("import inside for its effect", "def task():\n  import helpers", NORM),
    Case(
        "what registers itself, behind an import inside",
        "def task():\n  from reg import ALL\n  return ALL",
        ("reg.py", "return 1", "return 2"),
        {"reg.py": "ALL = []\ndef register(f): ALL.append(f)\n@register\ndef handler(): return 1"},
    ),
    Case(
        "what is filled in, behind an import inside",
        "def task():\n  from reg import ALL\n  return ALL",
        ("reg.py", "return 1", "return 2"),
        {"reg.py": "ALL = {}\ndef handler(): return 1\nALL['a'] = handler"},
    ),
    Case(
        "a method behind an import inside",
        "def task():\n  from helpers import Model\n  return Model()()",
        ("helpers.py", "return self.rate", "return 1"),
    ),
    Case(
        "what depends_on names",
        "from helpers import norm\nDEPENDS = (norm, 'mark 1')\ndef task(): pass",
        NORM,
    ),
    Case("a mark in depends_on", "DEPENDS = ('mark 1',)\ndef task(): pass", ("flow.py", "mark 1", "mark 2")),
    Case(
        "a file in depends_on",
        "import pathlib\nDEPENDS = (pathlib.Path(__file__).parent / 'data.txt',)\ndef task(): pass",
        ("data.txt", "one", "two"),
        {"data.txt": "one"},
    ),
    Case(
        "a task of flowkit",
        "from flowkit import task as t\nfrom helpers import norm\n@t\ndef task(x): return norm(x)",
        NORM,
    ),
    Case(
        "a task class",
        "from flowkit import Task\nfrom helpers import norm\nclass T(Task):\n  def run(self, x): return norm(x)\ntask = T()",
        NORM,
    ),
    Case(
        "an attribute of a task class",
        "from flowkit import Task\nclass T(Task):\n  def __init__(self, k):\n    self.k = k\n    super().__init__()\n  def run(self): return self.k\ntask = T(1)",
        ("flow.py", "T(1)", "T(2)"),
    ),
    Case(
        "another task that is run",
        "from flowkit import task as t\n@t\ndef other(): return 1\ndef task(): return other.run()",
        ("flow.py", "return 1", "return 2"),
    ),
    # -- classes that are made when a module runs
    held(
        "a class of make_dataclass",
        "import dataclasses\nV = dataclasses.make_dataclass('D', [('x', int, 1)])",
        *("int, 1", "int, 2"),
    ),
    held(
        "a method of a class of make_dataclass",
        "import dataclasses\nV = dataclasses.make_dataclass('D', ['x'], namespace={'f': lambda self: 1})",
        *("self: 1", "self: 2"),
    ),
    held(
        "an instance of a class of make_dataclass",
        "import dataclasses\nV = dataclasses.make_dataclass('D', [], namespace={'x': 1})()",
        *("'x': 1", "'x': 2"),
    ),
    held(
        "a class of new_class",
        "import types\nV = types.new_class('D', (), {}, lambda names: names.update(x=1))",
        *("x=1", "x=2"),
    ),
    held("a class of a metaclass", "import abc\nV = abc.ABCMeta('D', (), {'x': 1})", "'x': 1", "'x': 2"),
    held(
        "a class without a module",
        "names = {}\nexec('class V: x = 1', names)\nV = names['V']",
        "x = 1",
        "x = 2",
    ),
    held(
        "a class of a metaclass of enums",
        "import enum, types\nV = types.new_class('V', (enum.Enum,), {}, lambda names: names.__setitem__('A', 1))",
        *("'A', 1", "'A', 2"),
    ),
    # -- what `pickle` keeps by its name
    held(
        "the state of what is pickled by its name",
        "class A:\n  def __init__(self, k): self.k = k\n  def __reduce__(self): return 'V'\nV = A(1)",
        *("A(1)", "A(2)"),
    ),
    held(
        "a method of what is pickled by its name",
        "class A:\n  def f(self): return 1\n  def __reduce__(self): return 'V'\nV = A()",
        *("return 1", "return 2"),
    ),
    held("what a new type stands for", "import typing\nV = typing.NewType('V', int)", "int", "str"),
    # -- values that `pickle` does not describe
    held("a structure", "import struct\nV = struct.Struct('<1i')", "<1i", "<2i"),
    held("the keys of a dict", "V = {'a1': 1}.keys()", "a1", "a2"),
    held("the values of a dict", "V = {'a': 1}.values()", "1", "2"),
    held("the items of a dict", "V = {'a': 1}.items()", "1", "2"),
    held("a function in the values of a dict", "V = {'a': lambda: 1}.values()", "1", "2"),
    held(
        "the items of a dict that has an order",
        "import collections\nV = collections.OrderedDict(a=1).items()",
        *("a=1", "a=2"),
    ),
    held("a cell", "import types\nV = types.CellType(1)", "(1)", "(2)"),
    held("what a pattern found", "import re\nV = re.match('a|ab', 'ab1')", "ab1", "ab2"),
    held("where a pattern found it", "import re\nV = re.search('a.?', 'abc')", "a.?", "a.."),
    held(
        "the default of a context variable",
        "from contextvars import ContextVar\nV = ContextVar('v', default=1)",
        *("default=1", "default=2"),
    ),
    held(
        "a function that is the default of a context variable",
        "from contextvars import ContextVar\nV = ContextVar('v', default=lambda: 1)",
        *("lambda: 1", "lambda: 2"),
    ),
    held("what is repeated", "import itertools\nV = itertools.repeat(1)", "(1)", "(2)"),
    held("how often it is repeated", "import itertools\nV = itertools.repeat(0, 1)", "0, 1", "0, 2"),
    held("where a count begins", "import itertools\nV = itertools.count(1)", "(1)", "(2)"),
    held("how a count goes on", "import itertools\nV = itertools.count(0, 1)", "0, 1", "0, 2"),
    held("what is gone through in a circle", "import itertools\nV = itertools.cycle([1])", "[1]", "[2]"),
    held("a chain", "import itertools\nV = itertools.chain([0], [1])", "[1]", "[2]"),
    held(
        "a function that is mapped, in a chain",
        "import itertools\nV = itertools.chain(map(lambda x: x + 1, [0]))",
        *("x + 1", "x + 2"),
    ),
]

SAME = [
    Case("a comment", "def task(x):\n    # why\n    return x", ("flow.py", "# why", "# because")),
    Case("blank lines", "def task(x):\n    y = x\n    return y", ("flow.py", "return y", "\n\n    return y")),
    Case("its docstring", 'def task(x):\n    """One."""\n    return x', ("flow.py", "One.", "Two.")),
    Case(
        "no docstring any more",
        'def task(x):\n    """One."""\n    return x',
        ("flow.py", '    """One."""\n', ""),
    ),
    Case("its annotations", "def task(x: int) -> int: return x", ("flow.py", ": int) -> int", ": str)")),
    Case("its place", "\n\ndef task(x): return x", ("flow.py", "\n\ndef", "A = 1\n\n\n\n\ndef")),
    Case(
        "a local variable's name",
        "def task(x):\n    a = x\n    b = a\n    return b",
        ("flow.py", "a = x\n    b = a\n    return b", "z = x\n    y = z\n    return y"),
    ),
    Case(
        "a local of a comprehension",
        "def task(x): return [i for i in x if i]",
        ("flow.py", "[i for i in x if i]", "[z for z in x if z]"),
    ),
    Case(
        "a variable that inner functions share",
        "def task(x):\n    a = x\n    z = 1\n    def f(): return a + z\n    return f",
        (
            "flow.py",
            "a = x\n    z = 1\n    def f(): return a + z",
            "y = x\n    b = 1\n    def f(): return y + b",
        ),
    ),
    Case(
        "a parameter that inner functions share, and a variable",
        "def task(m):\n    a = m\n    def f(): return a + m\n    return f",
        ("flow.py", "a = m\n    def f(): return a + m", "z = m\n    def f(): return z + m"),
    ),
    Case(
        "an inner function's name",
        "def task(x):\n    def f(): return 1\n    return f",
        ("flow.py", "def f(): return 1\n    return f", "def g(): return 1\n    return g"),
    ),
    Case("its own name", "def old(): return 1\ntask = old", ("flow.py", "old", "new")),
    Case(
        "a comment in a helper",
        "from helpers import norm\ndef task(x): return norm(x)",
        ("helpers.py", "# divides", "# splits"),
    ),
    Case(
        "what nobody reaches",
        "from helpers import norm\ndef task(x): return norm(x)",
        ("helpers.py", '"unrelated"', '"other"'),
    ),
    Case(
        "what is not reached through the module",
        "import helpers\ndef task(x): return helpers.norm(x)",
        ("helpers.py", '"unrelated"', '"other"'),
    ),
    Case(
        "what an import inside does not reach",
        "def task(x):\n  from helpers import norm\n  return norm(x)",
        ("helpers.py", '"unrelated"', '"other"'),
    ),
    Case(
        "another class, behind an import inside",
        "def task(x):\n  from helpers import norm\n  return norm(x)",
        ("helpers.py", "rate = 0.5", "rate = 0.6"),
    ),
    Case(
        "a comment, behind an import inside",
        "def task(x):\n  from helpers import norm\n  return norm(x)",
        ("helpers.py", "# divides", "# splits"),
    ),
    Case("an unused import", "def task(x): return x", ("flow.py", "def", "import json\ndef")),
    Case(
        "a lock's place",
        "import threading\nL = threading.Lock()\ndef task():\n  with L: return 1",
        ("flow.py", "L = ", "\nL = "),
    ),
    Case(
        "a task's policy",
        "from flowkit import task as t\n@t(max_retries=1, retry_delay=1)\ndef task(x): return x",
        ("flow.py", "max_retries=1", "max_retries=2"),
    ),
    Case(
        "the text of an import in a class of types",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a\ndef task(x: 'a.B'): return x",
        ("flow.py", "  import a", "  import b as a"),
    ),
]
