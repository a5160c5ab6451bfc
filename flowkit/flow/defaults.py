"""Arguments of `run` that default to what the task was made with.

Source of the rules: Prefect classic, 1.30.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from flowkit.errors import DefinitionError

_Run = TypeVar("_Run", bound=Callable[..., Any])


def defaults_from_attrs(*names: str) -> Callable[[_Run], _Run]:
    """Decorate `run` so that arguments which are not given are taken from the attributes of these names.

    One that is given counts, None too. So `Copy(source_path="a")(target_path="b")` needs nothing else.

    Args:
        *names: parameters of `run`, each the name of an attribute too.

    Raises:
        DefinitionError: `run` has no such parameter.
    """

    def decorate(run: _Run) -> _Run:
        parameters = [*inspect.signature(run).parameters][1:]  # all but `self`
        for name in names:
            if name not in parameters:
                raise DefinitionError(f"`defaults_from_attrs` names `{name}`, which `run` does not take")

        @functools.wraps(run)
        def with_defaults(self: Any, *args: Any, **kwargs: Any) -> Any:
            by_position = parameters[: len(args)]
            for name in names:
                if name not in kwargs and name not in by_position:
                    kwargs[name] = getattr(self, name)
            return run(self, *args, **kwargs)

        return with_defaults  # type: ignore[return-value]

    return decorate
