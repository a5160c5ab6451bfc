"""`python -m flowkit.compat SCRIPT [ARGS]`: runs a script of Prefect classic as it is."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import TracebackType

from flowkit import compat
from flowkit.errors import FlowkitError

_OURS = str(Path(__file__).parent.parent)


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
    sys.path[0 : not sys.flags.safe_path] = [str(script.resolve().parent)]
    sys.excepthook = _excepthook
    runpy.run_path(str(script), run_name="__main__")


def _excepthook(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
    """Show what the script raised as `python SCRIPT` would: without the frames that led to it, and where
    flowkit refused something without those that led there."""
    while tb is not None and _leads(tb):
        tb = tb.tb_next
    last = tb
    if isinstance(error, FlowkitError):
        error.__cause__, error.__suppress_context__ = None, True
        while last is not None and last.tb_next is not None:
            if last.tb_next.tb_frame.f_code.co_filename.startswith(_OURS):
                last.tb_next = None
            else:
                last = last.tb_next
    sys.__excepthook__(kind, error.with_traceback(tb), tb)


def _leads(tb: TracebackType) -> bool:
    name = tb.tb_frame.f_code.co_filename
    return name.startswith((_OURS, "<frozen"))


if __name__ == "__main__":
    main()
