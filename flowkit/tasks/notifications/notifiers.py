"""State handlers that send messages. Source of the vocabulary: Prefect classic, 17.5 and 17.6.

What cannot be sent raises, as in any state handler: the task, or the run, fails for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from flowkit.engine.secret import Secret
from flowkit.plan.state import State
from flowkit.tasks.notifications.email_task import EmailTask
from flowkit.tasks.notifications.slack_task import SlackTask

Kinds = Sequence[type[State]] | None
_NEEDED = ("tracked_obj", "old_state", "new_state")


@dataclass(frozen=True)
class Callback:
    """A state handler; see `callback_factory`."""

    fn: Callable[[Any, State], Any]
    check: Callable[[State], bool]

    def __call__(self, tracked_obj: Any, old_state: State, new_state: State) -> State:
        """Call the function, where the new state is worth it; the state stays."""
        if self.check(new_state):
            self.fn(tracked_obj, new_state)
        return new_state


def callback_factory(fn: Callable[[Any, State], Any], check: Callable[[State], bool]) -> Callback:
    """A state handler that calls a function with the task, or flow, and its new state.

    Args:
        fn: what is called; what it returns does not matter.
        check: whether a state is worth a call.
    """
    return Callback(fn, check)


def _curried(handler: Callable[..., State]) -> Callable[..., Any]:
    """A handler that can be given some of its options first: `slack_notifier(only_states=[Failed])`."""

    @functools.wraps(handler)
    def curried(*args: Any, **options: Any) -> Any:
        given = len(args) + sum(name in options for name in _NEEDED)
        if given < len(_NEEDED):
            return functools.partial(curried, *args, **options)
        return handler(*args, **options)

    return curried


@_curried
def slack_notifier(
    tracked_obj: Any,
    old_state: State,
    new_state: State,
    ignore_states: Kinds = None,
    only_states: Kinds = None,
    webhook_secret: str | None = None,
    backend_info: bool = True,
    proxies: dict[str, str] | None = None,
) -> State:
    """Post each new state to Slack, by the webhook whose address is the secret `SLACK_WEBHOOK_URL`.

    Args:
        ignore_states, only_states: classes of states that are left out, or that alone are posted.
        webhook_secret: the name of another secret.
        backend_info, proxies: accepted for scripts of Prefect classic: there is no backend, and proxies are
            those of the environment.

    Raises:
        UsageError: the secret is not set, or no address.
        ConnectionError: the message was not taken.
    """
    if _is_wanted(new_state, ignore_states, only_states):
        SlackTask().run(_slack_message(tracked_obj, new_state), webhook_secret or "SLACK_WEBHOOK_URL")
    return new_state


@_curried
def gmail_notifier(
    tracked_obj: Any,
    old_state: State,
    new_state: State,
    ignore_states: Kinds = None,
    only_states: Kinds = None,
) -> State:
    """Send each new state by Gmail to oneself, by the secrets `EMAIL_USERNAME` and `EMAIL_PASSWORD`.

    Args:
        ignore_states, only_states: as in `slack_notifier`.

    Raises:
        UsageError: a secret is not set.
        smtplib.SMTPException, OSError: the mail was not taken.
    """
    if _is_wanted(new_state, ignore_states, only_states):
        EmailTask().run(
            subject=f"{tracked_obj.name} is {type(new_state).__name__}",
            msg=_mail(tracked_obj, new_state),
            email_to=Secret("EMAIL_USERNAME").text(),
        )
    return new_state


def _is_wanted(state: State, ignored: Kinds, only: Kinds) -> bool:
    if isinstance(state, tuple(ignored or ())):
        return False
    return not only or isinstance(state, tuple(only))


def _said(tracked_obj: Any, state: State) -> str:
    return f"{tracked_obj.name} is now in a {type(state).__name__} state"


def _slack_message(tracked_obj: Any, state: State) -> dict[str, Any]:
    """What the webhook takes: who is in which state, and why."""
    why = f"```{state.result!r}```" if isinstance(state.result, Exception) else state.message
    attachment = {
        "fallback": _said(tracked_obj, state),
        "color": state.color,
        "author_name": "flowkit",
        "title": type(state).__name__,
        "fields": [{"title": "Message", "value": why, "short": False}] if why else [],
        "text": _said(tracked_obj, state),
    }
    return {"attachments": [attachment]}


def _mail(tracked_obj: Any, state: State) -> str:
    """The same as HTML."""
    shown = f'<b style="color: {state.color}">{escape(type(state).__name__)}</b>'
    why = f"<p>{escape(state.message)}</p>" if state.message else ""
    return f"<p><code>{escape(tracked_obj.name)}</code> is now in a {shown} state.</p>{why}"
