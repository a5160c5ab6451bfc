"""The page of `flowkit graph --format html`, as people use it: by mouse, by keyboard, by day and by night."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Browser
from selenium.webdriver import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from flowkit.draw import html
from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.html import Detail
from flowkit.draw.mark import Mark

EVIL = "</script><img src=x onerror=alert(1)><script>alert(2)</script>\x1b[31m\u202e"
OK = Mark(word="ok", symbol="✓", tone="good", took="1.2s", is_critical=True)
BAD = Mark(word="failed", symbol="✗", tone="bad", count="1 of 3 ok")

NODES = (
    Node("day", "day", kind="parameter"),
    Node("load", "load"),
    *(Node(f"clean-{number}", f"clean-{number}") for number in (1, 2, 3)),
    Node("evil", EVIL, mapped=True),
    Node("report", "report"),
)
EDGES = (
    Edge("day", "load"),
    *(Edge("load", f"clean-{number}", "True" if number == 1 else "") for number in (1, 2, 3)),
    *(Edge(f"clean-{number}", "report") for number in (1, 2, 3)),
    Edge("load", "evil"),
    Edge("evil", "report"),
)
SMALL = Drawing("etl", NODES, EDGES)
DETAILS = {
    "load": Detail(
        doc="Reads it.", code="def load(day):\n    return 1", place="flows/etl.py:3", last="2s in run 4"
    ),
    "evil": Detail(doc=EVIL, code=EVIL, place=EVIL, tags=("io", EVIL)),
}

Open = Callable[..., None]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Open:
    """Shows the page of a drawing."""

    def show(drawing: Drawing = SMALL, **options: object) -> None:
        page = tmp_path / "graph.html"
        page.write_text(html.render(drawing, **options), encoding="utf-8")  # type: ignore[arg-type]
        browser.open(page)

    return show


def large(size: int) -> Drawing:
    nodes = [
        Node("load", "load"),
        *(Node(f"part-{at}", f"part-{at}") for at in range(size)),
        Node("a", "join"),
    ]
    nodes += [Node("b", "check"), Node("c", "save")]
    edges = [Edge("load", f"part-{at}") for at in range(size)] + [
        Edge(f"part-{at}", "a") for at in range(size)
    ]
    return Drawing("large", tuple(nodes), (*edges, Edge("a", "b"), Edge("b", "c")))


def node(browser: Browser, key: str) -> WebElement:
    return browser.one(f'.fk-node[data-key="{key}"]')


def scale(browser: Browser) -> float:
    return float(
        browser.run(
            "return document.querySelector('.view:not([hidden]) g').transform.baseVal.consolidate().matrix.a"
        )
    )


def inside(browser: Browser, element: WebElement) -> bool:
    return bool(
        browser.run(
            "const a = arguments[0].getBoundingClientRect(), b = document.getElementById('stage')"
            ".getBoundingClientRect(); return a.left >= b.left && a.top >= b.top && a.right <= b.right"
            " && a.bottom <= b.bottom",
            element,
        )
    )


@pytest.mark.parametrize("width", [800, 1600])
@pytest.mark.parametrize("direction", ["down", "right"])
def test_all_of_it_is_seen_at_first(browser: Browser, show: Open, width: int, direction: str) -> None:
    browser.resize(width, 700)
    show(direction=direction, marks={"load": OK, "evil": BAD}, caption="run 42 · ✗ failed")
    nodes = browser.all(".fk-node")
    assert len(nodes) == len(NODES)
    assert all(inside(browser, each) for each in nodes)
    assert browser.one("h1").text == "etl"
    assert browser.one("#caption").text == "run 42 · ✗ failed"
    assert "✓ ok · 1.2s" in node(browser, "load").text


def test_a_click_tells_what_is_known_of_a_task(browser: Browser, show: Open) -> None:
    show(marks={"load": OK}, details=DETAILS)
    node(browser, "load").click()
    told = browser.one("#panel").text
    for text in (
        "load",
        "✓ ok · 1.2s",
        "critical path",
        "Reads it.",
        "flows/etl.py:3",
        "return 1",
        "2s in run 4",
    ):
        assert text in told
    assert [each.text for each in browser.all("#panel .links button")][:2] == ["day", "clean-1"]
    assert len(browser.all(".fk-line.near")) == 5
    browser.one("#close").click()
    assert browser.all("#panel") == []
    assert browser.focused == node(browser, "load")


def test_nothing_that_a_name_or_a_docstring_holds_is_carried_out(browser: Browser, show: Open) -> None:
    show(details=DETAILS, caption=EVIL, marks={"evil": Mark(word=EVIL, symbol="✗", tone="bad")})
    browser.run(
        "document.querySelectorAll('.view:not([hidden]) .fk-node')[5].dispatchEvent(new MouseEvent("
        "'click', {bubbles: true}))"
    )
    told = browser.one("#panel").text
    assert told.count("<img src=x onerror=alert(1)>") >= 4
    assert "\\u202e" in told
    assert browser.run("return document.images.length") == 0
    assert browser.run("return document.scripts.length") == 2


def test_what_the_policy_does_not_know_is_not_carried_out(browser: Browser, show: Open) -> None:
    show()
    browser.run(
        "window.ran = false; const script = document.createElement('script');"
        "script.textContent = 'window.ran = true'; document.body.append(script)"
    )
    assert browser.run("return window.ran") is False
    (said,) = browser.chrome.get_log("browser")
    assert "Content Security Policy" in said["message"]


def test_links_lead_from_task_to_task(browser: Browser, show: Open) -> None:
    show()
    node(browser, "report").click()
    next(each for each in browser.all(".links button") if each.text == "clean-2").click()
    assert browser.one("#label").text == "clean-2"
    assert browser.focused == node(browser, "clean-2")


def test_the_wheel_zooms_where_the_pointer_is_and_dragging_moves(browser: Browser, show: Open) -> None:
    show()
    load = node(browser, "load")
    before, place = scale(browser), load.rect
    ActionChains(browser.chrome).scroll_from_origin(ScrollOrigin.from_element(load), 0, -300).perform()
    assert scale(browser) > 1.4 * before
    middle = load.rect["x"] + load.rect["width"] / 2
    assert middle == pytest.approx(place["x"] + place["width"] / 2, abs=3)
    moved = load.rect["x"]
    stage = browser.one("#stage")
    ActionChains(browser.chrome).move_to_element_with_offset(
        stage, -500, 200
    ).click_and_hold().move_by_offset(120, 40).release().perform()
    assert load.rect["x"] == pytest.approx(moved + 120, abs=3)
    assert browser.all("#panel") == []
    browser.one("#fit").click()
    assert scale(browser) == pytest.approx(before)


def test_search_marks_what_is_found_and_enter_goes_there(browser: Browser, show: Open) -> None:
    show(marks={"report": BAD})
    browser.press("/")
    browser.press("clean")
    assert [each.get_attribute("data-key") for each in browser.all(".fk-node.hit")] == [
        "clean-1",
        "clean-2",
        "clean-3",
    ]
    assert browser.one("#found").text == "3 found"
    browser.press(Keys.ENTER, Keys.ENTER)
    assert browser.one("#found").text == "2 of 3"
    assert browser.one("#label").text == "clean-2"
    assert browser.focused == browser.one("#search")
    browser.press(Keys.ESCAPE)
    assert browser.all(".fk-node.hit") == []
    browser.press("/", "failed")
    assert [each.get_attribute("data-key") for each in browser.all(".fk-node.hit")] == ["report"]
    browser.press("x")
    assert browser.one("#found").text == "none found"


def test_the_keyboard_reaches_everything(browser: Browser, show: Open) -> None:
    show(details=DETAILS)
    browser.one("#stage").click()
    browser.run("document.getElementById('stage').focus()")
    browser.press(Keys.TAB)
    assert browser.focused == node(browser, "day")
    assert browser.focused.get_attribute("role") == "button"
    assert browser.focused.get_attribute("aria-label") == "day, parameter"
    assert browser.one(".view svg").get_attribute("role") == "group"
    browser.press(Keys.ARROW_DOWN)
    assert browser.focused == node(browser, "load")
    browser.press(Keys.ENTER)
    assert browser.one("#label").text == "load"
    browser.press(Keys.ESCAPE)
    assert browser.all("#panel") == []
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert str(browser.focused.get_attribute("data-key")).startswith("clean")
    before = scale(browser)
    browser.press("+")
    assert scale(browser) > before
    browser.press("0")
    assert scale(browser) == pytest.approx(before)
    browser.press("?")
    assert browser.one("#keys").is_displayed()
    browser.press(Keys.ESCAPE)
    assert browser.all("#keys") == []


def test_groups_open_and_close(browser: Browser, show: Open) -> None:
    show(marks={"clean-1": OK, "clean-2": BAD})
    assert len(browser.all(".fk-node")) == len(NODES)
    browser.run("by.value = '0'; by.dispatchEvent(new Event('change'))")
    assert len(browser.all(".fk-node")) == len(NODES) - 2
    group = node(browser, "group clean")
    assert "clean · 3 tasks" in group.text
    assert "✗ failed · 1 of 3 ok" in group.text
    group.click()
    assert len(browser.all(".fk-node")) == len(NODES)
    assert browser.focused == node(browser, "clean-1")
    browser.press("c")
    assert len(browser.all(".fk-node")) == len(NODES) - 2
    assert browser.focused == node(browser, "group clean")
    browser.press("/", "clean-3", Keys.ENTER)
    assert browser.one("#label").text == "clean-3"


def test_where_some_groups_are_open_the_others_stand_joined_among_their_tasks(
    browser: Browser, show: Open
) -> None:
    names = [f"{kind}-{number}" for kind in "ab" for number in range(3)]
    edges = [Edge(f"a-{number}", f"b-{number}") for number in range(3)]
    ends = [Edge("in", "a-0"), Edge("in", "a-1"), Edge("b-2", "out")]
    nodes = tuple(Node(name, name) for name in ("in", *names, "out"))
    show(Drawing("x", nodes, (*edges, *ends)))
    browser.run("by.value = '0'; by.dispatchEvent(new Event('change'))")
    node(browser, "group a").click()
    keys = [each.get_attribute("data-key") for each in browser.all(".fk-node")]
    assert sorted(map(str, keys)) == ["a-0", "a-1", "a-2", "group b", "in", "out"]
    assert len(browser.all(".fk-line")) == 2 + 3 + 1
    boxes = [each.rect for each in browser.all(".fk-node")]
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert (
                one["x"] + one["width"] <= other["x"] + 1
                or other["x"] + other["width"] <= one["x"] + 1
                or one["y"] + one["height"] <= other["y"] + 1
                or other["y"] + other["height"] <= one["y"] + 1
            )


def test_a_large_graph_begins_in_groups_and_two_thousand_tasks_are_shown(
    browser: Browser, show: Open
) -> None:
    show(large(2000))
    assert len(browser.all(".fk-node")) == 5
    browser.run("by.value = '-1'; by.dispatchEvent(new Event('change'))")
    assert browser.run("return document.querySelectorAll('.view:not([hidden]) .fk-node').length") == 2004
    browser.press("/", "part-1234", Keys.ENTER)
    assert browser.one("#label").text == "part-1234"
    assert inside(browser, node(browser, "part-1234"))
    assert scale(browser) >= 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_asks_and_as_is_chosen(
    browser: Browser, show: Open, scheme: str
) -> None:
    browser.prefer(scheme)
    show()

    def brightness() -> int:
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) // 3

    assert (brightness() > 200) is (scheme == "light")
    browser.press("t")
    assert (brightness() > 200) is (scheme == "dark")


def test_an_empty_flow_and_one_task_are_shown_too(browser: Browser, show: Open) -> None:
    show(Drawing("nothing", (), ()))
    assert browser.one("h1").text == "nothing"
    show(Drawing("one", (Node("a", "a"),), ()))
    assert inside(browser, node(browser, "a"))
