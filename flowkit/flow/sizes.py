"""Sizes as people write them: `500M`, `2 GiB`."""

from __future__ import annotations

import math
import re

_POWERS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)


def bytes_of(text: str) -> int | None:
    """The bytes that `500M`, `2 GiB` or `1048576` mean, each unit 1024 of the one before; None: no size."""
    found = _SIZE.fullmatch(text.strip())
    number = float(found[1]) if found else math.nan
    if found is None or not math.isfinite(number):
        return None
    return int(number * (1 << _POWERS[found[2].lower()]))
