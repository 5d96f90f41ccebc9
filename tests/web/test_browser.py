"""The console in a real Chromium: what an operator sees and clicks, without a request that leaves the host."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from tests.web.support import PASSWORD
from web.drawing import PAGES

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
ROOT = Path(__file__).parents[2]
#: Where screenshots are left for people to look at; nowhere unless asked for.
SHOTS = os.environ.get("ILP_SCREENSHOTS")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.mark.browser
@unittest.skipUnless(CHROMIUM, "chromium is not installed: apt-get install chromium")
class Browser(unittest.TestCase):
    """One Chromium and one console for all; each test has its own window and session."""

    stack: ClassVar[ExitStack]
    base: ClassVar[str]
    chromium: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        cls.addClassCleanup(cls.stack.close)
        server = subprocess.Popen([sys.executable, "-m", "tests.web.serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        cls.stack.callback(cls._end, server)
        assert server.stdout is not None
        cls.base = f"http://127.0.0.1:{int(server.stdout.readline())}"
        profile = cls.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        playwright = cls.stack.enter_context(sync_playwright())
        cls.chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env={**os.environ, "HOME": profile})
        cls.stack.callback(cls.chromium.close)

    @staticmethod
    def _end(server: "subprocess.Popen[str]") -> None:
        server.terminate()
        server.wait(10)
        assert server.stdout is not None
        server.stdout.close()

    def window(self, width: int = 1440, height: int = 900, **more: Any) -> Page:
        """A fresh window; its errors and requests are checked when the test is over."""
        context = self.chromium.new_context(viewport={"width": width, "height": height}, timezone_id="Europe/Budapest", **more)
        self.addCleanup(context.close)
        page: Page = context.new_page()
        self.wrong: list[str] = []
        page.on("request", lambda request: self._check(request.url))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" and "40" not in said.text else None)
        self.addCleanup(lambda: self.assertEqual(self.wrong, []))
        return page

    def _check(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.wrong.append(f"left the host: {url}")

    def log_in(self, page: Page, who: str = "ann") -> Page:
        """As a person does."""
        page.goto(f"{self.base}/trader")
        page.fill("#name", who)
        page.fill("#password", PASSWORD)
        page.click("button")
        expect(page.locator("#state")).to_be_visible()
        return page

    def shoot(self, page: Page, name: str) -> None:
        """Leave a picture, if somebody wants pictures."""
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)

    def test_a_day(self) -> None:
        """Log in, START, fills arrive by themselves, STOP, log out."""
        page = self.log_in(self.window())
        page.click("text=START…")
        expect(page.locator("main")).to_contain_text("This is the sandbox")
        page.click("button:has-text('START trading')")
        expect(page.locator("#state")).to_have_text("TRADING")
        expect(page.locator("text=customer")).not_to_have_count(0)
        before = page.locator("td:has-text('customer')").count()
        expect(page.locator("td:has-text('customer')").nth(before)).to_be_visible()
        page.click("button:has-text('STOP')")
        expect(page.locator("#state")).to_have_text("READY")
        page.click("text=Log out")
        expect(page.locator("#password")).to_be_visible()
        page.goto(f"{self.base}/trader")
        expect(page.locator("#password")).to_be_visible()

    def test_update(self) -> None:
        """A bad value stays in its field with its problem; a good one is applied and shown."""
        page = self.log_in(self.window())
        page.goto(f"{self.base}/parameters")
        page.fill("id=trader.quote_size", "-1")
        expect(page.locator("#pending")).to_have_text("1 changed, not applied")
        page.click("button:has-text('UPDATE')")
        expect(page.locator("main")).to_contain_text("Refused, nothing was changed.")
        expect(page.locator("id=trader.quote_size")).to_have_value("-1")
        page.fill("id=trader.quote_size", "0.2")
        page.click("button:has-text('UPDATE')")
        expect(page.locator("main")).to_contain_text("trader.quote_size 0.25 → 0.2")

    def test_what_if(self) -> None:
        """The answer comes while one types, and the running parameters stay."""
        page = self.log_in(self.window())
        page.goto(f"{self.base}/what-if")
        page.fill("id=trader.edge_to_enter", "0.6%")
        expect(page.locator("#what-if-result")).to_contain_text("+17.28")
        page.goto(f"{self.base}/parameters")
        expect(page.locator("id=trader.edge_to_enter")).to_have_value("0.4%")

    def test_work_for_a_person(self) -> None:
        """A transfer is approved, a task done with its reference."""
        page = self.log_in(self.window())
        page.goto(f"{self.base}/tasks")
        page.click("text=Approve: send 0.31 BTC")
        page.click("button:has-text('Approve')")
        page.click("text=Send 4,000,000 HUF")
        page.click("button:has-text('It is done')")
        expect(page.locator("main")).to_contain_text("needed, so that the arrival can be matched")
        page.fill("#reference", "77ab")
        page.click("button:has-text('It is done')")
        expect(page.locator("main")).to_contain_text("Nothing to do.")

    def test_keys(self) -> None:
        """Two keys lead to a page; letters typed into a field do not."""
        page = self.log_in(self.window())
        page.keyboard.press("g")
        page.keyboard.press("b")
        page.wait_for_url("**/balances")
        page.goto(f"{self.base}/parameters")
        page.focus("id=trader.quote_size")
        page.keyboard.type("gb")
        self.assertTrue(page.url.endswith("/parameters"))

    def test_stop_without_javascript(self) -> None:
        """Everything can be read, and STOP works."""
        page = self.log_in(self.window(java_script_enabled=False))
        expect(page.locator("time").first).to_contain_text("UTC")
        page.click("button:has-text('STOP')")
        expect(page.locator("#state")).to_have_text("READY")

    def test_times_are_the_viewers(self) -> None:
        """Local time in the text, UTC in the tooltip, and it stays so when news arrive."""
        page = self.log_in(self.window())
        stamp = page.locator(".asof time")
        page.wait_for_timeout(2500)
        self.assertNotIn("UTC", stamp.inner_text())
        self.assertIn("UTC", stamp.get_attribute("title") or "")

    def test_every_page_in_both_themes_and_on_a_phone(self) -> None:
        """No page is wider than its window, none breaks the policy, and axe finds nothing serious."""
        for name, width, scheme in (("light", 1440, "light"), ("dark", 1440, "dark"), ("phone", 390, "light")):
            page = self.log_in(self.window(width, color_scheme=scheme))
            for each in PAGES:
                page.goto(f"{self.base}/{each.name}")
                expect(page.locator("#link")).to_have_text("Live")
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.assertLessEqual(wide, 0, (name, each.name))
                self.shoot(page, f"{each.name}-{name}")
                self._audit(page, f"{each.name} {name}")

    def _audit(self, page: Page, where: str) -> None:
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{violation['id']}: {violation['nodes'][0]['html'][:160]} {violation['nodes'][0]['failureSummary'][:200]}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        self.assertEqual(serious, [], where)

    def test_the_sessions_end(self) -> None:
        """A page left open goes to the login by itself once its session is over: nothing of the pool stays on the screen."""
        page = self.log_in(self.window())
        other = page.context.new_page()
        other.goto(f"{self.base}/health")
        other.click("text=Log out")
        expect(page.locator("#password")).to_be_visible(timeout=10_000)

    def test_a_lost_connection_is_said(self) -> None:
        """What may be old is marked as such."""
        context = self.log_in(self.window())
        context.route("**/events/**", lambda route: route.abort())
        context.goto(f"{self.base}/trader")
        try:
            expect(context.locator("#link")).to_have_text("No news: what you see may be old", timeout=15_000)
        except Error:
            self.fail("the page says nothing")
        self.wrong.clear()
