"""Posting a message to a service of the web. urllib is imported when that is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_PATIENCE = 60.0  # seconds for the answer


def post(address: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    """Post some JSON.

    Raises:
        ConnectionError: it was not taken, with the answer; the address is not named, as it may be a secret.
    """
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    body = json.dumps(payload).encode()
    request = Request(address, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})
    try:
        with urlopen(request, timeout=_PATIENCE):
            return
    except HTTPError as error:
        with error:
            said = error.read(500).decode(errors="replace").strip()
        raise ConnectionError(
            f"the webhook answered {error.code} {error.reason}" + f": {said}" * bool(said)
        ) from None
    except URLError as error:
        raise ConnectionError(f"the webhook cannot be reached: {error.reason}") from None
