"""Scripts written for Prefect classic (0.14 to 1.4), run as they are: their `import prefect` means flowkit.

`compat/` maps names and shapes; a rule of flowkit lives where it is carried out, once.
"""

from __future__ import annotations

import sys

from flowkit import homes
from flowkit.engine.context import context
from flowkit.engine.secret import SECRETS
from flowkit.flow import manners
from flowkit.project import classic_settings
from flowkit.project.config import config

_INSTALLED = "prefect"


def install() -> None:
    """Make `import prefect`, and all below it, mean flowkit in this process, also where it is installed.

    Raises:
        RuntimeError: another `prefect` has been imported already.
    """
    found = sys.modules.get(_INSTALLED)
    if found is not None and found.__name__ != "flowkit.compat.prefect":
        raise RuntimeError("`prefect` has been imported already; call `flowkit.compat.install()` before that")
    homes.stand_in(lambda: None, first=True)


def as_classic() -> None:
    """Follow classic where flowkit is stricter (see `manners.classic`), and have its user's settings, also
    where those of flowkit were asked for before, with the secrets and the context in them.

    Raises:
        UsageError: the settings cannot be read.
    """
    manners.classic = True
    config.reread()
    SECRETS.update(classic_settings.secrets())
    for key, value in classic_settings.context().items():
        context.setdefault(key, value)
