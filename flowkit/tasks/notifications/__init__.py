"""Messages as tasks, under their home in Prefect classic."""

from flowkit.tasks.notifications.email_task import EmailTask
from flowkit.tasks.notifications.pushbullet_task import PushbulletTask
from flowkit.tasks.notifications.slack_task import SlackTask

__all__ = ["EmailTask", "PushbulletTask", "SlackTask"]
