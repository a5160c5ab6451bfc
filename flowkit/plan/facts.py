"""The few facts about a value that others are decided by: how long it is, and what it equals.

They are found out where the value is, outside of any lock, as they call the user's code
(`__len__`, `__eq__`); a value whose code raises has no length, and a comparison that raises is BROKEN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowkit.plan.events import BROKEN, OPEN, SHUT, Detail, Row
from flowkit.plan.plan import Needs, Plan
from flowkit.plan.status import SKIPPED, SUCCESS


def detail_of(needs: Needs, value: Any, *, child: bool) -> Detail:
    """What must be known of a value.

    Args:
        child: whether it is the value of a child of a mapped task: flattened, its own elements
            count then, and not the elements of those.
    """
    flat = -1
    if needs.flat:
        found = elements(value) if child or length(value) >= 0 else None
        if found is not None:
            flat = len(found) if child else len(flattened(found))
    return Detail(
        length=length(value) if needs.length and not child else -1,
        flat=flat,
        matches=tuple([_match(value, expected) for expected in needs.expected]),
    )


def detail_of_end(needs: Needs | None, status: int, value: Any, *, child: bool) -> Detail | None:
    """What must be known of how an attempt ended."""
    if needs is None:
        return None
    return skipped_itself(needs) if status == SKIPPED else detail_of(needs, value, child=child)


def skipped_itself(needs: Needs) -> Detail:
    """What must be known of an attempt that asked to be skipped: the gates that look at it are shut."""
    return Detail(matches=(SHUT,) * len(needs.expected))


def length(value: Any) -> int:
    """How many children a task that is mapped over a value has; -1 where it cannot be mapped over.

    Source of the rule: Prefect classic, 6.3: it has `len()` and `[index]`. A dict has no order of its own.
    """
    if isinstance(value, Mapping) or not hasattr(type(value), "__getitem__"):
        return -1
    try:
        return len(value)
    except Exception:
        return -1


def elements(value: Any) -> list[Any] | None:
    """The elements of a value with a length; None for what has none (a generator is not used up)."""
    try:
        len(value)
        return list(value)
    except Exception:
        return None


def flattened(values: list[Any]) -> list[Any]:
    """The elements of the elements of a value; where one of them has none, the elements as they are.

    Source of the rule: Prefect classic, as it was seen to be.
    """
    found = [elements(value) for value in values]
    if any(inner is None for inner in found):
        return values
    return [item for inner in found for item in inner or ()]


def flattened_children(values: Iterable[Any]) -> list[Any]:
    """The elements of the values of children; a value that has none is passed on as it is."""
    return list(_spread(values))


def _spread(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        found = elements(value)
        if found is None:
            yield value
        else:
            yield from found


def _match(value: Any, expected: Any) -> int:
    try:
        return OPEN if value is expected or bool(value == expected) else SHUT
    except Exception:
        return BROKEN


def known_rows(plan: Plan, parameters: Mapping[str, Any]) -> Iterator[tuple[Row, Any]]:
    """The ends that are known before a run, with their values: constants, and these parameters."""
    values = dict(plan.known)
    values.update((node, parameters[name]) for name, node in plan.parameters.items() if name in parameters)
    for node, value in values.items():
        needs = plan.needs.get(node)
        detail = detail_of(needs, value, child=False) if needs else None
        yield (node, -1, 1, SUCCESS, 0.0, 0.0, None, detail), value
