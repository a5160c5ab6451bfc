"""The page of a report in a real browser: by keyboard, in both themes, and whatever a run has said."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SHOP = """
    import logging
    from datetime import timedelta
    from flowkit import flow, task

    log = logging.getLogger("shop")
    away = [1, 2]

    @task(cache=True)
    def users(day: str):
        print(f"reading users of {day}")
        return 7

    @task(max_retries=3, retry_delay=timedelta(seconds=0.05))
    def orders(day: str):
        log.info("asking the server")
        if away:
            away.pop()
            raise ConnectionError("the server is away")
        return list(range(30))

    @task
    def clean(order: int):
        print(f"cleaning order {order}")
        if order == 17:
            raise ValueError("negative price: -17")
        return order

    @task
    def join(users, orders):
        log.warning("joined late")
        return 1

    @flow
    def shop(day: str = "mon"):
        return join(users(day), clean.map(orders(day)))
"""

EVIL = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
HOSTILE = f"""
    from flowkit import Flow, task

    EVIL = {EVIL!r}

    @task(name=EVIL)
    def evil():
        print(EVIL)
        print("<!-- <script> {{{{ 7 * 7 }}}} \\u2028 control \\x00 \\x1b[31mred\\x1b[0m \\x1b]0;title\\x07")
        print("\\u202egnp.exe \\u05e9\\u05dc\\u05d5\\u05dd")
        print("x" * 3_000_000)
        raise ValueError(EVIL + "\\n\\x1b[2J" + "y" * 20_000)

    @task(name="__proto__")
    def proto():
        raise KeyError("\\u202e")

    @task
    def constructor():
        return 1

    with Flow("hostile <b>bold</b>") as flow:
        evil(), proto(), constructor()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which both flows have run, once each."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "flows").mkdir()
    for name, text in (("shop", SHOP), ("hostile", HOSTILE)):
        (folder / "flows" / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        command(folder, "run", f"flows/{name}.py", "-q", code=1)
        command(folder, "report", "-o", f"{name}.html")
    return folder


def command(folder: Path, *arguments: str, code: int = 0) -> None:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("FLOWKIT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowkit", *arguments],
        cwd=folder,
        env={**kept, "HOME": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr


class Page(Browser):
    """The page of a report, and what its user does."""

    def __init__(self, chrome: Chrome, file: Path) -> None:
        super().__init__(chrome)
        self._file = file

    def load(self, *, dark: bool = False, width: int = 1280, scripts: bool = True) -> Page:
        """Show the page anew."""
        self.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self.media(dark=dark)
        self.resize(width, 900)
        self.open(self._file)
        return self

    def media(self, medium: str = "", *, dark: bool = False) -> None:
        """Show it by day or night, on a screen or on paper; without motion, so that nothing moves away."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        media = {"media": medium, "features": [scheme, still]}
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def element(self, selector: str) -> WebElement:
        """The first one, also where it is not seen."""
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def elements(self, selector: str) -> list[WebElement]:
        """All, also those that are not seen."""
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of all, also of those that are not seen."""
        script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
        found: list[str] = self.run(script, selector)
        return found

    def until(self, says: Callable[[], Any]) -> None:
        """Wait for something that the page does by itself."""
        WebDriverWait(self.chrome, 10, 0.02).until(lambda _: says())

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        found: int = self.run(script)
        return found

    @property
    def ground(self) -> int:
        """How light it is behind all, from 0 to 765."""
        colour = self.run("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))


@pytest.fixture
def shop(browser: Browser, project: Path) -> Iterator[Page]:
    page = Page(browser.chrome, project / "shop.html")
    yield page
    page.load().run("localStorage.clear()")


@pytest.fixture
def hostile(browser: Browser, project: Path) -> Page:
    return Page(browser.chrome, project / "hostile.html")


# -- all of it --------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1600])
def test_the_page_fits_complains_of_nothing_and_asks_for_nothing(shop: Page, dark: bool, width: int) -> None:
    shop.load(dark=dark, width=width)
    assert shop.overflow <= 0
    assert shop.run("return performance.getEntriesByType('resource').length") == 0


def test_what_matters_is_there_without_scripts(shop: Page) -> None:
    shop.load(scripts=False)
    assert shop.texts("h1") == ["shop"]
    assert "ValueError: negative price: -17" in shop.texts(".said")
    assert shop.element("noscript").text == "The picture needs JavaScript, which is off."
    assert not shop.element("#tasks-tools").is_displayed()


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const pixel = (colour, under) => {
  canvas.fillStyle = `rgb(${under.join(' ')})`;
  canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const ground = (element) => {
  const above = [];
  for (let each = element; each; each = each.parentElement) above.unshift(each);
  return above.reduce((under, each) => pixel(getComputedStyle(each).backgroundColor, under), [255, 255, 255]);
};
const light = (colour) => {
  const [r, g, b] = colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
for (const each of document.querySelectorAll('details')) each.open = true;
const poor = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = walker.nextNode(); text; text = walker.nextNode()) {
  const element = text.parentElement;
  const isText = text.data.trim() && !element.closest('svg, canvas, script, noscript, option');
  if (!isText || !element.checkVisibility()) continue;
  const style = getComputedStyle(element), under = ground(element);
  const [a, b] = [light(pixel(style.color, under)), light(under)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  seen += 1;
  const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
  if (ratio < least) poor.push(`${ratio.toFixed(2)} ${text.data.slice(0, 60)}`);
}
return [seen, poor];
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_told_from_what_is_behind_it(shop: Page, dark: bool) -> None:
    """By WCAG 2.2, 1.4.3: 4.5 to 1, of large text 3 to 1."""
    shop.load(dark=dark)
    seen, poor = shop.run(CONTRAST)
    assert seen > 200
    assert poor == []


def test_the_theme_follows_the_system_until_one_is_chosen(shop: Page) -> None:
    assert shop.load(dark=True).ground < 150
    button = shop.element("#theme")
    assert button.text == "Theme: auto"
    button.click()
    assert (button.text, shop.ground > 600) == ("Theme: light", True)
    shop.load(dark=True)  # chosen is chosen
    assert shop.ground > 600
    shop.element("#theme").click()
    assert (shop.element("#theme").text, shop.ground < 150) == ("Theme: dark", True)
    shop.element("#theme").click()
    assert shop.element("#theme").text == "Theme: auto"


def test_on_paper_all_is_light_and_nothing_is_folded(shop: Page) -> None:
    shop.load(dark=True)
    shop.run("dispatchEvent(new Event('beforeprint'))")
    shop.media("print", dark=True)
    assert shop.ground == 3 * 255
    assert not shop.element(".bar-top").is_displayed()
    assert shop.element(".traceback").is_displayed()
    shop.run("dispatchEvent(new Event('afterprint'))")
    shop.media()
    assert not shop.element(".traceback").is_displayed()


# -- by keyboard ------------------------------------------------------------------------------


def test_the_first_stop_skips_to_the_report_and_the_focus_is_seen(shop: Page) -> None:
    shop.load()
    shop.press(Keys.TAB)
    assert shop.focused.text == "Skip to the report"
    assert shop.focused.location["y"] >= 0
    assert shop.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shop.press(Keys.ENTER)
    assert shop.focused.get_attribute("id") == "main"


def test_everything_that_can_be_used_is_reached_by_tab(shop: Page) -> None:
    shop.load()
    reached = set()
    for _ in range(150):
        shop.press(Keys.TAB)
        element = shop.focused
        if element.tag_name == "body":
            break
        reached.add(element.get_attribute("id") or element.text or element.get_attribute("aria-label"))
    assert {
        "theme",
        "gantt",
        "tasks-find",
        "tasks-state",
        "logs-find",
        "Whole run",
        "Took",
        "Traceback",
    } <= reached
    assert "Children of clean" in reached or "▸" in reached


def test_the_timeline_is_walked_and_zoomed_by_keys(shop: Page) -> None:
    shop.load()
    shop.run("document.getElementById('gantt').focus()")
    said = shop.element("#spotted")
    shop.press(Keys.ARROW_RIGHT)
    first = said.text
    assert " · " in first
    shop.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert said.text != first
    brush = shop.element("#brush")
    assert not brush.is_displayed()
    shop.press("+", "+")
    shop.until(brush.is_displayed)
    assert 0 < brush.size["width"] < shop.element("#overview").size["width"] / 3
    shop.press("0")
    shop.until(lambda: not brush.is_displayed())
    name = said.text.split(" · ")[0]
    shop.press(Keys.ENTER)
    assert shop.focused.get_attribute("value") == name
    assert shop.texts("#tasks-table tbody .key") == [name]


def test_the_timeline_is_zoomed_by_its_buttons(shop: Page) -> None:
    shop.load()
    for button, shown in (("in", True), ("out", False), ("in", True), ("fit", False)):
        shop.element(f"#timeline [data-do={button}]").send_keys(Keys.ENTER)
        shop.until(lambda shown=shown: shop.element("#brush").is_displayed() is shown)


def drawn(page: Page) -> set[str]:
    """The colours in the canvas that many points have."""
    script = """
    const canvas = document.createElement('canvas'), shown = document.getElementById('gantt'), counts = {};
    [canvas.width, canvas.height] = [shown.width, shown.height];
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    pen.drawImage(shown, 0, 0);
    const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] < 255) continue;
      const colour = `${data[at]} ${data[at + 1]} ${data[at + 2]}`;
      counts[colour] = (counts[colour] || 0) + 1;
    }
    return Object.keys(counts).filter((colour) => counts[colour] > 20);
    """
    found: list[str] = page.run(script)
    return set(found)


def test_the_timeline_is_drawn_in_the_colours_of_the_theme(shop: Page) -> None:
    bad = {False: "196 43 49", True: "255 149 146"}
    for dark in (False, True):
        assert bad[dark] in drawn(shop.load(dark=dark))
        assert bad[not dark] not in drawn(shop)


# -- tasks ------------------------------------------------------------------------------------


def test_the_table_is_sorted_by_its_buttons_and_says_so(shop: Page) -> None:
    shop.load()
    attempts = shop.elements("#tasks-table thead button")[2]
    attempts.send_keys(Keys.ENTER)
    assert shop.element("#tasks-table th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert shop.texts("#tasks-table tbody .key")[:2] == ["clean", "orders"]
    shop.press(Keys.ENTER)  # it has kept the focus
    assert shop.element("#tasks-table th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert shop.texts("#tasks-table tbody .key")[-1] == "clean"
    shop.press(Keys.ENTER)
    assert not shop.elements("#tasks-table th[aria-sort]")


def test_children_are_folded_until_they_are_asked_for(shop: Page) -> None:
    shop.load()
    assert len(shop.elements("#tasks-table tbody tr")) == 4
    shop.element(".fold").send_keys(Keys.ENTER)
    assert shop.focused.get_attribute("aria-expanded") == "true"
    assert len(shop.elements("#tasks-table tbody tr")) == 34
    shop.press(Keys.ENTER)
    assert len(shop.elements("#tasks-table tbody tr")) == 4


def test_tasks_are_found_by_name_and_by_state(shop: Page) -> None:
    shop.load()
    shop.element("#tasks-find").send_keys("CLEAN[2")
    shop.until(lambda: len(shop.elements("#tasks-table tbody tr")) == 11)
    shop.element("#tasks-state").send_keys("failed")
    shop.until(lambda: shop.texts("#tasks-table tbody .key") == [])
    shop.element("#tasks-find").send_keys(Keys.BACKSPACE * 7)
    shop.until(lambda: shop.texts("#tasks-table tbody .key") == ["clean", "clean[17]"])
    assert shop.element("#tasks-count").text == "2 tasks of 34 found"


def test_the_graph_is_as_wide_as_the_page_until_it_is_wanted_larger(shop: Page) -> None:
    shop.load(width=400)
    picture, frame = shop.element(".graph svg"), shop.element(".graph")
    assert picture.size["width"] <= frame.size["width"]
    shop.element("#graph [data-do=actual]").send_keys(Keys.ENTER)
    drawn_at = picture.size["width"]
    assert drawn_at > frame.size["width"]
    shop.run("arguments[0].focus()", frame)
    shop.press("+")
    assert picture.size["width"] > drawn_at
    shop.press("0")
    assert picture.size["width"] <= frame.size["width"]


def test_a_task_of_the_graph_is_found_in_the_table(shop: Page) -> None:
    shop.load()
    assert {"users", "orders", "clean", "join"} <= set(shop.texts(".fk-node > text:first-of-type"))
    shop.element('.fk-node[data-key="orders"]').click()
    assert shop.element("#tasks-find").get_attribute("value") == "orders"
    assert shop.texts("#tasks-table tbody .key") == ["orders"]


# -- logs -------------------------------------------------------------------------------------


def test_logs_are_folded_by_task_and_opened_by_keys(shop: Page) -> None:
    shop.load()
    assert sorted(shop.texts("#logs-list .key")) == ["clean", "orders", "users"]
    assert not shop.elements("#logs-list details[open]")
    [orders] = [each for each in shop.elements("#logs-list summary") if each.text.startswith("orders")]
    orders.send_keys(Keys.ENTER)
    shop.until(lambda: shop.texts("#logs-list details[open] .lines span:last-child") != [])
    lines = shop.texts("#logs-list details[open] .lines div")
    assert len(lines) == 3
    assert all("INFO asking the server" in line for line in lines)


def test_logs_are_searched_over_all_tasks(shop: Page) -> None:
    shop.load()
    shop.element("#logs-find").send_keys("order 2")
    shop.until(lambda: shop.element("#logs-count").text == "11 lines of 1 task found")
    assert set(shop.texts("#logs-list mark")) == {"order 2"}
    shop.element("#logs-find").clear()
    shop.element("#logs-find").send_keys("nothing like this")
    shop.until(lambda: shop.element("#logs-count").text == "0 lines of 0 tasks found")


def test_logs_are_chosen_by_level(shop: Page) -> None:
    shop.load()
    shop.element("#logs-level").send_keys("INFO")
    shop.until(lambda: shop.element("#logs-count").text == "3 lines of 1 task found")


# -- a run that means harm --------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_a_run_says_stays_text(hostile: Page, dark: bool) -> None:
    hostile.load(dark=dark, width=800)
    hostile.run("for (const each of document.querySelectorAll('details')) each.open = true")
    hostile.until(lambda: len(hostile.elements(".lines div")) > 3)
    assert hostile.chrome.title.startswith("hostile <b>bold</b> · run 2")
    assert len(hostile.elements("script")) == 2
    assert not hostile.elements("img, iframe, b b, h1 b")
    assert EVIL in hostile.texts("#tasks-table .key")
    assert "__proto__" in hostile.texts("#tasks-table .key")
    assert hostile.overflow <= 0


def test_what_cannot_be_seen_is_shown_as_what_it_is(hostile: Page) -> None:
    hostile.load()
    hostile.run("for (const each of document.querySelectorAll('.log')) each.open = true")
    hostile.until(lambda: len(hostile.elements(".lines div")) > 3)
    lines = hostile.texts(".lines div > span")
    assert EVIL in lines
    [odd] = [line for line in lines if "control" in line]
    assert odd == "<!-- <script> {{ 7 * 7 }} \\u2028 control \\x00 red \\x1b]0;title\\x07"
    [turned] = [line for line in lines if "gnp.exe" in line]
    assert turned.startswith("\\u202egnp.exe ")
    assert any(line.endswith("more bytes") for line in lines)
    assert not set("\x1b\x00\u202e\u2028") & set(hostile.run("return document.body.textContent"))
