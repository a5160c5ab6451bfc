"""Run by `test_code`: imports each variant of a small project afresh, and says the fingerprint of its task.

Reads `{name: [folder, statement to run first]}` from the standard input, writes
`{name: [digest, [part as text, …], [unfollowed, …]]}`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from flowkit.fingerprint import Tracer


def fingerprint(folder: str, first: str) -> list[object]:
    known = set(sys.modules)
    sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        exec(first, {})
        flow = importlib.import_module("flow")
        code = Tracer(Path(folder)).code_of(flow.task, depends_on=getattr(flow, "DEPENDS", ()))
        return [
            code.digest.hex(),
            [f"{part.kind} {part.name} {part.place}" for part in code.parts],
            code.unfollowed,
        ]
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", folder)).startswith(folder):
                del sys.modules[name]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps({name: fingerprint(*each) for name, each in asked.items()}))
