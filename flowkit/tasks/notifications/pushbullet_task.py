"""Messages by Pushbullet as a task.

Source of the vocabulary: Prefect classic, 21.6.
"""

from __future__ import annotations

from typing import Any

from flowkit.engine.secret import Secret
from flowkit.errors import CallError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.notifications.posting import post

_PUSHES = "https://api.pushbullet.com/v2/pushes"


class PushbulletTask(Task):
    """Push a note to one's devices.

    Args:
        msg: the text.
        access_token: default: that of the secret `PUSHBULLET_TOKEN`.
        **options: those of `Task`.
    """

    address = _PUSHES

    def __init__(self, msg: str | None = None, access_token: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.msg = msg
        self.access_token = access_token

    @defaults_from_attrs("msg", "access_token")
    def run(self, msg: str | None = None, access_token: str | None = None) -> None:
        """Push it.

        Raises:
            UsageError: the secret is not set.
            CallError: there is no text.
            ConnectionError: it was not taken.
        """
        if not msg:
            raise CallError(f"the task `{self.name}` needs a `msg`")
        token = access_token or Secret("PUSHBULLET_TOKEN").text()
        note = {"type": "note", "title": "Flow notification", "body": msg}
        post(self.address, note, {"Access-Token": token})
