"""A server that takes mail and keeps it, with as much of SMTP as a client needs, also encrypted."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast


@dataclass
class Mail:
    """One mail, as it was handed in."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    user: str | None = None
    password: str | None = None
    encrypted: bool = False
    content: EmailMessage = field(default_factory=EmailMessage)


class MailServer(socketserver.TCPServer):
    """Keeps what it is given.

    Args:
        kind: `SSL`, `STARTTLS` or `INSECURE`.
        tls: what it proves itself with, where it encrypts.

    Attributes:
        refused: recipients that it does not take.
        password: the only one that it takes, where there is one.
    """

    allow_reuse_address = True

    def __init__(self, kind: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.kind, self.tls = kind, tls
        self.mails: list[Mail] = []
        self.refused: set[str] = set()
        self.password: str | None = None

    @property
    def port(self) -> int:
        return cast(int, self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate goes away."""


class _Session(socketserver.BaseRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.mail = Mail()
        try:
            if self.server.kind == "SSL":
                self._encrypt()
            self.file = self.request.makefile("rb")
            self._serve()
            self.file.close()
        finally:
            self.request.close()  # the one that encrypts is not the one that the server closes

    def _serve(self) -> None:
        self._say("220 ready")
        while line := self.file.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            if verb == "QUIT":
                self._say("221 bye")
                return
            getattr(self, f"_{verb.lower()}")(rest)

    def _say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.mail.encrypted = True

    def _ehlo(self, rest: str) -> None:
        self._say("250-here", "250-STARTTLS", "250 AUTH PLAIN")

    def _starttls(self, rest: str) -> None:
        self._say("220 go")
        self.file.close()
        self._encrypt()
        self.file = self.request.makefile("rb")

    def _auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if self.server.password not in (None, password):
            self._say("535 wrong")
            return
        self.mail.user, self.mail.password = user, password
        self._say("235 welcome")

    def _mail(self, rest: str) -> None:
        self.mail.sender = rest.partition("<")[2].partition(">")[0]
        self._say("250 ok")

    def _rcpt(self, rest: str) -> None:
        recipient = rest.partition("<")[2].partition(">")[0]
        if recipient in self.server.refused:
            self._say("550 nobody of that name")
            return
        self.mail.recipients.append(recipient)
        self._say("250 ok")

    def _rset(self, rest: str) -> None:
        self._say("250 ok")

    def _data(self, rest: str) -> None:
        self._say("354 go")
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".").replace(b"\r\n", b"\n"))
        content = message_from_bytes(b"".join(lines), policy=policy.default)
        self.mail.content = cast(EmailMessage, content)
        self.server.mails.append(self.mail)
        self._say("250 kept")


@contextmanager
def serving(kind: str, tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    with MailServer(kind, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
