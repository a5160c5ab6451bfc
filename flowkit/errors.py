"""What can go wrong, a class a phase: each knows its exit code and the hints that lead out.

A message is one sentence that names the thing; literals stand in backticks. `hints` are whole
lines: what to type or change next.
"""

from __future__ import annotations


class FlowkitError(Exception):
    """Base of all errors that flowkit raises on purpose.

    Args:
        message: one sentence, without a full stop at the end.
        hints: ways out, a sentence or a command each.
    """

    exit_code = 1

    def __init__(self, message: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"hint: {hint}" for hint in self.hints)])


class UsageError(FlowkitError, ValueError):
    """Asked wrongly: an unknown flow, a bad parameter, a bad option, a bad setting."""

    exit_code = 2


class DefinitionError(FlowkitError, ValueError):
    """A flow cannot be built: a cycle, a task outside a flow, a bad option of a task."""

    exit_code = 3


class CallError(DefinitionError, TypeError):
    """A task was called, or a placeholder used, in a way that its definition does not allow."""


class LoadError(FlowkitError):
    """A flow file cannot be loaded: syntax, import, exit, time limit, two flows of one name."""

    exit_code = 3


class RegistryError(FlowkitError):
    """The registry cannot be read or written; what is on disk is left as it is."""

    exit_code = 2


class HistoryError(FlowkitError):
    """The history, or a result, cannot be read or written; what is on disk is left as it is or set aside."""

    exit_code = 2


class BugError(FlowkitError):
    """An impossible state: a bug of flowkit, never of the user."""

    exit_code = 70
