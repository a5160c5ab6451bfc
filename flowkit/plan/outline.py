"""The outline of a plan: what of it is remembered, so that another run, in another process, can be compared.

It says of each node its key, which code it runs and what its arguments come from, in columns, as JSON; made
without looking at each node where that can be avoided. Values are in it as digests, never themselves.

Source of the rule: two tasks of one name have keys by position (`clean-2`), so that what is the same task is
found by fingerprint first, which knows no position, and by key then (docs/semantics.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from flowkit.fingerprint import Code, UndigestibleError, digest
from flowkit.flow.structure import Constant
from flowkit.flow.task import FunctionTask, Task
from flowkit.plan.plan import Plan

VERSION = 1
_PLAIN = (int, float, bool, type(None))
_LONG = 2000  # bits up to which an `int` is always text; see `sys.set_int_max_str_digits`

Outline = dict[str, Any]


def outline_of(plan: Plan, code_of: Callable[[Task], Code]) -> tuple[Outline, list[Code]]:
    """The outline of a plan, and the code that its tasks run, each once.

    Args:
        code_of: finds the code of a task out.
    """
    codes: list[Code] = []
    numbers: dict[Any, int] = {}
    of_node, signatures = [], []
    for mark, task in zip(map(_mark, plan.tasks), plan.tasks, strict=True):
        number = numbers.get(mark)
        if number is None:
            number = numbers[mark] = len(codes)
            codes.append(code_of(task))
            signatures.append(task._signature.names)
        of_node.append(number)
    return {
        "version": VERSION,
        "keys": plan.keys,
        "codes": [code.digest.hex() for code in codes],
        "code": of_node,
        "positional": signatures,
        "refs": plan.refs,
        "names": {node: names for node, names in enumerate(plan.names) if names is not None},
        "upstreams": plan.upstreams,
        "arguments": {node: [list(each) for each in some] for node, some in plan.arguments.items()},
        "gates": {node: _gates(plan, node) for node in plan.gates},
        "constants": [_constant(value) for value in plan.constants],
        "known": {node: _constant(plan.tasks[node].value) for node in _constants(plan)},
        "parameters": plan.parameters,
        "mapped": sorted(plan.groups),
        "hidden": _hidden(plan),
        "unkept": sorted(plan.unkept),
        "again": sorted(plan.again),
        "cached": sorted(plan.cached),
        "keyed": _key_functions(plan),
    }, codes


def _key_functions(plan: Plan) -> dict[int, str]:
    """What the user's own functions are called that give the keys of tasks."""
    own = [(node, cache) for node in sorted(plan.cached) if callable(cache := plan.tasks[node].keeping.cache)]
    return {node: str(getattr(cache, "__name__", type(cache).__name__)) for node, cache in own}


def _mark(task: Task) -> Any:
    """What tasks share that run the same code: a function, or a class without attributes of its own."""
    if type(task) is FunctionTask:
        return (id(task.run), id(task.keeping))  # both live as long as the task
    own = any(slot != "value" for cls in type(task).__mro__[: -len(Task.__mro__)] for slot in _slots(cls))
    return task if own or getattr(task, "__dict__", None) else type(task)


def _slots(cls: type) -> Sequence[str]:
    found: Sequence[str] = cls.__dict__.get("__slots__", ())
    return found


def written(outline: Outline) -> tuple[bytes, bytes]:
    """Digest and bytes of an outline."""
    text = json.dumps(outline, separators=(",", ":")).encode()
    return blake2b(text, digest_size=16).digest(), text


def restored(document: Mapping[str, Any]) -> Outline:
    """An outline that was read as JSON, where the keys of its tables are text: numbers again."""
    tables = {name: document.get(name, {}) for name in ("names", "arguments", "gates", "known", "keyed")}
    numbers = {name: {int(node): value for node, value in table.items()} for name, table in tables.items()}
    return {**document, **numbers}


def fingerprints(outline: Outline, parameters: Mapping[str, str]) -> list[bytes]:
    """What each task of a run is made of: its code, and what its arguments come from, all the way up.

    Args:
        parameters: the digest of each parameter's value.
    """
    found: list[bytes] = [b""] * len(outline["keys"])
    names = {node: name for name, node in outline["parameters"].items()}
    for node in outline_order(outline):
        hashed = blake2b(digest_size=16)
        for part in _parts(outline, node, found, names, parameters):
            hashed.update(len(part).to_bytes(4, "big"))
            hashed.update(part)
        found[node] = hashed.digest()
    return found


def ids_of(outline: Outline) -> Sequence[int]:
    """The number that each node has in the rows of its run: its own, unless the flow changed meanwhile."""
    ids: Sequence[int] = outline.get("ids") or range(size_of(outline))
    return ids


def key_of(outline: Outline, node: int) -> str:
    """The key of a node."""
    key: str = outline["keys"][ids_of(outline)[node]]
    return key


def continued(old: Outline, new: Outline, matches: Mapping[int, int]) -> Outline:
    """The new outline of a run that began with an old one: what is the same task keeps its number in the
    rows that are there, what is new gets one that was never used, what is gone keeps its key.

    `carried` has the numbers of what is gone and only carried values.

    Args:
        matches: for nodes of the new outline, the node of the old one that is the same task.
    """
    numbers, keys = ids_of(old), list(old["keys"])
    ids = []
    for node, key in enumerate(new["keys"]):
        if node in matches:
            number = numbers[matches[node]]
            keys[number] = key
        else:
            number = len(keys)
            keys.append(key)
        ids.append(number)
    carried = {numbers[node] for node in old["hidden"]} | set(old.get("carried", ()))
    return {**new, "keys": keys, "ids": ids, "carried": sorted(carried.difference(ids))}


def size_of(outline: Outline) -> int:
    """How many nodes it has."""
    return len(outline["code"])


def _parts(
    outline: Outline,
    node: int,
    found: list[bytes],
    names: Mapping[int, str],
    parameters: Mapping[str, str],
) -> Iterator[bytes]:
    if node in names:
        yield f"parameter {names[node]} {parameters.get(names[node], '')}".encode()
        return
    yield outline["codes"][outline["code"][node]].encode()
    if node in outline["known"]:
        yield str(outline["known"][node]).encode()
    size = size_of(outline)
    for name, source, mode in outline["arguments"].get(node, ()):
        yield f"{name} {mode}".encode()
        yield found[source]
    for position, ref in enumerate(outline["refs"][node]):
        named = outline["names"].get(node)
        yield str(named[position] if named else position).encode()
        yield found[ref] if ref < size else str(outline["constants"][ref - size]).encode()
    for source in outline["upstreams"][node]:
        yield found[source]
    for source, expected, mapped in outline["gates"].get(node, ()):
        yield found[source]
        yield f"{expected} {mapped}".encode()


def outline_order(outline: Outline) -> list[int]:
    """The nodes, each after those that it depends on."""
    size = size_of(outline)
    gates = outline["gates"]
    waits = [0] * size
    after: list[list[int]] = [[] for _ in range(size)]
    for node in range(size):
        sources = {*outline["upstreams"][node], *(gate[0] for gate in gates.get(node, ()))}
        waits[node] = len(sources)
        for source in sources:
            after[source].append(node)
    ordered = [node for node in range(size) if not waits[node]]
    for node in ordered:  # grows as it is walked
        for follower in after[node]:
            waits[follower] -= 1
            if not waits[follower]:
                ordered.append(follower)
    return ordered


def _hidden(plan: Plan) -> list[int]:
    """As `Plan.hidden` has it, for all nodes at once."""
    marks = map(attrgetter("is_carrier"), plan.tasks)
    return sorted({node for node, mark in enumerate(marks) if mark} | set(plan.parameters.values()))


def _constants(plan: Plan) -> list[int]:
    return [node for node, task in enumerate(plan.tasks) if type(task) is Constant]


def _gates(plan: Plan, node: int) -> list[list[Any]]:
    return [
        [gate.condition, _constant(plan.needs[gate.condition].expected[gate.slot]), gate.mapped]
        for gate in plan.gates[node]
    ]


def _constant(value: Any) -> Any:
    """A value that is written in the flow: plain ones themselves, of others a digest; of files the name."""
    if type(value) in _PLAIN and (type(value) is not int or value.bit_length() <= _LONG):
        return value
    return named_digest(value)


def named_digest(value: Any) -> str:
    """The digest of a value, where a file counts by its name; of one that has none, the name of its class."""
    try:
        return digest(value, content=False).hex()
    except UndigestibleError:
        return f"<{type(value).__module__}.{type(value).__qualname__}>"
