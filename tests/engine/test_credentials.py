"""What looks like a secret, without anybody's having said so, is covered; what does not, stays."""

from __future__ import annotations

from time import perf_counter

import pytest

from flowkit.engine.credentials import without_credentials

COVERED = [
    ("postgres://bob:S3CRET@host/db", "postgres://bob:•••@host/db"),
    ("no route to 'redis://:hush@[::1]:6379/0'", "no route to 'redis://:•••@[::1]:6379/0'"),
    ("mysql+pymysql://u:p@ss/w:rd@h:3306/d", "mysql+pymysql://u:•••@h:3306/d"),
    ("a://u:p@h,b://v:q@i", "a://u:•••@h,b://v:•••@i"),
    ("Bearer S3CRET4", "Bearer •••"),
    ("Basic dXNlcjpwYXNz", "Basic •••"),
    ("Authorization: Bearer hush", "Authorization: Bearer •••"),
    ("{'Authorization': 'Token abc'}", "{'Authorization': •••}"),
    ("X-Api-Key: hush\nHost: h", "X-Api-Key: •••\nHost: h"),
    ("Set-Cookie: sid=1; Path=/", "Set-Cookie: •••"),
    ("bad ghp_0123456789abcdefABCDEF here", "bad ••• here"),
    ("https://ghp_0123456789abcdefABCDEF@github.com", "https://•••@github.com"),
    ("AKIAIOSFODNN7EXAMPLE", "•••"),
    ("xoxb-123456789012-abc", "•••"),
    ("sk-proj-0123456789abcdef", "•••"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "•••"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx", "•••\nx"),
    ("-----BEGIN PRIVATE KEY-----\nabc", "•••"),
    ("Conn(host='h', password='a\\'b, c', port=1)", "Conn(host='h', password=•••, port=1)"),
    ("Login(user='u', credentials=Pair(a='x', b=[1, 2]), n=3)", "Login(user='u', credentials=•••, n=3)"),
    ("namespace(api_key=b'hush', n=1)", "namespace(api_key=•••, n=1)"),
    ("host=h password=hush dbname=d", "host=h password=••• dbname=d"),
    ("GET /x?access_token=hush&page=2", "GET /x?access_token=•••&page=2"),
    ('{"password": "hush", "n": 1}', '{"password": •••, "n": 1}'),
    ('Answer(body=\'{\\"db_password\\": \\"hush\\"}\')', "Answer(body='{\\\"db_password\\\": •••}')"),
    ("secret=cut in the mid…", "secret=••• in the mid…"),
]


@pytest.mark.parametrize(("text", "shown"), COVERED)
def test_what_looks_like_a_secret_is_covered(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials(shown) == shown


STAYS = [
    "",
    "http://localhost:8080/a@b",
    "https://bob@host/db",
    "postgres://host:5432/db",
    "Basic authentication failed",
    "Bearer token missing",
    "password: must have eight characters",
    "Conn(password=None, secret='', api_key=<Key>, token=True)",
    "unexpected keyword argument 'password'",
    "missing 'password': give one",
    "max_tokens=512",
    "password == 'x' is not true",
    "task-0123456789-0123456789 of sk-learn",
    "cookie: not found",
    "eyJ.x",
    "'0f3a9c1d2b4e5f60718293a4b5c6d7e8f9012345' is no commit",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_does_not_look_like_one_stays(text: str) -> None:
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "secret",
        "secret=",
        "://",
        "://a:",
        "x-",
        "\\'",
        "password='",
        "password=(",
        "eyJ",
        "bearer ",
        "sk-",
        " ",
    ],
)
def test_a_hostile_text_takes_no_longer_than_its_length(piece: str) -> None:
    began = perf_counter()
    without_credentials(piece * (20_000 // len(piece)))
    assert perf_counter() - began < 1


def test_of_a_very_long_text_both_ends_are_looked_at() -> None:
    found = without_credentials(f"token='hush' {'x' * 1_000_000} postgres://u:hush@h")
    assert "hush" not in found
    assert len(found) < 30_000
