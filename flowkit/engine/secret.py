"""`flowkit.Secret`, a value that a task asks for while it runs, and the secret parameters of a run.

Guarantees: what is given here is covered from then on (`flowkit.engine.mask`), as the value and as the text
that it was made from.

Source of the rules: Prefect classic, 19.7; there the value came from the local context or the cloud.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flowkit.engine.mask import MASK
from flowkit.errors import DefinitionError, UsageError
from flowkit.flow import ambient
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import all_of_classic, from_environment, variable_of

SECRETS: dict[str, Any] = {}
"""What is in `flowkit.context.secrets`, by name, where a script has put nothing else there."""


_of_environment: dict[str, Any] = {}  # those of them that the environment has under classic's names


def known_secrets() -> dict[str, Any]:
    """`SECRETS`, with those of the environment as it is now."""
    for name in [name for name, value in _of_environment.items() if SECRETS.get(name) == value]:
        del SECRETS[name]
    _of_environment.clear()
    _of_environment.update((name, text) for name, text in all_of_classic() if name not in SECRETS)
    SECRETS.update(_of_environment)
    if SECRETS:
        MASK.add(list(SECRETS.values()))
    return SECRETS


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

        found = context.secrets.get(self.name)
        return found if found and self.name not in _of_environment else from_environment(self.name) or found


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
