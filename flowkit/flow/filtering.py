"""`FilterTask`: what is left of a list of results when failures and nothings are taken out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flowkit.flow.task import Task


def _is_good(result: Any) -> bool:
    return not isinstance(result, Exception | None)


class FilterTask(Task):
    """Filter a list of results, such as those of a mapped task; runs however those ended.

    Source: Prefect classic, 7.10.

    Args:
        filter_func: whether a result stays; default: one that is neither None nor an exception.
        log_func: what to log of those that stay.
        **options: as of `Task`.
    """

    def __init__(
        self,
        filter_func: Callable[[Any], bool] | None = None,
        log_func: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        defaults: dict[str, Any] = {"trigger": "all_finished", "skip_on_upstream_skip": False}
        super().__init__(**(defaults | options))
        self.filter_func = filter_func or _is_good
        self.log_func = log_func

    def run(self, task_results: list[Any]) -> list[Any]:
        """The results that stay."""
        kept = [result for result in task_results if self.filter_func(result)]
        if self.log_func is not None:
            logging.getLogger(f"flowkit.{self.name}").info("%s", self.log_func(kept))
        return kept
