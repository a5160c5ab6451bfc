"""Which way a run is shown, given the terminal and what was asked for."""

from __future__ import annotations

import io

import pytest

from flowkit.cli.console import Console
from flowkit.cli.display import observers_for
from flowkit.cli.events import Events
from flowkit.cli.junit import JUnit
from flowkit.cli.plain import PlainDisplay
from flowkit.cli.progress import LiveDisplay
from flowkit.cli.quiet import QuietDisplay


class Terminal(io.StringIO):
    def isatty(self):
        return True


def chosen(stream=None, environ=None, **asked):
    console = Console(stdout=io.StringIO(), stderr=stream or io.StringIO(), environ=environ or {})
    return [type(observer) for observer in observers_for(console=console, name="f", **asked)]


@pytest.mark.parametrize(
    ("stream", "environ", "asked", "kinds"),
    [
        (Terminal(), {}, {}, [LiveDisplay]),
        (Terminal(), {"CI": "1"}, {}, [PlainDisplay]),
        (Terminal(), {"TERM": "dumb"}, {}, [PlainDisplay]),
        (io.StringIO(), {}, {}, [PlainDisplay]),
        (Terminal(), {}, {"quiet": 1}, [QuietDisplay]),
        (Terminal(), {}, {"json": True}, [Events, QuietDisplay]),
        (Terminal(), {}, {"json": True, "verbose": 1}, [Events, PlainDisplay]),
    ],
)
def test_the_display_fits_the_place(stream, environ, asked, kinds):
    assert chosen(stream, environ, **asked) == kinds


def test_a_report_is_made_beside_any_display(tmp_path):
    assert chosen(junit=tmp_path / "j.xml", json=True) == [Events, JUnit, QuietDisplay]


def test_an_output_mode_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="loud"):
        chosen(output="loud")
