"""What surrounds a task call while a flow is written: the flow, the open blocks, the tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from flowkit.errors import CallError

if TYPE_CHECKING:
    from flowkit.flow.apply import Mapping
    from flowkit.flow.control import case
    from flowkit.flow.edge import Gate
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


class Ambient(NamedTuple):
    """What is open: the innermost of each kind of block, and all gates and tags.

    Attributes:
        flow: that of `with Flow(...)`.
        gates: those of the open `case` blocks.
        tags: those of `with tags(...)`.
        case: the innermost `case`.
        resource: the same of the innermost resource manager.
        made: the tasks that were made in that `with Flow(...)`, not counting calls; None where no one asks.
        mapping: that of the `apply_map` whose function is running.
    """

    flow: Flow | None = None
    gates: tuple[Gate, ...] = ()
    tags: frozenset[str] = frozenset()
    made: dict[Task, None] | None = None
    case: case | None = None
    resource: list[Task] | None = None
    mapping: Mapping | None = None


_AMBIENT: ContextVar[Ambient] = ContextVar("flowkit_ambient", default=Ambient())  # noqa: B039
current = _AMBIENT.get


@contextmanager
def entered(ambient: Ambient) -> Iterator[None]:
    """Make `ambient` the current one inside the block."""
    token = _AMBIENT.set(ambient)
    try:
        yield
    finally:
        _AMBIENT.reset(token)


@contextmanager
def tags(*names: str) -> Iterator[None]:
    """Add these tags to every task that is called inside the block."""
    ambient = current()
    with entered(ambient._replace(tags=ambient.tags | frozenset(names))):
        yield


def flow_for(task_name: str, flow: Flow | None = None) -> Flow:
    """The flow that a call of a task belongs to.

    Raises:
        CallError: outside `with Flow(...)`, when none is given.
    """
    found = flow if flow is not None else current().flow
    if found is None:
        raise CallError(
            f"the task `{task_name}` was called outside of a flow",
            hints=(
                f"to call its function, use `{task_name}.run(...)`",
                'to add it to a flow, call it inside `with Flow("name") as flow:` or a `@flow` function',
            ),
        )
    return found
