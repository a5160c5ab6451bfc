"""Which statements of a module a name needs.

Guarantees: those that give the name its value and, in turn, all names that these use; and those that may
change what these made: a statement that calls something, and shares with them a name whose value can be
changed in place. Literals and plain functions are not changed by who only reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowkit.fingerprint.sources import Source


class Slices:
    """The statements that names of one module need.

    Args:
        source: the module.
        loads: the names that a statement uses, by its number.
        is_library: whether a name that the module imports is no code of the project.
    """

    def __init__(
        self, source: Source, loads: Callable[[int], Iterable[str]], is_library: Callable[[str], bool]
    ) -> None:
        self._source = source
        self._loads = loads
        self._is_library = is_library
        self._reached: dict[int, frozenset[str]] = {}

    def effects_on(self, name: str) -> list[int]:
        """The statements that do not bind the name and may change what it gives all the same."""
        used = set(self._names([name]))
        left = set(self._source.effects)
        found: set[int] = set()
        while added := {number for number in left if self._touches(number, used)}:
            left -= added
            found |= added
            used.update(*(self._reach(number) for number in added))
        return sorted(found)

    def _touches(self, number: int, used: set[str]) -> bool:
        shared = self._reach(number) & used - self._source.literals
        if self._source.statements[number].name:
            shared -= self._source.plain
            return any(not self._is_library(name) for name in shared)
        return bool(shared)

    def _reach(self, number: int) -> frozenset[str]:
        known = self._reached.get(number)
        if known is None:
            known = self._reached[number] = frozenset(self._names(self._loads(number)))
        return known

    def _names(self, first: Iterable[str]) -> Iterable[str]:
        """These names of the module, and those that their statements use."""
        seen: dict[str, None] = {}
        waiting = [name for name in first if self._source.has(name)]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen[name] = None
                numbers = self._source.binding.get(name, ())
                waiting += [
                    each for number in numbers for each in self._loads(number) if self._source.has(each)
                ]
        return seen
