"""Where users say that results are written, for others to read: what all places share, and those that are no
files. Folders are in local_result.py, buckets in buckets.py.

Source of the vocabulary: Prefect classic, 14.1 to 14.5. This is beside the history, which keeps results by
itself.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from flowkit.errors import DefinitionError, UsageError
from flowkit.store.serializers import DateTimeSerializer, JSONSerializer, PickleSerializer, Serializer

Location = str | Callable[..., str]


class Result:
    """A value, and the place that it is written to; this base class has no place.

    Args:
        value: what is, or was, written.
        location: a name, a template of one (`"{flow_name}/{x}.csv"`), or a function of the same names.
        serializer: default: pickle.
    """

    is_place = True  # a state that has one gives the value in it

    def __init__(
        self, value: Any = None, location: Location | None = None, serializer: Serializer | None = None
    ) -> None:
        self.value = value
        self._template = location
        self.location = location if isinstance(location, str) else None
        self.serializer = serializer or PickleSerializer()

    @property
    def default_location(self) -> str:
        """A name that no other result has."""
        now = datetime.now(UTC)
        return f"{now:%Y/%-m/%-d}/{uuid.uuid4()}.prefect_result"

    @property
    def template(self) -> Location | None:
        """The location as it was given."""
        return self._template

    def at(self, location: Location | None) -> Self:
        """The same place with another name in it; None: one that no other result has."""
        new = self.copy()
        new._template = location
        new.location = location if isinstance(location, str) else None
        return new

    def copy(self) -> Self:
        """A shallow copy."""
        return copy.copy(self)

    def from_value(self, value: Any) -> Self:
        """A copy that has a value, and no name yet."""
        new = self.copy()
        new.location, new.value = None, value
        return new

    def format(self, **kwargs: Any) -> Self:
        """A copy whose name is made from these."""
        new = self.copy()
        template = self._template
        if callable(template):
            new.location = template(**kwargs)
        else:
            new.location = template.format(**kwargs) if template is not None else self.default_location
        return new

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether something lies there."""
        raise _nowhere()

    def read(self, location: str) -> Self:
        """A copy with what lies there."""
        raise _nowhere()

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Write a value; returns a copy with it and its location."""
        raise _nowhere()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.value!r}>"


class BytesResult(Result):
    """A place for bytes; what is missing is how they get there.

    Guarantees: a name that is made from values stays below the place, or below the folder that its template
    begins with: `..` in a value, or a value that begins with `/`, is refused.
    """

    def format(self, **kwargs: Any) -> Self:
        """A copy whose name is made from these.

        Raises:
            UsageError: it leads out of the place.
        """
        new = super().format(**kwargs)
        template = self._template
        if new.location is not None and (callable(template) or "{" in (template or "")):
            start = template.partition("{")[0].rpartition("/") if isinstance(template, str) else ("", "", "")
            if self._leads_out(str(new.location), start[0] + start[1]):
                raise UsageError(
                    f"the name `{new.location}`, made from `{_said(template)}`, leads out of {self._place()}",
                    hints=(self._way_out,),
                )
        return new

    _way_out = "write the part that leads elsewhere into the template itself, or into the place"

    def _place(self) -> str:
        """The place, for people."""
        raise NotImplementedError

    def _leads_out(self, location: str, start: str) -> bool:
        """Whether a name leads out of where its template begins."""
        return ".." in location.removeprefix(start).split("/")

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether something lies there."""
        return self._has(location.format(**kwargs) if kwargs else location)

    def read(self, location: str) -> Self:
        """A copy with what lies there."""
        new = self.copy()
        new.location = location
        new.value = self.serializer.deserialize(self._get(location))
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Write a value; returns a copy with it and its location."""
        new = self.format(**kwargs)
        new.value = value_
        assert new.location is not None
        new.location = self._put(new.location, self.serializer.serialize(value_))
        return new

    def _has(self, location: str) -> bool:
        raise NotImplementedError

    def _get(self, location: str) -> bytes:
        raise NotImplementedError

    def _put(self, location: str, data: bytes) -> str:
        raise NotImplementedError


def _said(template: Location | None) -> str:
    return str(getattr(template, "__name__", template))


class PrefectResult(Result):
    """A value as its own location, in JSON."""

    def __init__(
        self, value: Any = None, location: Location | None = None, serializer: Serializer | None = None
    ) -> None:
        if serializer is not None and not isinstance(serializer, JSONSerializer | DateTimeSerializer):
            raise DefinitionError("a `PrefectResult` is JSON; it takes no other serializer")
        super().__init__(value, location, serializer or JSONSerializer())

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether that is JSON."""
        try:
            self.read(location)
        except ValueError:
            return False
        return True

    def read(self, location: str) -> Self:
        """A copy with what the location says."""
        new = self.copy()
        new.location, new.value = location, self.serializer.deserialize(location.encode())
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """A copy whose location is the value."""
        new = self.copy()
        new.value, new.location = value_, self.serializer.serialize(value_).decode()
        return new


class ConstantResult(Result):
    """A value that is there already."""

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Always."""
        return True

    def read(self, location: str) -> Self:
        """Itself."""
        return self

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Refuse.

        Raises:
            UsageError: a constant is not written.
        """
        raise UsageError("a `ConstantResult` has its value already; nothing is written to it")


class SecretResult(Result):
    """The result of a task that gives a secret: never written, read by running the task again."""

    def __init__(self, secret_task: Any, **kwargs: Any) -> None:
        super().__init__(location=secret_task.name, **kwargs)
        self.secret_task = secret_task

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Always: the task can be run."""
        return True

    def read(self, location: str) -> Self:
        """A copy with the secret."""
        new = self.copy()
        new.value = self.secret_task.run(name=location)
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Refuse.

        Raises:
            UsageError: a secret is not written.
        """
        raise UsageError("a `SecretResult` is never written")


def _nowhere() -> UsageError:
    return UsageError(
        "a plain `Result` has no place that it could be written to or read from",
        hints=("use `LocalResult(dir=...)`, `S3Result(bucket=...)` or another of `flowkit.results`",),
    )
