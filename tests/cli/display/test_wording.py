"""Words and figures for people, safe in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.styled import cells, cropped, padded, plain, shortened, width
from flowkit.cli.wording import counted, duration, last_shown, listed, one_line, shown, ticking

ANY = st.text(st.characters())


@given(ANY)
def test_nothing_that_a_terminal_obeys_survives(text):
    found = shown(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in found)
    found.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_of_any_script_is_left_as_it_is(text):
    assert shown(text) == text


@given(ANY, st.integers(2, 300))
def test_one_line_is_one_bounded_line(text, limit):
    found = one_line(text, limit)
    assert len(found.splitlines()) <= 1
    assert len(found) <= limit + 2


@given(st.lists(st.tuples(ANY.map(shown), st.just("red")), max_size=5), st.integers(0, 40))
def test_a_cropped_line_fits_and_begins_as_the_line_does(line, columns):
    found = cropped(line, columns)
    assert width(found) <= columns
    assert plain(line).startswith(plain(found).removesuffix("…"))


@given(ANY.map(shown), st.integers(1, 40))
def test_a_shortened_name_fits_and_keeps_both_its_ends(text, columns):
    start, cut, end = shortened(text, columns).rpartition("…")
    assert cells(shortened(text, columns)) <= columns
    assert text.endswith(end)
    assert not cut or "…" in text or text.startswith(start)


@given(ANY.map(shown), st.integers(1, 40))
def test_padded_text_takes_as_many_cells_as_asked(text, columns):
    assert cells(padded(text, columns)) == columns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "<1ms"),
        (-1, "<1ms"),
        (0.034, "34ms"),
        (0.0996, "0.1s"),
        (0.14, "0.1s"),
        (59.94, "59.9s"),
        (59.96, "1:00"),
        (65, "1:05"),
        (3723, "1:02:03"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts_lists_and_clocks():
    assert [counted(1, "task"), counted(2000, "task")] == ["1 task", "2,000 tasks"]
    assert [listed(["a", "b"]), listed(list("abcde"))] == ["a, b", "a, b, c and 2 more"]
    assert [ticking(9.99), ticking(70), ticking(3600)] == ["0:09", "1:10", "1:00:00"]
    assert last_shown("10%\r100%\r") == "100%"
