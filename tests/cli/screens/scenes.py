"""The screens that are shown in docs/screenshots: what is typed, and what happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acting import give_cue, make_cue, take_cues_away
from drawn_screen import DrawnScreen
from stage import VARIES, Stage, stage

WIDTHS = (80, 200)
_DAY = 86_400.0
_AT_WORK = (23, 24)  # the two shops that are loaded in the middle of the run, of 40


def scenes(columns: int) -> Iterator[tuple[str, DrawnScreen]]:
    """Each scene's name and screen, in a terminal of that width."""
    with stage(columns) as shop:
        yield "flowkit", shop.shown()
        shop.shown("register")
        yield "list", shop.shown("list")
        yield "help", shop.shown("run", "forecast", "--help")
        yield "mistakes", shop.shown("run", "invoices", "--tax", "many", "--pat", "new.csv")
        yield "graph", shop.shown("graph", "forecast")
        shop.shown("run", "forecast", "--workers", "1")  # so that there is something to know from
        shop.clock.go_on(_DAY)
        yield from _live(shop)
        shop.clock.go_on(660)
        yield "failure", shop.shown("run", "invoices")
        shop.clock.go_on(95)
        shop.be_one_process()
        yield "runs", shop.shown("runs")
        yield "runs-show", shop.shown("runs", "show", "2")
        yield "runs-show-failed", shop.shown("runs", "show", "3")
        yield "predict", shop.shown("predict", "forecast")
        yield "doctor", shop.shown("doctor")


def _live(shop: Stage) -> Iterator[tuple[str, DrawnScreen]]:
    """A run in its middle, and the same at its end; time passes only where it says so here."""
    downloads = [f"download-{shop_at_work}" for shop_at_work in _AT_WORK]
    for cue in ("rates", "orders", "half of train", "train", "check", "report", *downloads):
        make_cue(shop.folder, cue)

    def pass_time(seconds: float, *cues: str) -> None:
        shop.clock.go_on(seconds)
        for cue in cues:
            give_cue(shop.folder, cue)

    with shop.showing("run", "forecast", "--workers", "3") as showing:
        showing.wait_for("✓ holidays", "rates +<1ms", "orders +<1ms")
        pass_time(0.4, "rates")
        showing.wait_for("↻ rates")
        pass_time(0.8, "orders")
        showing.wait_for("0/300", "23/40", "2 running")
        pass_time(7.1, "half of train")
        showing.wait_for("180/300")
        pass_time(4.6)
        showing.wait_for("0:12 · eta")
        yield "live", showing.screen
        make_cue(shop.folder, "rates")
        pass_time(9.2, downloads[0])  # by now rates has its next attempt
        showing.wait_for("39/40", "rates +<1ms +attempt 2")
        pass_time(0.4, "rates")
        showing.wait_for("✓ rates")
        pass_time(0.6, downloads[1])
        showing.wait_for("✓ download", "check +<1ms")
        pass_time(0.3, "check")
        showing.wait_for("✓ check")
        pass_time(3.1, "train")
        showing.wait_for("✓ train", "report +<1ms")
        pass_time(1.1, "report")
        yield "summary", showing.end()
    take_cues_away(shop.folder)


def text_of(screen: DrawnScreen) -> str:
    """The lines of a screen, with what varies from one time to the next as it is in the pictures."""
    text = "\n".join(screen.lines).rstrip()
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    return text


def texts(columns: int) -> Mapping[str, str]:
    """The text of each scene."""
    return {name: text_of(screen) for name, screen in scenes(columns)}
