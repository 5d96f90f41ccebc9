"""Pictures of every page, light, dark and as a phone shows it, of the real pool on its sandbox.

``python -m docs.make_screenshots`` leaves them in ``docs/screenshots``. ImageMagick's ``convert``, where it is installed, makes
them a quarter of the size.
"""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.web.sandbox import NAME, PASSWORD, SandboxPool
from web.drawing import PAGES

TO = Path(__file__).parent / "screenshots"
LOOKS = (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"))
#: Seconds of trading before the pictures, a world's hour each minute.
TRADING = 90
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
                page = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
                _log_in(page, pool.base)
                for each in PAGES:
                    page.goto(f"{pool.base}/{each.name}")
                    page.wait_for_timeout(2000 if each.name == "charts" else 700)
                    _keep(page, TO / f"{each.name}-{name}.png")
            chromium.close()
    finally:
        pool.close()
    shutil.copy(TO / "trader-light.png", TO / "trader.png")


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


def _keep(page: Any, file: Path) -> None:
    page.screenshot(path=str(file))
    convert = shutil.which("convert")
    if convert is not None:
        subprocess.run([convert, str(file), "-colors", "64", f"png8:{file}"], check=True)  # noqa: S603 - our own file names


if __name__ == "__main__":
    main()
