"""The limits of a run: what tasks say, what the settings say, and what the machine has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flowkit.engine.context import logger_of
from flowkit.errors import FlowkitError, UsageError
from flowkit.plan.limits import Limit as PlanLimit
from flowkit.plan.limits import Limits, limits_of
from flowkit.plan.plan import Plan
from flowkit.project import state_folder
from flowkit.project.limit import Limit
from flowkit.project.settings import user_folder


def limits_for(plan: Plan, declared: Mapping[str, Limit]) -> Limits | None:
    """The limits that hold for a plan; None where there are none. Says which task wants more than there is.

    Args:
        declared: by the settings.
    """
    from flowkit.engine.capacity import memory, processors

    limits = limits_of(
        plan,
        {name: PlanLimit(limit.slots, limit.across == "machine") for name, limit in declared.items()},
        processors(),
        memory(),
    )
    if limits is not None and limits.alone:
        (node, words), *others = limits.alone.items()
        more = f", as do {len(others)} more" if others else ""
        logger_of("").warning("`%s` asks for %s%s: it runs alone.", plan.keys[node], words, more)
    return limits


def folder_for(limits: Limits) -> Path | None:
    """Where the slots lie that runs of this machine share; None where none of the limits has any.

    Its name has that of the machine, as several may have the same home.

    Raises:
        UsageError: there can be none.
    """
    shared = [pool.said for pool in limits.pools if pool.outside]
    if not shared:
        return None
    from flowkit.engine.slot import IS_POSSIBLE

    if not IS_POSSIBLE:
        raise _refusal(shared[0], "this system has no locks as POSIX has them")
    users = user_folder(os.environ)
    if users is None:
        raise _refusal(shared[0], "there is no home folder to keep its slots in")
    try:
        folder = state_folder.prepare(users / "slots" / os.uname().nodename)
    except FlowkitError as error:
        raise _refusal(shared[0], error.message) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refusal(shared[0], f"`{folder}` cannot be written")
    return folder


def _refusal(limit: str, why: str) -> UsageError:
    return UsageError(
        f"the limit {limit} cannot hold across the machine: {why}",
        hints=('take `across = "machine"` out of the settings, so that it holds within a run',),
    )
