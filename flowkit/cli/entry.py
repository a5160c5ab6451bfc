"""The command's front door: an answer to the shell where it completes a line, else the command itself.

Completion must be quick, and the command's own imports are not.
"""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Be the command `flowkit`."""
    if "_FLOWKIT_COMPLETE" in os.environ:
        from flowkit.cli.complete import answer

        answer()
    from flowkit.cli.app import main

    main()
