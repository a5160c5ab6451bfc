"""A real browser for the tests of pages: Debian's Chromium, without a window and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

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
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    yield browser
    browser.quit()
