"""How the command says that it cannot."""

from __future__ import annotations

from flowkit.cli import errors
from flowkit.errors import BugError, LoadError, UsageError


def test_an_error_is_one_sentence_the_users_frames_and_the_ways_out(screen):
    error = LoadError("`flows/etl.py:3` raised ValueError: no", hints=("look there", "first\nsecond"))
    error.add_note('  File "flows/etl.py", line 3, in <module>\n    load()')
    errors.show(error, console=screen.console)
    assert screen.shown == (
        "error: `flows/etl.py:3` raised ValueError: no\n"
        '    File "flows/etl.py", line 3, in <module>\n'
        "      load()\n"
        "hint: look there\n"
        "hint: first\n"
        "      second\n"
    )


def test_what_a_message_would_do_to_a_terminal_is_shown(screen):
    errors.show(UsageError("no flow `\x1b[2J[bold]`"), console=screen.console)
    assert screen.shown == "error: no flow `\\x1b[2J[bold]`\n"


def test_debug_shows_the_traceback_first(screen):
    try:
        raise UsageError("no flow") from KeyError("x")
    except UsageError as error:
        errors.show(error, debug=True, console=screen.console)
    assert "Traceback (most recent call last):" in screen.shown
    assert "test_errors.py" in screen.shown
    assert screen.shown.endswith("error: no flow\n")


def test_a_bug_says_that_it_is_ours_where_it_is_and_what_to_send(screen):
    try:
        {}["x"]
    except KeyError as error:
        assert errors.show_bug(error, console=screen.console) == 70
    assert screen.shown.startswith("Traceback (most recent call last):")
    assert "error: flowkit has a bug: KeyError: 'x' (tests/cli/display/test_errors.py:" in screen.shown
    assert "please report it with the lines above" in screen.shown
    assert "hint: flowkit " in screen.shown


def test_a_bug_that_was_raised_on_purpose_is_shown_as_one(screen):
    errors.show(BugError("the run is stuck"), console=screen.console)
    assert "error: flowkit has a bug: the run is stuck\n" in screen.shown


def test_without_a_console_the_streams_of_the_process_are_used(capsys):
    errors.show(UsageError("no flow"))
    assert capsys.readouterr() == ("", "error: no flow\n")
