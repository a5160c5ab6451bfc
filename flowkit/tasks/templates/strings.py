"""Texts from Python's format strings.

Source of the vocabulary: Prefect classic, 21.5.
"""

from __future__ import annotations

from typing import Any

from flowkit.errors import UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.templates.names import names_for, template_of


class StringFormatter(Task):
    """Fill a format string, such as `"{name} on {today}"`, from `flowkit.context` and arguments.

    A format string reaches attributes of what it is given (`{x.y}`): it must be the author's, not a user's.

    Args:
        template: the format string.
        **options: those of `Task`.
    """

    def __init__(self, template: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.template = template

    @defaults_from_attrs("template")
    def run(self, template: str | None = None, **format_kwargs: Any) -> str:
        """Fill it; arguments outrank what the context has under their names.

        Raises:
            UsageError: a name that neither has.
            CallError: there is no template.
        """
        names = names_for(format_kwargs)
        try:
            return str(template_of(template, self.name)).format(**names)
        except (KeyError, IndexError) as error:
            raise UsageError(
                f"the template of the task `{self.name}` uses a name that is not there: {error}",
                hints=(f"there are {', '.join(sorted(names))}",) if names else (),
            ) from error
