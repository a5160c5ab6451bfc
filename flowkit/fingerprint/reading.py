"""Code objects, read once each, and the places where they stand."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

from flowkit.fingerprint import instructions
from flowkit.fingerprint.encoding import Encoder
from flowkit.fingerprint.places import Places
from flowkit.fingerprint.uses import Uses, uses


class Reading:
    """What code objects do and refer to.

    Args:
        root: the folder that places are relative to.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.places = Places(root)
        self._bodies: dict[int, instructions.Body] = {}
        self._shapes: dict[int, tuple[bytes, tuple[str, ...]]] = {}
        self._uses: dict[int, Uses] = {}

    def shape(self, code: CodeType) -> tuple[bytes, tuple[str, ...]]:
        """The digest of the instructions, and the free names in the order of their use."""
        known = self._shapes.get(id(code))
        if known is None:
            known = self._shapes[id(code)] = instructions.shape(code, Encoder().token, self._body)
        return known

    def uses(self, code: CodeType) -> Uses:
        """What the code refers to by name."""
        known = self._uses.get(id(code))
        if known is None:
            known = self._uses[id(code)] = uses(code, self._body)
        return known

    def _body(self, code: CodeType) -> instructions.Body:
        """A body holds its code object, so that its `id` stays its own."""
        known = self._bodies.get(id(code))
        if known is None:
            known = self._bodies[id(code)] = instructions.read(code)
        return known
