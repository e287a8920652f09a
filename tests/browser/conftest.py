"""Headless Chromium for the tests of the report's page.

Where Chromium or its driver is missing the tests are skipped, and say so; with the environment
variable ``ANODEBAYES_BROWSER=require`` they fail instead.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A driver of headless Chromium that keeps what the console and the network say."""
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        what = "Chromium" if program is None else "chromedriver"
        advice = f"{what} is missing; on Debian: apt-get install chromium chromium-driver"
        if os.environ.get("ANODEBAYES_BROWSER") == "require":
            pytest.fail(advice)
        pytest.skip(advice)
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options=options, service=Service(driver))
    running.set_script_timeout(300)
    try:
        yield running
    finally:
        running.quit()
