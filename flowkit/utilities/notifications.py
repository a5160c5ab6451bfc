"""State handlers that send messages, under their home in Prefect classic."""

from flowkit.tasks.notifications.notifiers import callback_factory, gmail_notifier, slack_notifier

__all__ = ["callback_factory", "gmail_notifier", "slack_notifier"]
__path__: list[str] = []  # classic had modules below it; see flowkit/homes.py
