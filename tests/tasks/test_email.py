"""Mail by a task, against a server of this test."""

from __future__ import annotations

import shutil
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mail_server import MailServer, serving

from flowkit.errors import CallError, UsageError
from flowkit.plan.state import Failed
from flowkit.tasks.notifications import EmailTask


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_EMAIL_USERNAME", "robot@here.example")
    monkeypatch.setenv("FLOWKIT_SECRET_EMAIL_PASSWORD", "1e5")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with serving("INSECURE") as made:
        yield made


def mail_to(server: MailServer, **options: Any) -> EmailTask:
    """A task that hands its mail in at this server."""
    given = {"email_to": "a@x.example", "smtp_type": server.kind, "email_from": "me@here.example"}
    return EmailTask(smtp_server="localhost", smtp_port=server.port, **given | options)


def test_a_mail_arrives(ended: Any, server: MailServer) -> None:
    assert ended(mail_to(server, subject="Ünïcode", msg="<b>ü</b>")).is_successful()
    (mail,) = server.mails
    assert (mail.sender, mail.recipients, mail.user) == ("me@here.example", ["a@x.example"], None)
    assert mail.content["Subject"] == "Ünïcode"
    assert mail.content["From"] == "me@here.example" and mail.content["To"] == "a@x.example"
    assert mail.content.get_content_type() == "text/html"
    assert mail.content.get_content().strip() == "<b>ü</b>"


def test_what_is_given_at_the_call(ended: Any, server: MailServer) -> None:
    assert ended(
        mail_to(server), subject="called", msg_plain="plain", email_to=["b@x.example"]
    ).is_successful()
    (mail,) = server.mails
    assert mail.recipients == ["b@x.example"] and mail.content["Subject"] == "called"
    assert mail.content.get_content_type() == "text/plain" and mail.content.get_content() == "plain\n"


def test_both_texts_and_attachments(ended: Any, server: MailServer, tmp_path: Path) -> None:
    (tmp_path / "ü table.csv").write_text("a,b\n.\n..\n")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    files = [tmp_path / "ü table.csv", str(tmp_path / "data.bin")]
    assert ended(mail_to(server, msg="<p>", msg_plain="p"), attachments=files).is_successful()
    content = server.mails[0].content
    html, plain = content.get_body(("html",)), content.get_body(("plain",))
    assert html is not None and html.get_content() == "<p>\n"
    assert plain is not None and plain.get_content() == "p\n"
    table, data = content.iter_attachments()
    assert (table.get_filename(), table.get_content_type()) == ("ü table.csv", "text/csv")
    assert (data.get_filename(), data.get_content()) == ("data.bin", bytes(range(256)))


def test_all_recipients_get_it_and_those_in_bcc_are_not_shown(ended: Any, server: MailServer) -> None:
    task = mail_to(server, email_to="a@x.example, B <b@x.example>", email_to_cc=["c@x.example"])
    assert ended(task, email_to_bcc="d@x.example,e@x.example").is_successful()
    (mail,) = server.mails
    assert mail.recipients == [f"{name}@x.example" for name in "abcde"]
    assert mail.content["To"] == "a@x.example, b@x.example" and mail.content["Cc"] == "c@x.example"
    assert "d@x.example" not in mail.content.as_string()


def test_a_recipient_who_is_refused_is_a_failure(ended: Any, server: MailServer) -> None:
    server.refused = {"b@x.example"}
    state = ended(mail_to(server, email_to="a@x.example,b@x.example"))
    assert type(state) is Failed and isinstance(state.result, smtplib.SMTPRecipientsRefused)
    assert "b@x.example" in str(state.result)


def test_a_header_cannot_be_smuggled_in(ended: Any, server: MailServer) -> None:
    assert isinstance(ended(mail_to(server, subject="a\nBcc: x@y.example")).result, ValueError)
    assert server.mails == []


def test_what_is_missing_is_named(ended: Any, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "needs an `email_to`" in str(ended(mail_to(server, email_to=None)).result)
    assert "needs an `email_from`" in str(ended(mail_to(server, email_from=None)).result)
    unknown = ended(mail_to(server, smtp_type="TLS")).result
    assert isinstance(unknown, CallError) and "is SSL, STARTTLS, INSECURE, not `TLS`" in str(unknown)
    assert "/no/such" in str(ended(mail_to(server, attachments=["/no/such"])).result)
    monkeypatch.delenv("FLOWKIT_SECRET_EMAIL_PASSWORD")
    unset = ended(mail_to(server, smtp_type="SSL")).result
    assert isinstance(unset, UsageError) and "the secret `EMAIL_PASSWORD` is not set" in str(unset)


def test_a_server_that_is_not_there_is_named(ended: Any) -> None:
    task = EmailTask(
        email_to="a@x.example",
        email_from="b@x.example",
        smtp_server="127.0.0.1",
        smtp_port=1,
        smtp_type="INSECURE",
    )
    state = ended(task)
    assert isinstance(state.result, ConnectionError)
    assert "the mail server `127.0.0.1:1` cannot be reached" in str(state.result)


def test_a_password_that_cannot_be_sent_is_not_in_the_error(
    ended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_EMAIL_PASSWORD", "pässword")
    error = ended(EmailTask(email_to="a@x.example")).result
    assert isinstance(error, UsageError) and "ssword`" not in str(error)


# -- encrypted ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `localhost` with its key, which nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("a certificate is made by openssl")
    made = tmp_path_factory.mktemp("certificate") / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", made, "-out", f"{made}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    with made.open("a") as file:
        file.write(Path(f"{made}.crt").read_text())
    return made


@pytest.fixture(params=["SSL", "STARTTLS"])
def encrypting(request: pytest.FixtureRequest, certificate: Path) -> Iterator[MailServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(request.param, tls) as made:
        yield made


def test_an_encrypted_mail_is_handed_in_with_the_secrets(
    ended: Any, encrypting: MailServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    assert ended(mail_to(encrypting, email_from=None, msg_plain="x")).is_successful()
    (mail,) = encrypting.mails
    assert mail.encrypted and (mail.user, mail.password) == ("robot@here.example", "1e5")
    assert mail.sender == "robot@here.example"


def test_a_password_that_is_wrong(
    ended: Any, encrypting: MailServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    encrypting.password = "another"
    assert isinstance(ended(mail_to(encrypting)).result, smtplib.SMTPAuthenticationError)
    assert encrypting.mails == []


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(ended: Any, encrypting: MailServer) -> None:
    state = ended(mail_to(encrypting))
    assert type(state) is Failed and "CERTIFICATE_VERIFY_FAILED" in str(state.result)
    assert encrypting.mails == []
