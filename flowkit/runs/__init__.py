"""Running flows: the composition root, from a flow to an engine, its record, and a state."""

from flowkit.runs.runners import FlowRunner, TaskRunner
from flowkit.runs.script import run_flow, run_flow_async
from flowkit.runs.start import built, executor_named, prepare

__all__ = ["FlowRunner", "TaskRunner", "built", "executor_named", "prepare", "run_flow", "run_flow_async"]
