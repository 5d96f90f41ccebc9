"""A day of an operator in a real Chromium, on the real pool and its real sandbox: nothing between them is made up."""

import shutil
import unittest
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.web.sandbox import NAME, PASSWORD, SandboxPool
from tests.web.test_browser import CHROMIUM, FLAGS

#: Milliseconds that a thing may take on a small machine.
PATIENCE = 45_000


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
@unittest.skipUnless(CHROMIUM, "chromium is not installed: apt-get install chromium")
class SandboxDay(unittest.TestCase):
    """One pool, one operator."""

    stack: ClassVar[ExitStack]
    page: ClassVar[Page]
    base: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        cls.addClassCleanup(cls.stack.close)
        # The pool begins away from its ideal, so that a transfer is worth a person's approval.
        pool = SandboxPool(transfers="approve", source_balance="USD 100000, BTC 0.05", target_balance="HUF 37000000, BTC 4")
        cls.stack.callback(pool.close)
        cls.base = pool.base
        playwright = cls.stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        cls.stack.callback(chromium.close)
        cls.page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
        cls.page.set_default_timeout(PATIENCE)

    def go(self, name: str) -> Page:
        """To a page, live."""
        self.page.goto(f"{self.base}/{name}")
        return self.page

    def see(self, where: str) -> Any:
        """What must be seen soon."""
        return expect(self.page.locator(where).first)

    def test_a_day(self) -> None:
        """Log in, START, fills, what-if, UPDATE refused and accepted, a transfer approved, the past, STOP."""
        self._log_in_and_start()
        self._watch_fills()
        self._ask_what_if()
        self._update()
        self._approve()
        self._look_back()
        self._stop()

    def _log_in_and_start(self) -> None:
        page = self.go("trader")
        page.fill("#name", NAME)
        page.fill("#password", PASSWORD)
        page.click("button")
        self.see("#state").to_have_text("READY", timeout=PATIENCE)
        page.click("text=START…")
        self.see("main").to_contain_text("no real money is at stake")
        page.click("button:has-text('START trading')")
        self.see("#state").to_have_text("TRADING", timeout=PATIENCE)

    def _watch_fills(self) -> None:
        self.see("td:has-text('customer')").to_be_visible(timeout=PATIENCE)
        before = self.page.locator("#live td time").first.get_attribute("datetime")
        self.see(f"#live td time:not([datetime='{before}'])").to_be_visible(timeout=PATIENCE)

    def _ask_what_if(self) -> None:
        page = self.go("what-if")
        page.fill("[id='trader.quote_size']", "0.02")
        self.see("#what-if-result tr:has-text('Ask size')").to_contain_text("0.02000000", timeout=PATIENCE)
        page.fill("[id='trader.quote_size']", "0.05")
        page.fill("[id='balance:source.USD']", "1")
        self.see("#what-if-result table").to_be_visible(timeout=PATIENCE)
        self.go("parameters")
        self.see("[id='trader.quote_size']").to_have_value("0.05")

    def _update(self) -> None:
        page = self.go("parameters")
        page.fill("[id='trader.quote_size']", "-3")
        self.see("#pending-list tbody").to_contain_text("trader.quote_size")
        page.click("button:has-text('UPDATE')")
        self.see("main").to_contain_text("Refused, nothing was changed.")
        page.fill("[id='trader.quote_size']", "0.04")
        page.click("button:has-text('UPDATE')")
        self.see(".note.good").to_contain_text("trader.quote_size 0.05 → 0.04")
        self.see("section:has-text('Who changed what') tbody").to_contain_text(NAME)

    def _approve(self) -> None:
        page = self.go("tasks")
        self.see(".tasks a").to_be_visible(timeout=PATIENCE)
        page.locator(".tasks a").first.click()
        self.see(".pairs").to_be_visible()
        page.click("button:has-text('Approve')")
        self.see(".tasks, .nothing").to_be_visible(timeout=PATIENCE)
        self.go("transits")
        self.see("article.mover, table .pill").to_be_visible(timeout=PATIENCE)

    def _look_back(self) -> None:
        page = self.go("fills")
        self.see("h2:has-text('All fills')").to_be_visible()
        self.assertGreater(page.locator("section:has-text('All fills') tbody tr").count(), 0)
        self.go("orders")
        self.see("section:has-text('All orders') tbody tr").to_be_visible()
        self.go("charts")
        self.see(".chart canvas").to_be_visible(timeout=PATIENCE)
        self.go("statement")
        self.see("main").to_contain_text("Customers' spread")
        self.go("log?level=info&search=TRADING")
        self.see(".log tbody").to_contain_text("READY -> TRADING")
        self.go("health")
        self.see(".lamps").to_contain_text("connected")

    def _stop(self) -> None:
        self.page.click("button:has-text('STOP')")
        self.see("#state").to_have_text("READY", timeout=PATIENCE)
        self.go("orders")
        expect(self.page.locator("#live tbody tr")).to_have_count(0, timeout=PATIENCE)
