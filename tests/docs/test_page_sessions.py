"""How a page is compared with a terminal: what varies may, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_blocks import Block
from page_place import Place
from page_sessions import Command, commands_of, differs, kept, screen, typed


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("  ✓ 2 ok   20ms", "  ✓ 2 ok    1.3s"),
        ("rates  run 1 neat-walrus · 3 tasks", "rates  run 1 brisk-otter · 3 tasks"),
        ("made 3 seconds ago, 87 B", "made just now, 4.1 KiB"),
        ("a\n…\nc", "a\nb\nb\nc"),
        ("a\n…", "a"),
        ("one … three", "one two three"),
        ("╭─────╮", "╭─────╮"),
        ("", "\n"),
    ],
)
def test_what_varies_may_vary(shown: str, came: str) -> None:
    assert differs(shown.split("\n"), came.split("\n")) == ""


@pytest.mark.parametrize(
    ("shown", "came", "said"),
    [
        ("  ✓ 2 ok   20ms", "  ✓ 3 ok   20ms", "`  ✓ 2 ok   20ms` was to come, came `  ✓ 3 ok   20ms`"),
        ("a\nb", "a", "`b` was to come, nothing more came"),
        ("a", "a\nb", "nothing more was to come, came `b`"),
        ("a\n…\nd", "a\nb\nc", "`d` was to come, nothing more came"),
        ("rates of run 1", "rates of run 2", "`rates of run 1` was to come, came `rates of run 2`"),
        ("  ⊘ total", "⊘ total", "`  ⊘ total` was to come, came `⊘ total`"),
    ],
)
def test_nothing_else_may(shown: str, came: str, said: str) -> None:
    assert differs(shown.split("\n"), came.split("\n")) == said


@pytest.mark.parametrize(
    ("shown", "came", "kept_lines"),
    [
        ("a\n…\nd 3ms", "a\nb\nc\nd 5ms", "a\n…\nd 3ms"),
        ("a\n…\nold", "a\nb\nnew", "a\nb\nnew"),
        ("run 1 neat-walrus\n…", "run 2 brisk-otter\nmore", "run 2 brisk-otter\nmore"),
        ("one … three\nold", "one two three\nnew", "one … three\nnew"),
        ("a\n…", "a", "a\n…"),
        ("a\nd", "a\nb\nd", "a\nb\nd"),
        ("old\n…\nlast", "new\nx\ny\nlast", "new\nx\ny\nlast"),
    ],
)
def test_what_is_recorded_keeps_the_words_of_the_page(shown: str, came: str, kept_lines: str) -> None:
    assert "\n".join(kept(shown.split("\n"), came.split("\n"))) == kept_lines


def test_a_session_is_commands_with_what_they_show() -> None:
    assert commands_of("$ one\nsaid\n\n$ two \\\n  more\n$ three\n") == [
        Command("one", ["said", ""]),
        Command("two \\\n  more", []),
        Command("three", []),
    ]
    with pytest.raises(ValueError, match="begins with"):
        commands_of("said\n$ one\n")


def test_of_a_terminal_counts_what_stays() -> None:
    drawn = (
        "\x1b[?25lfirst\r\n\x1b[36mlive 1\x1b[0m\r\x1b[2Klive 2\r\nbar"
        "\x1b[1A\r\x1b[2K\x1b[1B\x1b[2K\x1b[1Alast\r\n"
    )
    assert screen(drawn) == ["first", "last", ""]
    assert screen("abc\rx\b\x1b[3Cz") == ["xbcz"]
    assert screen("one\r\ntwo\r\nthree\x1b[2A\rO\x1b[J") == ["O"]


def test_a_command_is_typed_in_a_terminal(tmp_path: Path) -> None:
    place = Place("docs/none.md", tmp_path)
    assert typed("test -t 1 && echo yes; exit 3", place.project, place.environ) == (["yes", ""], 3)
    assert typed("kill -9 $$", place.project, place.environ)[1] == -9


def test_what_is_not_as_the_page_says_is_told_with_its_place(tmp_path: Path) -> None:
    place = Place("docs/none.md", tmp_path)
    place.carry_out(Block("docs/none.md", 7, "console", "$ echo one\none\n$ echo two\nthree\n"))
    (wrong,) = place.wrong
    assert wrong.startswith("docs/none.md:7, `$ echo two`: `three` was to come, came `two`")
    with pytest.raises(ZeroDivisionError):
        place.carry_out(Block("docs/none.md", 9, "python", "1 / 0\n"))
    with pytest.raises(ValueError, match="Invalid"):
        place.carry_out(Block("docs/none.md", 9, "toml", "a = = b\n"))
    place.carry_out(Block("docs/none.md", 9, "sh", "true\nfalse\n"))
    assert place.wrong[-1].startswith("docs/none.md:9: exit code 1")
