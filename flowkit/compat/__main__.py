"""`python -m flowkit.compat SCRIPT [ARGS]`: runs a script of Prefect classic as it is."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from flowkit import compat


def main() -> None:
    """Run the script as `python SCRIPT [ARGS]` would."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: python -m flowkit.compat SCRIPT [ARGS]", file=sys.stderr)
        raise SystemExit(0 if sys.argv[1:] else 2)
    script = Path(sys.argv[1])
    if not script.exists():
        print(f"error: there is no file `{script}`", file=sys.stderr)
        raise SystemExit(2)
    compat.install()
    sys.argv = sys.argv[1:]
    sys.path[0] = str(script.resolve().parent)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
