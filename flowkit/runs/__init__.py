"""Running flows: the composition root, from a flow to an engine, its record, and a state."""

from flowkit.runs.script import FlowRunner, run_flow, run_flow_async
from flowkit.runs.start import built, executor_named, prepare

__all__ = ["FlowRunner", "built", "executor_named", "prepare", "run_flow", "run_flow_async"]
