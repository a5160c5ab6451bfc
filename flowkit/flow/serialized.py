"""A task, an edge and a flow as documents of JSON: what they are, never what they compute.

Source of the keys: Prefect classic, 3.22. A document depends on the flow alone, neither on the process nor on
the order in which tasks were added, so that its hash tells whether a flow has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from flowkit.flow.edge import Edge
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow

Document = dict[str, Any]


def task_document(task: Task, slug: str | None = None) -> Document:
    """A task by its policy and the types that it takes and gives."""
    if isinstance(task, Parameter):
        return _common(task, slug) | {
            "required": task.required,
            "default": None if task.secret else _plain(task.default),
        }
    return _common(task, slug) | {
        "inputs": {
            name: {"required": each["required"], "type": _type(each["type"])}
            for name, each in task.inputs().items()
        },
        "trigger": _named(task.trigger),
        "max_retries": task.max_retries,
        "retry_delay": _plain(task.retry_delay),
        "timeout": task.timeout,
        "skip_on_upstream_skip": task.skip_on_upstream_skip,
        "cache_for": _plain(task.keeping.cache_for),
        "cache_key": task.keeping.cache_key,
        "cache_validator": _named(task.keeping.cache_validator),
        "auto_generated": task.auto_generated,
    }


def _common(task: Task, slug: str | None) -> Document:
    return {
        "type": _kind(task),
        "name": task.name,
        "slug": slug if slug is not None else task.slug,
        "tags": sorted(task.tags),
        "outputs": _type(task.outputs()),
    }


def edge_document(edge: Edge, slugs: Mapping[Task, str]) -> Document:
    """An edge by the slugs of its ends."""
    return {
        "upstream_task": {"slug": slugs.get(edge.upstream, edge.upstream.slug)},
        "downstream_task": {"slug": slugs.get(edge.downstream, edge.downstream.slug)},
        "key": edge.key,
        "mapped": edge.mapped,
        "flattened": edge.flattened,
    }


def flow_document(flow: Flow) -> Document:
    """A flow by its tasks, edges and options.

    Raises:
        DefinitionError: a cycle.
    """
    flow.validate()
    slugs = flow.slugs
    tasks = sorted(flow.tasks, key=slugs.__getitem__)
    edges = [edge_document(edge, slugs) for edge in flow.edges]
    return {
        "name": flow.name,
        "type": _kind(flow),
        "schedule": _option(flow.schedule),
        "parameters": [task_document(each, slugs[each]) for each in tasks if isinstance(each, Parameter)],
        "tasks": [task_document(each, slugs[each]) for each in tasks],
        "edges": sorted(edges, key=lambda edge: json.dumps(edge, sort_keys=True)),
        "reference_tasks": sorted([{"slug": slugs[each]} for each in flow._references], key=str),
        "environment": _option(flow.environment),
        "run_config": _option(flow.run_config),
        "storage": _option(flow.storage),
    }


def flow_hash(flow: Flow) -> str:
    """The SHA-256 of a flow's document."""
    return hashlib.sha256(json.dumps(flow_document(flow), sort_keys=True).encode()).hexdigest()


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else repr(annotation)


def _named(function: Any) -> Any:
    """A function by where it is defined; a name as it is."""
    if function is None or isinstance(function, str):
        return function
    name = getattr(function, "__qualname__", None)
    return f"{function.__module__}.{name}" if name else _kind(function)


def _plain(value: Any) -> Any:
    """A value that JSON has, a time in seconds, a list of those; anything else by its type."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return _named(value) if callable(value) else _kind(value)


def _option(value: Any) -> Any:
    """What a flow was given, by its type and its plain attributes."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    shown = {name: each for name, each in getattr(value, "__dict__", {}).items() if name[:1] != "_"}
    return {"type": type(value).__name__, **_plain(shown)}
