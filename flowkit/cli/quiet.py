"""As little as can be shown of a run: failures, and the sum."""

from __future__ import annotations

from typing import Any

from flowkit.cli.display import Display
from flowkit.engine.outcome import Outcome


class QuietDisplay(Display):
    """Failures as they happen, and one line at the end.

    Args:
        errors_only: not even that line.
    """

    reasons_told = True

    def __init__(self, *args: Any, errors_only: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._errors_only = errors_only

    def end(self, outcome: Outcome) -> None:
        """The last line of the summary."""
        from flowkit.cli.summary import sum_line

        self.console.give_back()
        for _, lines in self.output.rest():
            self.say(lines)
        self.say_cut_short()
        if not self._errors_only:
            self.say([sum_line(outcome, self.tally)])
