"""`flowkit.Secret`, a value that a task asks for while it runs, and the secret parameters of a run.

Guarantees: what is given here is covered from then on (`flowkit.engine.mask`), as the value and as the text
that it was made from.

Source of the rules: Prefect classic, 19.7; there the value came from the local context or the cloud.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from flowkit.engine.mask import MASK
from flowkit.errors import DefinitionError, UsageError
from flowkit.flow import ambient
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import all_of_classic, from_environment, variable_of


class _Secrets(dict[str, Any]):
    """What is put here is covered at once."""

    def __setitem__(self, name: str, value: Any) -> None:
        MASK.add(value)
        super().__setitem__(name, value)

    def update(self, *given: Any, **more: Any) -> None:
        """As that of a dictionary."""
        for name, value in dict(*given, **more).items():
            self[name] = value

    def __repr__(self) -> str:
        return f"<secrets: {', '.join(self)}>"


SECRETS: dict[str, Any] = _Secrets()
"""What is in `flowkit.context.secrets`, by name, where a script has put nothing else there."""

_of_environment: dict[str, str] = {}  # those of them that the environment has under classic's names
_reading = threading.Lock()


def known_secrets() -> dict[str, Any]:
    """`SECRETS`, with those of the environment as it is now.

    Guarantees: what has not changed is there all the time, as other threads may ask meanwhile.
    """
    now = dict(all_of_classic())
    if now or _of_environment:
        with _reading:
            _follow(now)
    if SECRETS:
        MASK.add(list(SECRETS.values()))
    return SECRETS


def _follow(now: Mapping[str, str]) -> None:
    for name, text in list(_of_environment.items()):
        if SECRETS.get(name) is not text:  # the script has put another one there, or has taken it out
            del _of_environment[name]
        elif name not in now:
            del _of_environment[name], SECRETS[name]
    for name, text in now.items():
        if name not in SECRETS or (name in _of_environment and _of_environment[name] != text):
            SECRETS[name] = _of_environment[name] = text


def cover_given(context: Mapping[str, Any] | None) -> None:
    """Cover the secrets of a context that is given to a run, or to a block."""
    if context and "secrets" in context:
        MASK.add(context["secrets"])


class Secret:
    """A secret by name: `Secret("API_TOKEN").get()`.

    Its value is what the script has put into `flowkit.context.secrets`, else that of the environment
    variable `FLOWKIT_SECRET_API_TOKEN`, else of `FLOWKIT__CONTEXT__SECRETS__API_TOKEN`; one that is empty
    counts as not set.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<Secret: {self.name}>"

    def get(self) -> Any:
        """The value, decoded where it is JSON; from now on it is covered in all that is shown or kept.

        Raises:
            DefinitionError: a flow is being written, whose graph must not hold the value.
            UsageError: it is not set.
        """
        given = self._found()
        value = _json_or_text(given) if isinstance(given, str) else given
        MASK.add(value)
        return value

    def text(self) -> str:
        """The value as it is written, also where it is JSON: a password may look like a number.

        Raises:
            DefinitionError, UsageError: as `get`.
        """
        return str(self._found())

    def _found(self) -> Any:
        if ambient.current().flow is not None:
            raise DefinitionError(
                f"the secret `{self.name}` was asked for while a flow is written",
                hints=("call `.get()` inside a task, when the flow runs",),
            )
        given = self._given()
        if given is None:
            raise UsageError(
                f"the secret `{self.name}` is not set",
                hints=(f"set the environment variable `{variable_of(self.name)}`",),
            )
        MASK.add(given)
        return given

    def exists(self) -> bool:
        """Whether it is set."""
        return self._given() is not None

    def _given(self) -> Any:
        from flowkit.engine.context import context  # which has what is here

        given = context.secrets
        found = given.get(self.name)
        if isinstance(found, str) and not found:
            found = None
        if found is not None and (given is not SECRETS or self.name not in _of_environment):
            return found
        return from_environment(self.name) or found


def cover(parameters: Iterable[Parameter], values: Mapping[str, Any]) -> None:
    """Cover the values of the secret ones; to be called before a run shows or keeps anything."""
    for each in parameters:
        if each.secret:
            MASK.add(values.get(each.name))
            MASK.add(from_environment(each.name))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
