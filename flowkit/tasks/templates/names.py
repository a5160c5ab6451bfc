"""The names that a template may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowkit.engine.context import context
from flowkit.errors import CallError


def names_for(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `flowkit.context` has where this task runs, then the arguments, which win."""
    return {name: context[name] for name in context} | dict(given)


def template_of(template: Any, task: str) -> Any:
    """The template.

    Raises:
        CallError: there is none.
    """
    if template is None:
        raise CallError(f"the task `{task}` needs a `template`")
    return template
