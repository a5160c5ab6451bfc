"""Texts from templates of Jinja. jinja2 is imported when a task runs.

Source of the vocabulary: Prefect classic, 21.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.errors import UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.templates.names import names_for, template_of

if TYPE_CHECKING:
    from jinja2 import Template


class JinjaTemplate(Task):
    """Fill a template of Jinja, such as `"{{ name }} on {{ today }}"`, from `flowkit.context` and arguments.

    A template is code: it must be the author's, not a user's. Nothing is escaped; in HTML use `|e`.

    Args:
        template: its text, or a `jinja2.Template`.
        **options: those of `Task`.
    """

    def __init__(self, template: str | Template | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.template = template

    @defaults_from_attrs("template")
    def run(self, template: str | Template | None = None, **format_kwargs: Any) -> str:
        """Fill it; arguments outrank what the context has under their names, and what neither has is empty.

        Raises:
            UsageError: Jinja is not installed.
            jinja2.TemplateError: the template is wrong.
            CallError: there is no template.
        """
        given = template_of(template, self.name)
        try:
            import jinja2
        except ImportError as error:
            raise UsageError(
                f"the task `{self.name}` needs Jinja, which is not installed",
                hints=("run `pip install 'flowkit-runner[templates]'`",),
            ) from error
        made = given if isinstance(given, jinja2.Template) else jinja2.Template(given)
        return made.render(**names_for(format_kwargs))
