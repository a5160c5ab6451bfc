"""`--pdb`: the debugger at the frame where the first failed task raised."""

from __future__ import annotations

from flowkit.cli.place import say
from flowkit.engine.mask import MASK
from flowkit.engine.outcome import Outcome


def post_mortem(outcome: Outcome) -> None:
    """Open the debugger on the first failure that still has its frames; say so where there is none."""
    import pdb

    for (node, index), detail in outcome.engine.details.items():
        error = outcome.engine.value_of(node, index)
        if (
            detail.failure is not None
            and isinstance(error, BaseException)
            and error.__traceback__ is not None
        ):
            say(MASK.text(f"{outcome.plan.key(node, index)}: {detail.failure}"))
            pdb.post_mortem(error.__traceback__)
            return
    say("no task failed: there is nothing to debug")
