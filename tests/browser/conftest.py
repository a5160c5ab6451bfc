"""A real browser for the tests of pages: Debian's Chromium, without a window and without a network."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

sys.path.insert(0, str(Path(__file__).parent))

from browser import Browser

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1280,900",
)


def program(name: str) -> str:
    """Where a program is.

    Raises:
        AssertionError: it is missing, which fails the test rather than skipping it.
    """
    found = shutil.which(name)
    assert found is not None, f"`{name}` is missing: `apt-get install chromium chromium-driver`"
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """The browser, one for all tests."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[Browser]:
    """A page of 1,600 by 900 pixels, by day.

    In the end nothing may stand in its console, and it may have asked for nothing but its file.
    """
    browser = Browser(chromium)
    browser.resize(1600, 900)
    browser.prefer("light")
    yield browser
    browser.leave()
    assert chromium.get_log("browser") == []
    assert [url for url in browser.asked() if not url.startswith(("file:", "data:", "about:"))] == []
