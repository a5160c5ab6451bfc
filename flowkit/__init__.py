"""flowkit runs workflows written in Python, from a terminal, on the machine in front of you."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowkit import homes
from flowkit.flow.ambient import tags
from flowkit.flow.control import case, ifelse, merge, switch
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.function import flow
from flowkit.flow.mapping import flatten, mapped, unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import secret
from flowkit.flow.task import Task, task

if TYPE_CHECKING:
    from flowkit.engine.context import context
    from flowkit.engine.progress import progress
    from flowkit.engine.secret import Secret
    from flowkit.flow.apply import apply_map
    from flowkit.flow.resources import resource_manager
    from flowkit.plan.retry import backoff
    from flowkit.plan.state import State
    from flowkit.project.config import config
    from flowkit.runs import FlowRunner

__version__ = "0.1.0"

__all__ = [
    "Edge",
    "Flow",
    "FlowRunner",
    "Parameter",
    "Secret",
    "Task",
    "apply_map",
    "backoff",
    "case",
    "config",
    "context",
    "flatten",
    "flow",
    "ifelse",
    "mapped",
    "merge",
    "progress",
    "resource_manager",
    "secret",
    "switch",
    "tags",
    "task",
    "unmapped",
]

homes.keep()
_below = homes.below(__name__)

# What a script that only defines flows does not need is imported when it is asked for.
_LATE = {
    "Client": "flowkit.compat.server",
    "FlowRunner": "flowkit.runs",
    "Secret": "flowkit.engine.secret",
    "apply_map": "flowkit.flow.apply",
    "backoff": "flowkit.plan.retry",
    "config": "flowkit.project.config",
    "context": "flowkit.engine.context",
    "progress": "flowkit.engine.progress",
    "resource_manager": "flowkit.flow.resources",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    return _below(name)


def _run(self: Flow, parameters: Any = None, **options: Any) -> State:
    """Run the flow; see `flowkit.runs.run_flow`."""
    from flowkit.runs.script import run_flow

    return run_flow(self, parameters, _caller=sys._getframe(1).f_globals, **options)


async def _arun(self: Flow, parameters: Any = None, **options: Any) -> State:
    """Run the flow from an asyncio program; see `flowkit.runs.run_flow_async`."""
    from flowkit.runs.script import run_flow_async

    return await run_flow_async(self, parameters, _caller=sys._getframe(1).f_globals, **options)


def _register(
    self: Flow, project_name: str | None = None, build: bool = True, labels: Any = None, **options: Any
) -> str:
    """Write the flow into the local registry, and return its name.

    Args:
        project_name, build, labels, **options: what Prefect classic told a server; taken, and not used: the
            project is the folder.

    Raises:
        UsageError: the flow is not defined at the top level of a file, or is still being written.
        RegistryError: nothing has changed then.
    """
    from flowkit.errors import UsageError
    from flowkit.flow import ambient
    from flowkit.project import loader
    from flowkit.project.registration import REGISTERED

    if ambient.current().flow is self:
        raise UsageError(
            f"`flow.register()` was called inside `with Flow(...)`, where `{self.name}` is still written",
            hints=("call it after the block",),
        )
    namespace = sys._getframe(1).f_globals
    if not loader.ignore("flow.register()"):
        _register_here(self, namespace)
    REGISTERED[self.name] = self, namespace
    return self.name


def _register_here(flow: Flow, namespace: dict[str, Any]) -> None:
    """Register a flow from a script; one of classic goes on where its flow cannot be found again."""
    import logging

    from flowkit.errors import UsageError
    from flowkit.flow import manners
    from flowkit.project.registration import register_flow

    log = logging.getLogger("flowkit")
    try:
        register_flow(flow, namespace)
    except UsageError as error:
        if not manners.classic:
            raise
        log.warning("The flow `%s` is not registered: %s.", flow.name, error.message)
    unused = [type(each).__name__ for each in (flow.storage, flow.run_config) if each is not None]
    if unused:
        log.warning(
            "%s of the flow `%s` would have been used by an agent; flowkit runs its file, on this machine.",
            " and ".join(f"`{name}`" for name in unused),
            flow.name,
        )


def _visualize(
    self: Flow,
    flow_state: State | None = None,
    filename: str | None = None,
    format: str | None = None,
    horizontal: bool = False,
) -> str | bytes:
    """Draw the flow; see `flowkit.draw.visualize.visualize`."""
    from flowkit.draw.visualize import visualize

    states = getattr(flow_state, "result", None)  # an exception, where the run could not start
    return visualize(self, states if isinstance(states, Mapping) else {}, filename, format, horizontal)


def _save(self: Flow, fpath: str | None = None) -> str:
    """Write the flow into a file; see `flowkit.runs.saved.save`."""
    from flowkit.runs.saved import save

    return save(self, fpath)


def _load(fpath: str) -> Flow:
    """Read a flow that was saved; see `flowkit.runs.saved.load`."""
    from flowkit.runs.saved import load

    return load(fpath)


def _diagnostics(self: Flow, include_secret_names: bool = False) -> str:
    """Describe the flow and what it runs on; see `flowkit.runs.diagnostics.diagnostics`."""
    from flowkit.runs.diagnostics import diagnostics

    return diagnostics(self)


def _run_agent(self: Flow, *args: Any, **options: Any) -> None:
    """Say what to use instead of an agent of Prefect classic's server."""
    from flowkit.runs.script import no_agent

    no_agent()


Flow.run = _run
Flow.arun = _arun
Flow.register = _register
Flow.visualize = _visualize
Flow.save = _save
Flow.load = staticmethod(_load)
Flow.diagnostics = _diagnostics
Flow.run_agent = _run_agent
