"""What a person does with a page, and what they see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement


class Browser:
    """A window of Chromium.

    Args:
        chrome: what drives it.
    """

    def __init__(self, chrome: Chrome) -> None:
        self.chrome = chrome

    def open(self, page: Path) -> None:
        """Show a file."""
        self.chrome.get(page.as_uri())

    def resize(self, width: int, height: int) -> None:
        """Give the page this many pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Ask for `light` or `dark`, as a system does."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def leave(self) -> None:
        """Leave the page, and the browser as it was."""
        self.chrome.get("about:blank")
        self.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.chrome).send_keys(*keys).perform()

    def all(self, selector: str) -> list[WebElement]:
        """What is seen of the elements that a selector of CSS names."""
        return [each for each in self.chrome.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]

    def one(self, selector: str) -> WebElement:
        """The only one that is seen."""
        (found,) = self.all(selector)
        return found

    def run(self, script: str, *arguments: object) -> Any:
        """What a script in the page returns."""
        return self.chrome.execute_script(script, *arguments)

    @property
    def focused(self) -> WebElement:
        """What has the focus."""
        return self.chrome.switch_to.active_element

    def asked(self) -> list[str]:
        """The addresses that were asked for since this was last called."""
        events = [json.loads(each["message"])["message"] for each in self.chrome.get_log("performance")]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]
