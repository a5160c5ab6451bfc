"""Tasks that give a secret, looked up when they run and never kept.

Source of the vocabulary: Prefect classic, 19.7.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from flowkit.engine.mask import MASK
from flowkit.engine.secret import Secret
from flowkit.errors import UsageError
from flowkit.flow.task import Task

__path__: list[str] = []  # so that `flowkit.tasks.secrets.base`, of classic, is looked for


def _covering(run: Callable[..., Any]) -> Callable[..., Any]:
    """A `run` whose value is covered before anybody has it."""

    @functools.wraps(run)
    def covered(*args: Any, **kwargs: Any) -> Any:
        value = run(*args, **kwargs)
        MASK.add(value)
        return value

    return covered


class SecretBase(Task):
    """Base of the tasks that give a secret: what they give is covered wherever it would be seen, is never
    kept or written, whatever the options say, and is looked up again where a run goes on."""

    is_renewed = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "run" in cls.__dict__:
            cls.run = _covering(cls.run)

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "persist": False, "checkpoint": False})


class PrefectSecret(SecretBase):
    """The value of `flowkit.Secret(name)`.

    Args:
        name: of the secret, and of the task; one may also be given when it is called.
        **options: those of `Task`.
    """

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.secret_name = name

    def run(self, name: str | None = None) -> Any:
        """The value.

        Raises:
            UsageError: it is not set, or there is no name.
        """
        wanted = name if name is not None else self.secret_name
        if wanted is None:
            raise UsageError("a `PrefectSecret` needs the name of a secret")
        return Secret(wanted).get()


class EnvVarSecret(SecretBase):
    """The value of an environment variable.

    Args:
        name: of the variable, and of the task; one may also be given when it is called.
        cast: makes the value of the text.
        raise_if_missing: fail where it is not set; else it is None.
        **options: those of `Task`.
    """

    def __init__(
        self,
        name: str | None = None,
        cast: Callable[[str], Any] | None = None,
        raise_if_missing: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(name=name, **options)
        self.secret_name = name
        self.cast = cast
        self.raise_if_missing = raise_if_missing

    def run(self, name: str | None = None) -> Any:
        """The value.

        Raises:
            UsageError: it is not set and must be, or there is no name.
        """
        wanted = name if name is not None else self.secret_name
        if wanted is None:
            raise UsageError("an `EnvVarSecret` needs the name of a variable")
        text = os.environ.get(wanted)
        if text is None:
            if self.raise_if_missing:
                raise UsageError(f"the environment variable `{wanted}` is not set")
            return None
        MASK.add(text)  # before `cast`, whose error may tell it
        return self.cast(text) if self.cast is not None else text
