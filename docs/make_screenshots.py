"""Pictures of every page, light and dark, and of the first one as a phone shows it, of the real pool on its sandbox.

``python -m docs.make_screenshots`` leaves them in ``docs/screenshots``, small enough to be kept in the repository.
"""

import shutil
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.web.sandbox import NAME, PASSWORD, SandboxPool
from web.drawing import PAGES

TO = Path(__file__).parent / "screenshots"
LOOKS: tuple[tuple[str, int, Any], ...] = (("light", 1024, "light"), ("dark", 1024, "dark"), ("phone", 360, "light"))
#: Seconds of trading before the pictures, sixty times as many in the sandbox's world.
TRADING = 45
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def main() -> None:
    """Start a pool, let it trade for a while, and go through its pages."""
    TO.mkdir(exist_ok=True)
    pool = SandboxPool(transfers="approve", source_balance="USD 100000, BTC 1.0", target_balance="HUF 37000000, BTC 2.9")
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            _start(chromium, pool.base)
            time.sleep(TRADING)
            for name, width, scheme in LOOKS:
                page = chromium.new_context(viewport={"width": width, "height": 640}, color_scheme=scheme).new_page()
                _log_in(page, pool.base)
                for each in PAGES if name != "phone" else PAGES[:1]:
                    page.goto(f"{pool.base}/{each.name}")
                    page.wait_for_timeout(2000 if each.name == "charts" else 700)
                    page.screenshot(path=str(TO / f"{each.name}-{name}.png"))
            chromium.close()
    finally:
        pool.close()


def _log_in(page: Any, base: str) -> None:
    page.goto(f"{base}/trader")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_selector("#state")


def _start(chromium: Any, base: str) -> None:
    page = chromium.new_page()
    _log_in(page, base)
    page.wait_for_selector("#state:has-text('READY')", timeout=60_000)
    page.goto(f"{base}/start")
    page.click("button:has-text('START trading')")
    page.wait_for_selector("#state:has-text('TRADING')")
    page.close()


if __name__ == "__main__":
    main()
