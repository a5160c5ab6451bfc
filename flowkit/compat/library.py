"""What Prefect classic's task library had and flowkit has not: it can be imported and put into a flow, and
says what to use instead when it is used.

Its names, modules and the arguments of its tasks are in library.txt, so that a flow with such a task has the
graph that it had.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any, NamedTuple

from flowkit.errors import UsageError
from flowkit.flow.task import _OPTIONS, Task


class Entry(NamedTuple):
    """A name of the library.

    Attributes:
        package, module: where it was, as in `aws` and `s3`; the module may be "-", for the package itself.
        arguments: of `run`; None for what is no task.
        instead: the library that does the same.
    """

    package: str
    module: str
    name: str
    arguments: tuple[str, ...] | None
    instead: str


@cache
def entries() -> Mapping[str, Mapping[str, Entry]]:
    """The names of each package."""
    found: dict[str, dict[str, Entry]] = {}
    package = instead = ""
    for line in files("flowkit.compat").joinpath("library.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            package, _, instead = line.partition(": ")
            found[package] = {}
            continue
        module, name, *arguments = line.split()
        bare = name.removeprefix("!")
        some = None if bare != name else tuple(arguments)
        found[package][bare] = Entry(package, module, bare, some, instead)
    return found


class Gone(ModuleType):
    """A module of which nothing is left: any name of it can be imported, and none be used."""

    def __init__(self, name: str, instead: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unserved(f"{_classic(self.__name__)}.{name}", self._instead)


class Unserved:
    """A name that can be imported but not used."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise unserved(self._name, self._instead)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unserved(self._name, self._instead)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise unserved(self._name, self._instead)

    def __repr__(self) -> str:
        return f"<{self._name}, which flowkit does not have>"


class _Library(ModuleType):
    """A package of the library, or one of its modules."""

    _names: Mapping[str, Entry]

    def __getattr__(self, name: str) -> Any:
        entry = self._names.get(name)
        if entry is None:
            raise AttributeError(f"module `{self.__name__}` has no attribute `{name}`")
        made = _made(entry)
        setattr(self, name, made)
        return made


def module(name: str) -> ModuleType | None:
    """A package or a module of the library, such as `aws` or `aws.s3`; None where there was none."""
    package, _, below = name.partition(".")
    names = entries().get(package)
    if names is None:
        return None
    if below:
        names = {each.name: each for each in names.values() if each.module == below}
        if not names:
            return None
    found = _Library(f"flowkit.tasks.{name}")
    found._names = names
    found.__path__ = []
    return found


def unserved(name: str, instead: str) -> UsageError:
    """The error of who uses it."""
    return UsageError(
        f"`{name}` of Prefect classic is not part of flowkit", hints=(f"use {instead} in a task of your own",)
    )


@cache
def _made(entry: Entry) -> Any:
    name = f"prefect.tasks.{entry.package}.{entry.name}"
    instead = entry.instead if "`" in entry.instead else f"`{entry.instead}`"
    if entry.arguments is None:
        return Unserved(name, instead)

    def run(self: Task, *args: Any, **kwargs: Any) -> Any:
        raise unserved(name, instead)

    parameters = [inspect.Parameter(each, _KIND, default=None) for each in ("self", *entry.arguments)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return type(entry.name, (_LibraryTask,), {"run": run, "__module__": f"flowkit.tasks.{entry.package}"})


class _LibraryTask(Task):
    """A task of the library: it has its place in the graph, and fails when it runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(**{name: value for name, value in kwargs.items() if name in {"name", *_OPTIONS}})
        self.given = (args, kwargs)  # as the script wrote it


_KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _classic(name: str) -> str:
    return name.replace("flowkit.", "prefect.", 1)
