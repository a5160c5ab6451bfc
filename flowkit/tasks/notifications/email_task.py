"""Mail as a task. smtplib and email are imported when a task runs.

Source of the vocabulary: Prefect classic, 21.6.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowkit.engine.secret import Secret
from flowkit.errors import CallError, UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from smtplib import SMTP

_TYPES = ("SSL", "STARTTLS", "INSECURE")
_PATIENCE = 60.0  # seconds for each answer of the server

StrPath = str | os.PathLike[str]
Addresses = str | Iterable[str]

_ATTRIBUTES = (
    "subject",
    "msg",
    "email_to",
    "email_from",
    "smtp_server",
    "smtp_port",
    "smtp_type",
    "msg_plain",
    "email_to_cc",
    "email_to_bcc",
    "attachments",
)


class EmailTask(Task):
    """Send a mail, as the user and with the password of the secrets `EMAIL_USERNAME` and `EMAIL_PASSWORD`.

    Args:
        subject: of the mail.
        msg: its text as HTML.
        email_to, email_to_cc, email_to_bcc: addresses, in a list or with `,` between them; at least one.
        email_from: an address; default: `EMAIL_USERNAME`.
        smtp_server, smtp_port: where the mail is handed in.
        smtp_type: `SSL`, `STARTTLS`, or `INSECURE`: without encryption, and so without the secrets.
        msg_plain: its text for those who do not read HTML.
        attachments: paths of files.
        **options: those of `Task`.
    """

    def __init__(
        self,
        subject: str | None = None,
        msg: str | None = None,
        email_to: Addresses | None = None,
        email_from: str | None = None,
        smtp_server: str = "smtp.gmail.com",
        smtp_port: int = 465,
        smtp_type: str = "SSL",
        msg_plain: str | None = None,
        email_to_cc: Addresses | None = None,
        email_to_bcc: Addresses | None = None,
        attachments: Iterable[StrPath] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.subject = subject
        self.msg = msg
        self.email_to = email_to
        self.email_from = email_from
        self.smtp_server = smtp_server
        self.smtp_port = smtp_port
        self.smtp_type = smtp_type
        self.msg_plain = msg_plain
        self.email_to_cc = email_to_cc
        self.email_to_bcc = email_to_bcc
        self.attachments = attachments

    @defaults_from_attrs(*_ATTRIBUTES)
    def run(
        self,
        subject: str | None = None,
        msg: str | None = None,
        email_to: Addresses | None = None,
        email_from: str | None = None,
        smtp_server: str = "smtp.gmail.com",
        smtp_port: int = 465,
        smtp_type: str = "SSL",
        msg_plain: str | None = None,
        email_to_cc: Addresses | None = None,
        email_to_bcc: Addresses | None = None,
        attachments: Iterable[StrPath] | None = None,
    ) -> None:
        """Send it to all, or to nobody.

        Raises:
            UsageError: a secret is not set, or not ASCII.
            CallError: nobody to send to, or an argument that cannot be.
            smtplib.SMTPException: the server does not take the mail, or not for all of them.
            OSError: the server cannot be reached, or an attachment not be read.
        """
        to, cc, bcc = (_addresses(each) for each in (email_to, email_to_cc, email_to_bcc))
        if not to + cc + bcc:
            raise CallError(f"the task `{self.name}` needs an `email_to`")
        if smtp_type not in _TYPES:
            raise CallError(
                f"`smtp_type` of the task `{self.name}` is {', '.join(_TYPES)}, not `{smtp_type}`"
            )
        login = None if smtp_type == "INSECURE" else (_secret("EMAIL_USERNAME"), _secret("EMAIL_PASSWORD"))
        sender = email_from or (login[0] if login else None)
        if not sender:
            raise CallError(f"the task `{self.name}` needs an `email_from`")
        mail = _mail(msg, msg_plain)
        mail["Subject"] = subject or ""
        mail["From"] = sender
        for header, addresses in (("To", to), ("Cc", cc)):
            if addresses:
                mail[header] = ", ".join(addresses)
        for path in attachments or ():
            _attach(mail, Path(path))
        with _connected(smtp_server, smtp_port, smtp_type) as server:
            if login is not None:
                server.login(*login)
            refused = server.send_message(mail, to_addrs=to + cc + bcc)
        if refused:
            from smtplib import SMTPRecipientsRefused

            raise SMTPRecipientsRefused(refused)


def _addresses(given: Addresses | None) -> list[str]:
    """As the envelope takes them."""
    from email.utils import getaddresses

    parts = [given] if isinstance(given, str) else list(given or ())
    return [address for _, address in getaddresses(parts) if address]


def _secret(name: str) -> str:
    text = Secret(name).text()
    if not text.isascii():  # smtplib would put the whole of it into its error
        raise UsageError(f"the secret `{name}` is not ASCII, which smtplib cannot send")
    return text


def _mail(msg: str | None, plain: str | None) -> EmailMessage:
    """A mail with its text, or both of its texts."""
    from email.message import EmailMessage

    mail = EmailMessage()
    if plain is not None or msg is None:
        mail.set_content(plain or "")
    if msg is not None and plain is not None:
        mail.add_alternative(msg, subtype="html")
    elif msg is not None:
        mail.set_content(msg, subtype="html")
    return mail


def _attach(mail: EmailMessage, path: Path) -> None:
    kind, encoding = mimetypes.guess_type(path.name)
    main, _, sub = (kind if kind and not encoding else "application/octet-stream").partition("/")
    mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)


@contextmanager
def _connected(server: str, port: int, kind: str) -> Iterator[SMTP]:
    """A connection that is encrypted, unless it is to be insecure, to a server whose certificate is right."""
    import smtplib
    import ssl

    try:
        if kind == "SSL":
            made: SMTP = smtplib.SMTP_SSL(
                server, port, timeout=_PATIENCE, context=ssl.create_default_context()
            )
        else:
            made = smtplib.SMTP(server, port, timeout=_PATIENCE)
    except OSError as error:
        raise ConnectionError(f"the mail server `{server}:{port}` cannot be reached: {error}") from error
    with made:
        if kind == "STARTTLS":
            made.starttls(context=ssl.create_default_context())
        yield made
