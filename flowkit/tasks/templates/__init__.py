"""Texts from templates, under their home in Prefect classic."""

from flowkit.tasks.templates.jinja2 import JinjaTemplate
from flowkit.tasks.templates.strings import StringFormatter

__all__ = ["JinjaTemplate", "StringFormatter"]
