"""Reads the nodes of modules that functions import when they run, from their files.

Guarantees: the answer is the same whether the module was imported before or not, for nothing is executed and
nothing live is looked at, but to notice that a function was edited after its import: then what runs counts.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from flowkit.fingerprint import files, finding, origin, sources
from flowkit.fingerprint.nodes import Binary, Node, Package, Standing, Taken
from flowkit.fingerprint.origin import Origin
from flowkit.fingerprint.plain import composite, text
from flowkit.fingerprint.reading import Reading
from flowkit.fingerprint.slices import Slices
from flowkit.fingerprint.sources import Source, Statement
from flowkit.fingerprint.uses import Import, Name, Unknown, Use


class Statics:
    """Makes nodes of what stands in files.

    Args:
        reading: reads code objects, and knows the places.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._sources: dict[str, Source | None] = {}
        self._cuts: dict[str, Slices] = {}

    def taken(self, target: Taken) -> Node:
        """What is taken of a module: a way to its statements, or to where it has it from."""
        name = ".".join((target.module, *target.path))
        found = finding.spec(target.module)
        if found is None:
            return self._unfound(target, name)
        whose = _origin(found)
        if whose is not Origin.PROJECT:
            package = [Package(target.module.partition(".")[0])] if whose is Origin.INSTALLED else []
            return Node("", name, digest=composite(b"taken", text(name)), targets=package)
        targets = list(self._targets(target, found))
        return Node("", name, digest=composite(b"taken", text(name)), targets=targets)

    def _unfound(self, target: Taken, name: str) -> Node:
        """A module that cannot be found counts as such; one that was made by hand, as it is."""
        live = sys.modules.get(target.module)
        targets = [live] if live is not None else []
        return Node("", name, digest=composite(b"unfound", text(name)), targets=targets)

    def _targets(self, target: Taken, found: ModuleSpec) -> Iterator[Any]:
        source = self._source(target.module)
        if source is None:
            yield from self._without_source(target, found)
        elif not target.path or not (source.has(target.path[0]) or self._elsewhere(target, source)):
            yield from self._whole(target.module, source)
        else:
            yield from self._part(target, source)

    def _part(self, target: Taken, source: Source) -> Iterator[Any]:
        name, rest = target.path[0], target.path[1:]
        effects = self._slices(target.module, source).effects_on(name)
        numbers = {*source.binding.get(name, ()), *effects}
        yield from (Standing(target.module, number) for number in sorted(numbers))
        for each in source.imports.get(name, ()):
            yield self._imported(target.module, each, rest)
        if not source.has(name):
            yield from self._elsewhere(target, source)

    def _slices(self, module: str, source: Source) -> Slices:
        known = self._cuts.get(module)
        if known is None:

            def loads(number: int) -> list[str]:
                uses = self._reading.uses(source.statements[number].code)
                return [use.name for use in uses.names if isinstance(use, Name)]

            def is_library(name: str) -> bool:
                taken = [self._imported(module, each, ()).module for each in source.imports.get(name, ())]
                specs = [finding.spec(each) for each in taken]
                return bool(specs) and all(each and _origin(each) is not Origin.PROJECT for each in specs)

            known = self._cuts[module] = Slices(source, loads, is_library)
        return known

    def _elsewhere(self, target: Taken, source: Source) -> list[Taken]:
        """Where a name comes from that the module does not bind: a module below, or `import *`."""
        below = f"{target.module}.{target.path[0]}"
        if finding.folders(target.module) is not None and finding.spec(below) is not None:
            return [Taken(below, target.path[1:])]
        stars = [self._imported(target.module, each, target.path) for each in source.stars]
        return [star for star in stars if self._gives(star, {target.module})]

    def _gives(self, star: Taken, seen: set[str]) -> bool:
        """Whether a module has a name, itself or by an `import *` of its own."""
        source = self._source(star.module) if star.module not in seen else None
        if source is None:
            return star.module not in seen
        inner = (self._imported(star.module, each, star.path) for each in source.stars)
        return source.has(star.path[0]) or any(self._gives(each, seen | {star.module}) for each in inner)

    def _whole(self, module: str, source: Source) -> Iterator[Any]:
        yield from (Standing(module, number) for number in range(len(source.statements)))
        for name in sorted(source.imports):
            yield from (self._imported(module, each, ()) for each in source.imports[name])
        yield from (self._imported(module, each, ()) for each in source.stars)

    def _imported(self, module: str, what: Import, rest: tuple[str, ...]) -> Taken:
        package = module if finding.folders(module) is not None else module.rpartition(".")[0]
        return Taken(finding.absolute(what.module, what.level, package), what.path + rest)

    def _without_source(self, target: Taken, found: ModuleSpec) -> Iterator[Any]:
        """A package without a file is a way to the modules below; compiled code counts by its bytes."""
        if found.origin and found.has_location:
            yield Binary(target.module, found.origin)
        elif target.path:
            yield Taken(f"{target.module}.{target.path[0]}", target.path[1:])

    def _source(self, module: str) -> Source | None:
        if module not in self._sources:
            self._sources[module] = _parsed(module)
        return self._sources[module]

    # -- statements ----------------------------------------------------------------------------

    def standing(self, target: Standing) -> Node:
        """A statement of a module, with what it refers to."""
        source = self._source(target.module)
        assert source is not None
        statement = source.statements[target.number]
        uses = self._reading.uses(statement.code)
        targets = [self._used(target.module, source, use) for use in uses.names]
        unknown = any(isinstance(use, Unknown) for use in uses.names)
        name = (
            origin.full_name(target.module, statement.name) if statement.name else origin.said(target.module)
        )
        return Node(
            statement.kind,
            name,
            self._place(target.module, statement),
            composite(
                statement.kind.encode(), self._reading.shape(statement.code)[0], self._live(target, statement)
            ),
            [each for each in dict.fromkeys(targets) if each is not None],
            (f"{name} imports a module whose name is computed",) if unknown else (),
        )

    def _used(self, module: str, source: Source, use: Use) -> Taken | None:
        if isinstance(use, Unknown):
            return None
        if isinstance(use, Import):
            return self._imported(module, use, ())
        target = Taken(module, (use.name, *use.path))
        if source.has(use.name):
            return target
        if hasattr(builtins, use.name) or not self._elsewhere(target, source):
            return None
        return target

    def _live(self, target: Standing, statement: Statement) -> bytes:
        """The instructions of the function in this process, where they are not those in the file."""
        live = finding.said(target.module, statement.name)
        stands = [each for each in statement.code.co_consts if isinstance(each, CodeType)]
        if not isinstance(live, FunctionType) or not stands or stands[0].co_name != live.__code__.co_name:
            return b""
        runs = self._reading.shape(live.__code__)[0]
        return b"" if runs == self._reading.shape(stands[0])[0] else runs

    def _place(self, module: str, statement: Statement) -> str:
        found = finding.spec(module)
        return self._reading.places.at(found.origin if found else None, statement.line)

    # -- what is no Python of the project -----------------------------------------------------

    def binary(self, target: Binary) -> Node:
        """A compiled module of the project, by its file."""
        content = files.content(Path(target.file))
        place = self._reading.places.at(target.file, 0)
        return Node("file", origin.said(target.module), place, composite(b"binary", content))


def _origin(found: ModuleSpec) -> Origin:
    if found.origin in ("built-in", "frozen"):
        return Origin.STANDARD
    where = found.origin if found.has_location else next(iter(found.submodule_search_locations or ()), "")
    return origin.of_file(str(where) + ("" if found.has_location else "/"))


def _parsed(module: str) -> Source | None:
    found = finding.source(module)
    try:
        return sources.parse(found) if found is not None else None
    except (SyntaxError, ValueError):
        return None
