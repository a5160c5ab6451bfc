"""Messages in Slack as a task.

Source of the vocabulary: Prefect classic, 21.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowkit.engine.secret import Secret
from flowkit.errors import CallError, UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.notifications.posting import post

Message = str | Mapping[str, Any]


class SlackTask(Task):
    """Post a message by a webhook of Slack.

    Args:
        message: a text, or what the webhook takes, such as `{"text": …, "blocks": …}`.
        webhook_secret: the name of the secret that has the webhook's address.
        **options: those of `Task`.
    """

    def __init__(
        self, message: Message | None = None, webhook_secret: str = "SLACK_WEBHOOK_URL", **options: Any
    ) -> None:
        super().__init__(**options)
        self.message = message
        self.webhook_secret = webhook_secret

    @defaults_from_attrs("message", "webhook_secret")
    def run(self, message: Message | None = None, webhook_secret: str = "SLACK_WEBHOOK_URL") -> None:
        """Post it.

        Raises:
            UsageError: the secret is not set, or no address.
            CallError: there is no message.
            ConnectionError: it was not taken, with Slack's answer; the address is not named.
        """
        if not message:
            raise CallError(f"the task `{self.name}` needs a `message`")
        address = Secret(webhook_secret).text()
        if not address.startswith(("https://", "http://")):
            raise UsageError(f"the secret `{webhook_secret}` is not the address of a webhook")
        post(address, {"text": message} if isinstance(message, str) else dict(message))
