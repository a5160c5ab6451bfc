"""The keys under which results are found again: what a task runs, and what it is given, by content.

A key is a digest of the task's code and of its arguments in the order of their names. Guarantees: the same in
another process, and under another hash seed; a change of what it is made of is another version.
"""

from __future__ import annotations

import hmac
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from flowkit.engine.context import CURRENT
from flowkit.engine.mask import MASK
from flowkit.fingerprint import Code, Tracer, UndigestibleError, combine, digest
from flowkit.fingerprint.plain import LEAVES, raw, text
from flowkit.flow.validators import CacheFor
from flowkit.plan.plan import Plan

VERSION = 1

Inputs = list[tuple[str, str, str]]


class Keys:
    """The keys of the calls of a plan.

    Args:
        codes: of each node that has a cache.
        tracer: that found them; it knows the root of the project, and the code of classes of values.
        secret: this user's own key. With it are made the digests of arguments in which a secret is: who has
            the history, and not the key, cannot try which it was.
    """

    def __init__(self, plan: Plan, codes: Mapping[int, Code], tracer: Tracer, secret: bytes = b"") -> None:
        self._plan = plan
        self._codes = codes
        self.tracer = tracer
        self._secret = secret
        self._beginnings: dict[bytes, bytes] = {}
        self._orders: dict[tuple[str, ...], list[tuple[int, bytes]]] = {}

    def of(self, node: int, arguments: Mapping[str, Any]) -> bytes | None:
        """The key of a call; None where an argument has no digest, so that its result cannot be found.

        Raises:
            Exception: whatever the user's own function for a key raises.
        """
        cache = self._plan.tasks[node].keeping.cache
        try:
            if isinstance(cache, CacheFor):
                token = self._digest(cache.part(arguments, parameters_here))
                return self._hashed(self._beginning(node) + token, arguments.values())
            if cache is not True and callable(cache):
                token = self._digest(cache(dict(arguments)))
                return self._hashed(self._beginning(node) + token, arguments.values())
            return self._key(node, tuple(arguments), list(arguments.values()), self._digest)
        except UndigestibleError:
            return None

    def of_leaves(self, node: int, values: Sequence[Any]) -> bytes | None:
        """The key of a call by position, where that takes no code of the user's; None: ask `of`."""
        task = self._plan.tasks[node]
        cache = task.keeping.cache
        if cache is not True and (callable(cache) or isinstance(cache, CacheFor)):
            return None
        return self._key(node, self._plan.names[node] or task._signature.names[: len(values)], values, None)

    def _key(
        self,
        node: int,
        names: tuple[str, ...],
        values: Sequence[Any],
        digest_of: Callable[[Any], bytes] | None,
    ) -> bytes | None:
        tokens = [self._beginning(node)]
        for place, token in self._orders.get(names) or self._order(names):
            value = values[place]
            leaf = LEAVES.get(type(value))
            if leaf is not None:
                tokens += (token, leaf(value))
            elif digest_of is not None:
                tokens += (token, raw(digest_of(value)))
            else:
                return None
        return self._hashed(b"".join(tokens), values)

    def _hashed(self, tokens: bytes, values: Iterable[Any]) -> bytes:
        """The key that tokens make; with this user's own where a secret is among the values.

        Raises:
            UndigestibleError: there is a secret and no such key.
        """
        if MASK and any(map(_hides, values)):
            if not self._secret:
                raise UndigestibleError("an argument", str, "it holds a secret, and this user has no key")
            return hmac.digest(self._secret, tokens, "sha256")
        return sha256(tokens).digest()

    def code(self, node: int) -> bytes:
        """The digest of a task's code."""
        return self._codes[node].digest

    def inputs(self, node: int, arguments: Mapping[str, Any]) -> Inputs:
        """Name, digest and upstream of each argument: what a key is made of, for people.

        One without a digest, which a key by the user's own function may leave out, has "".
        """
        return [
            (name, self._told(value), self.source(node, name)) for name, value in sorted(arguments.items())
        ]

    def _told(self, value: Any) -> str:
        try:
            found = self._digest(value)
            return (hmac.digest(self._secret, found, "sha256") if MASK and _hides(value) else found).hex()
        except UndigestibleError:
            return ""

    def _digest(self, value: Any) -> bytes:
        return digest(value, tracer=self.tracer)

    def _beginning(self, node: int) -> bytes:
        """What all calls of a task share."""
        task = self._plan.tasks[node]
        if isinstance(task.keeping.cache, str):  # by inputs: nothing but its name tells it from others
            run = task.run
            name = f"{task.name} {getattr(run, '__module__', '')}.{getattr(run, '__qualname__', type(task))}"
            return combine(f"{VERSION} {name}".encode(), b"")
        if isinstance(task.keeping.cache, CacheFor) and task.keeping.cache.key is not None:
            return combine(f"{VERSION} {task.keeping.cache.key}".encode(), b"")
        code = self._codes[node].digest
        found = self._beginnings.get(code)
        if found is None:
            found = self._beginnings[code] = combine(f"{VERSION} ".encode(), code)
        return found

    def _order(self, names: tuple[str, ...]) -> list[tuple[int, bytes]]:
        """The places of arguments in the order in which they are part of a key, with the tokens of their
        names."""
        found = self._orders[names] = [(names.index(name), text(name)) for name in sorted(names)]
        return found

    def source(self, node: int, argument: str) -> str:
        """The key of the task that an argument comes from, or ""."""
        plan = self._plan
        for each in plan.arguments.get(node, ()):
            if each.name == argument:
                return plan.keys[each.source]
        names = plan.names[node] or plan.tasks[node]._signature.names
        for found, ref in zip(names, plan.refs[node], strict=False):
            if found == argument and ref < plan.size:
                return plan.keys[ref]
        return ""


def _hides(value: Any) -> bool:
    """Whether a secret that is known is in a value."""
    if isinstance(value, str | bytes):
        return MASK.holds(value)
    try:
        return MASK.holds(pickle.dumps(value))
    except Exception:  # what cannot be pickled is no argument that is looked into
        return MASK.holds(str(value))


def parameters_here() -> Mapping[str, Any]:
    """Those of the run whose call asks."""
    current = CURRENT.get()
    return current[0].parameters if current is not None else {}
