"""State handlers that send messages, against servers of these tests."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.errors import UsageError
from flowkit.state import Failed, Running, Skipped, Success
from flowkit.tasks.notifications import notifiers
from flowkit.utilities.notifications import callback_factory, gmail_notifier, slack_notifier

OLD, NEW = Running(), Failed("it broke", result=None)


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is posted to Slack, instead of being posted."""
    found: list[Any] = []

    class Fake:
        def run(self, message: Any, secret: str) -> None:
            found.append((message, secret))

    monkeypatch.setattr(notifiers, "SlackTask", Fake)
    return found


@task
def clean() -> None:
    raise ValueError("no")


def test_a_state_is_posted_with_who_is_in_it_and_why(posted: list[Any]) -> None:
    assert slack_notifier(clean, OLD, NEW) is NEW
    slack_notifier(clean, OLD, Failed("m", result=ValueError("v")), webhook_secret="OTHER")
    slack_notifier(clean, OLD, Success())
    (first, secret), (second, other), (third, _) = posted
    attachment = first["attachments"][0]
    assert (attachment["text"], attachment["title"]) == ("clean is now in a Failed state", "Failed")
    assert attachment["color"] == Failed.color
    assert attachment["fields"] == [{"title": "Message", "value": "it broke", "short": False}]
    assert (secret, other) == ("SLACK_WEBHOOK_URL", "OTHER")
    assert second["attachments"][0]["fields"][0]["value"] == "```ValueError('v')```"
    assert third["attachments"][0]["fields"] == []


def test_a_notifier_takes_its_options_first(posted: list[Any]) -> None:
    handler = slack_notifier(only_states=[Failed])(backend_info=False)
    for state in (NEW, Success(), Skipped()):
        assert handler(clean, OLD, state) is state
        assert slack_notifier(clean, OLD, state, ignore_states=[Success, Failed]) is state
    assert len(posted) == 1
    assert pickle.loads(pickle.dumps(handler)).keywords == handler.keywords


def test_a_flow_is_told_of_by_its_name(posted: list[Any]) -> None:
    with Flow("nightly", state_handlers=[slack_notifier(only_states=[Failed])]) as flow:
        clean()
    flow.run(history=False)
    assert posted[0][0]["attachments"][0]["text"] == "nightly is now in a Failed state"


def test_what_cannot_be_sent_fails_the_task() -> None:
    with Flow("f") as flow:
        made = task(lambda: 1, name="t", state_handlers=[slack_notifier(webhook_secret="NOT_SET_ANYWHERE")])()
    state = flow.run(history=False).result[made]
    assert state.is_failed() and isinstance(state.result, UsageError)


def test_a_mail_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    class Fake:
        def run(self, **mail: Any) -> None:
            sent.append(mail)

    monkeypatch.setattr(notifiers, "EmailTask", Fake)
    monkeypatch.setenv("FLOWKIT_SECRET_EMAIL_USERNAME", "me@example.org")
    assert gmail_notifier(clean, OLD, Failed("a < b")).is_failed()
    gmail_notifier(ignore_states=[Failed])(clean, OLD, NEW)
    (mail,) = sent
    assert (mail["subject"], mail["email_to"]) == ("clean is Failed", "me@example.org")
    assert "a &lt; b" in mail["msg"] and "<code>clean</code>" in mail["msg"]


def test_a_callback_is_called_where_its_check_says_so() -> None:
    called: list[Any] = []
    handler = callback_factory(lambda tracked, state: called.append(state), lambda state: state.is_failed())
    assert handler(clean, OLD, NEW) is NEW and handler(clean, OLD, OLD) is OLD
    assert called == [NEW]
