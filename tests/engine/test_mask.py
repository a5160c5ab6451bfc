"""What is secret is covered, however it is written, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import pickle
import pprint
import shlex
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from flowkit.engine.mask import COVER, MASK, Mask

TOKEN = "pa/ss+w'o\"r<d>&\\ é%42"
WORD = st.text("abcAB01+/=-_ .'\"\\é\n", min_size=3, max_size=30).filter(lambda text: len(text.strip()) >= 3)
SOLID = st.text("abcdefgh0123456789", min_size=8, max_size=60)


def mask_of(*values: Any) -> Mask:
    mask = Mask()
    for value in values:
        mask.add(value)
    return mask


def test_while_nothing_is_known_texts_are_as_they_were() -> None:
    mask = Mask()
    text, lines = "all is said", ["one", "two"]
    assert not mask
    assert mask.text(text) is text
    assert mask.lines(lines) == lines
    assert not mask.holds(b"anything") and not mask.holds("anything")


def test_every_occurrence_is_covered_and_the_rest_stays() -> None:
    mask = mask_of("hunter2")
    assert mask
    assert mask.text("hunter2 and Hunter2, hunter2!") == f"{COVER} and Hunter2, {COVER}!"


def test_secrets_that_overlap_are_covered_to_the_end() -> None:
    assert mask_of("abcdef", "defghi", "abc").text("<abcdefghi>") == f"<{COVER}>"


@pytest.mark.parametrize("short", ["", "ab", " a\n", 12, b"xy", None, True, [], {"key": "v"}])
def test_what_is_short_or_says_nothing_is_not_covered(short: object) -> None:
    mask = mask_of(short)
    assert not mask
    assert mask.text("ab 12 xy True None key v") == "ab 12 xy True None key v"


FORMS: dict[str, Callable[[str], str]] = {
    "json": json.dumps,
    "json_of_unicode": lambda text: json.dumps({"key": text}, ensure_ascii=False),
    "json_in_json": lambda text: json.dumps(json.dumps([text])),
    "json_with_slashes_escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "repr": lambda text: repr([text]),
    "repr_in_other_quotes": lambda text: repr(text + "'" + '"'),
    "ascii": lambda text: ascii({"a": text}),
    "bytes": lambda text: repr(text.encode()),
    "url": lambda text: f"https://host/{quote(text)}?x=1",
    "url_all": lambda text: quote(text, safe="").lower(),
    "form": lambda text: f"user=me&password={quote_plus(text)}",
    "html": lambda text: f"<b>{html.escape(text)}</b>",
    "shell": lambda text: shlex.join(["curl", "-H", f"Authorization: {text}"]),
    "hex": lambda text: text.encode().hex(),
    "upper_hex": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "basic_auth": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "inside_base64": lambda text: base64.b64encode(f"ab{text} and more".encode()).decode(),
    "url_safe_base64": lambda text: base64.urlsafe_b64encode(f"a{text}".encode()).decode(),
    "lines_of_dos": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("secret", [TOKEN, "hunter2!", "ÿÿÿ>>>???"])
def test_a_secret_is_covered_in_all_that_it_may_be_written_as(
    form: Callable[[str], str], secret: str
) -> None:
    written = form(secret)
    shown = mask_of(secret).text(f"x {written} y")
    assert COVER in shown
    assert not longest_common(shown, written) > len(written) - len(secret), shown


def longest_common(shown: str, written: str) -> int:
    """Characters at both ends of `written` that are still shown."""
    middle = shown[2:-2]
    before, _, after = middle.partition(COVER)
    assert COVER not in written
    return len(before) + len(after.rpartition(COVER)[2])


@given(st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, max_size=4), st.randoms())
def test_no_secret_is_left_in_a_text(secrets: list[str], others: list[str], random: Any) -> None:
    mask = mask_of(*secrets)
    parts = [*secrets, *others]
    random.shuffle(parts)
    text = "".join(parts)
    shown = mask.text(text)
    assert not [secret for secret in secrets if secret.strip() in shown]
    assert shown.count("\n") == text.count("\n")
    assert mask.holds(text) and mask.holds(text.encode()) and mask.holds(pickle.dumps([text]))


@given(SOLID, st.integers(1, 30), st.text(" >|", max_size=4))
def test_a_secret_that_is_wrapped_is_covered_in_each_of_its_lines(
    secret: str, width: int, indent: str
) -> None:
    mask = mask_of(secret)
    for whole in (secret, base64.b64encode(secret.encode()).decode()):
        lines = textwrap.wrap(whole, width + len(indent), subsequent_indent=indent) or [""]
        shown = mask.lines(["before", *lines, "after"])
        assert len(shown) == len(lines) + 2
        assert (shown[0], shown[-1]) == ("before", "after")
        left = "".join(line.replace(COVER, "").strip(" >|") for line in shown[1:-1])
        assert len(left) <= 2, shown  # the last digits of base64 with nothing in them


@pytest.mark.parametrize("value", ["correct horse battery staple " * 3, b"correct horse battery staple" * 3])
def test_a_secret_that_is_printed_prettily_is_covered(value: str | bytes) -> None:
    for width in (12, 20, 40):
        lines = pprint.pformat({"password": value, "user": "me"}, width=width).splitlines()
        shown = "\n".join(mask_of(value).lines(lines))
        assert "horse" not in shown and "stap" not in shown and "attery" not in shown
        assert "'user': 'me'" in shown and "'password'" in shown


def test_a_secret_of_words_is_covered_though_wrapping_took_a_space_out() -> None:
    text = "the answer is correct horse battery staple, they say"
    for width in range(8, 40):
        shown = mask_of("correct horse battery staple").lines(textwrap.wrap(text, width))
        assert not {"horse", "battery"} & set(" ".join(shown).split()), shown
        assert "answer" in " ".join(shown)


def test_each_longer_line_of_a_secret_is_covered_on_its_own() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\nxyz\n-----END KEY-----\n"
    mask = mask_of(key)
    assert mask.text("line: kqhkiG9w0BAQE;") == f"line: {COVER};"
    assert mask.text("xyz") == "xyz"
    assert mask.text(f"[{key}]").splitlines() == [f"[{COVER}", COVER, COVER, COVER, COVER, "]"]
    assert mask.text(json.dumps(key.rstrip())) == f'"{COVER}"'


def test_lines_that_only_look_alike_together_are_left_where_they_are_short() -> None:
    assert mask_of("123").lines(["1", "23", "12 3"]) == ["1", "23", "12 3"]


class Model(BaseModel):
    user: str
    password: SecretStr
    key: SecretBytes


@dataclass(slots=True)
class Account:
    user: str
    pin: int


def test_parts_of_a_value_are_covered_and_of_a_model_only_what_it_hides() -> None:
    nested = {"a": ["text1", ("text2", 12345)], "b": Decimal("3.25"), "c": {b"text3", b"text4"}}
    assert mask_of(nested).text("text1 text2 12345 3.25 text3 text4 a") == " ".join([COVER] * 6) + " a"
    model = Model(user="alice", password=SecretStr("alice1"), key=SecretBytes(b"raw key"))
    assert mask_of([model, "plain"]).text("alice alice1 raw key plain") == f"alice {COVER} {COVER} plain"
    assert mask_of(Account("alice", 98765)).text("alice 98765") == f"{COVER} {COVER}"


def test_a_value_that_holds_itself_or_is_of_any_class_is_taken() -> None:
    loop: list[Any] = ["inside"]
    loop += [loop, object(), threading.Lock(), Model]
    assert mask_of(loop).text("inside") == COVER


def test_bytes_that_are_no_text_are_found_by_their_codes() -> None:
    key = bytes(range(250, 256)) * 2
    mask = mask_of(key)
    for text in (key.hex(), repr(key), base64.b64encode(b"a" + key).decode()):
        assert COVER in mask.text(text)
    assert mask.holds(b"xx" + key)


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("hunter2!", {"a": "my hunter2! is"}),
        ("pässwörd", "pässwörd".encode("utf-16")),
        ("hunter2!", base64.b64encode(b"..hunter2!..")),
        ("x" * 5_000, ["x" * 5_000]),
        (123456789, [123456789]),
        (2**70, 2**70),
        (0.12345, {"rate": 0.12345}),
    ],
)
def test_a_kept_result_that_holds_a_secret_is_found(secret: object, kept: object) -> None:
    mask = mask_of(secret)
    for protocol in (4, 5):
        assert mask.holds(pickle.dumps(kept, protocol))
    assert not mask.holds(pickle.dumps({"a": "my hunter3! is", "n": 123456788}))


def test_a_long_secret_is_covered() -> None:
    secret = "".join(str(number) for number in range(2_000))
    mask = mask_of(secret)
    assert mask.text(f"a {secret}, {json.dumps(secret)}") == f'a {COVER}, "{COVER}"'
    assert set(mask.lines(textwrap.wrap(secret, 70))) == {COVER}


def test_a_value_is_known_at_once_to_all_threads() -> None:
    mask = Mask()
    left: list[str] = []

    def use(number: int) -> None:
        for turn in range(5):
            secret = f"secret-{number}-{turn}."
            mask.add(secret)
            left.append(mask.text(secret))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(left) == {COVER}


def test_it_does_not_show_what_it_knows() -> None:
    assert repr(mask_of("hunter2")) == "<Mask: 1 values>"
    assert isinstance(MASK, Mask)


def test_what_is_left_of_a_secret_that_was_cut_elsewhere_is_covered() -> None:
    mask = Mask()
    mask.add("open-sesame-0123456789")
    assert mask.also_cut("'Bearer open-ses…456789'") == "'Bearer •••'"
    assert mask.also_cut("'open-sesame-012345678…' and '…89 b'") == "'•••…' and '…89 b'"
    assert mask.also_cut("nothing … of it") == "nothing … of it"
    mask.add("two\nlines of one key")
    assert mask.also_cut(r"'x two\nlin…'") == "'x •••…'"
    assert Mask().also_cut("a…b") == "a…b"
