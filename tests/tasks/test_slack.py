"""Messages by a webhook, against a server of this test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from flowkit import Flow
from flowkit.errors import CallError, UsageError
from flowkit.plan.state import Failed
from flowkit.tasks.notifications import PushbulletTask, SlackTask


class Webhook(HTTPServer):
    """Keeps what is posted.

    Attributes:
        got: path, type and content of each post.
        answer: status and text of each answer.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str | None, Any]] = []
        self.answer = (200, "ok")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/hidden"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
        status, text = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    monkeypatch.setenv("no_proxy", "*")
    with Webhook() as server:
        monkeypatch.setenv("FLOWKIT_SECRET_SLACK_WEBHOOK_URL", server.address)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_text_is_posted(ended: Any, webhook: Webhook) -> None:
    assert ended(SlackTask("ü “done”\n2")).is_successful()
    assert webhook.got == [
        ("/services/T0/B0/hidden", "application/json; charset=utf-8", {"text": "ü “done”\n2"})
    ]


def test_what_the_webhook_takes_is_posted_as_it_is(ended: Any, webhook: Webhook) -> None:
    message = {"text": "a", "blocks": [{"type": "divider"}]}
    assert ended(SlackTask(), message=message).is_successful()
    assert webhook.got[0][2] == message


def test_a_secret_of_another_name(ended: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_TEAM", webhook.address + "/team")
    assert ended(SlackTask("a", webhook_secret="TEAM")).is_successful()
    assert webhook.got[0][0].endswith("/team")


def test_an_answer_that_is_no_success_is_a_failure_that_does_not_tell_the_address(
    ended: Any, webhook: Webhook
) -> None:
    webhook.answer = (403, "invalid_token")
    state = ended(SlackTask("a"))
    assert type(state) is Failed and isinstance(state.result, ConnectionError)
    assert str(state.result) == "the webhook answered 403 Forbidden: invalid_token"


def test_it_is_tried_again(webhook: Webhook) -> None:
    webhook.answer = (500, "")
    with Flow("again") as flow:
        made = SlackTask("a", max_retries=2, retry_delay=0)()
    assert flow.run(history=False).result[made].is_failed()
    assert len(webhook.got) == 3


def test_a_server_that_is_not_there(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("FLOWKIT_SECRET_SLACK_WEBHOOK_URL", "http://127.0.0.1:1/hidden")
    state = ended(SlackTask("a"))
    assert isinstance(state.result, ConnectionError) and "hidden" not in str(state.result)
    assert str(state.result).startswith("the webhook cannot be reached")


def test_what_is_missing_is_named(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWKIT_SECRET_SLACK_WEBHOOK_URL", raising=False)
    assert isinstance(ended(SlackTask()).result, CallError)
    unset = ended(SlackTask("a")).result
    assert isinstance(unset, UsageError) and "the secret `SLACK_WEBHOOK_URL` is not set" in str(unset)
    monkeypatch.setenv("FLOWKIT_SECRET_SLACK_WEBHOOK_URL", "file:///etc/passwd")
    assert "is not the address of a webhook" in str(ended(SlackTask("a")).result)


def test_a_note_is_pushed(ended: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_PUSHBULLET_TOKEN", "token")
    pushing = PushbulletTask("done")
    pushing.address = webhook.address
    assert ended(pushing).is_successful()
    assert webhook.got[0][2]["body"] == "done"
