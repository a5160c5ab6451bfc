"""The exceptions of Prefect classic that a script may catch."""

from __future__ import annotations

from flowkit.errors import UsageError
from flowkit.signals import Signal


class PrefectException(Exception):  # noqa: N818 - the vocabulary of Prefect classic
    """Base of what a server's client raised."""


class ClientError(PrefectException):
    """A request that failed."""


class AuthorizationError(ClientError):
    """Not logged in."""


class ObjectNotFoundError(ClientError):
    """Something that the server does not have."""


class FlowStorageError(PrefectException):
    """A flow that cannot be had from its storage."""


class VersionLockMismatchSignal(PrefectException):
    """A state that another process has changed."""


class TaskTimeoutSignal(PrefectException):
    """A task that took too long."""


class TaskTimeoutError(PrefectException):
    """The same, before 0.14."""


PrefectSignal = Signal
PrefectError = UsageError
