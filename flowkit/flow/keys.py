"""Keys: what a task is called in records and on the screen."""

from __future__ import annotations

from flowkit.flow.flow import Flow
from flowkit.flow.task import Task


def keys_of(flow: Flow) -> dict[Task, str]:
    """The key of each task: its own slug, else its name, numbered from the second on (`clean-2`)."""
    taken = set(flow.wiring.taken)
    counts: dict[str, int] = {}
    found: dict[Task, str] = {}
    for task, slug in flow.slugs.items():
        if task.slug is not None:
            found[task] = slug
            continue
        name = key = task.name
        number = counts.get(name, 0) + 1
        if number > 1:
            key = slug if slug == f"{name}-{number}" else f"{name}-{number}"
        while key in taken:
            number += 1
            key = f"{name}-{number}"
        counts[name] = number
        taken.add(key)
        found[task] = key
    return found
