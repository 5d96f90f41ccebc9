"""Section H of the original's defects (numbers of research/original_bugs.md): none may come back."""

import json

from twisted.internet.defer import Deferred, fail

from tests.web.fake_pool import PARAMETERS
from tests.web.support import PASSWORD, ConsoleCase
from web.api import lasting


class SectionH(ConsoleCase):
    """Web interface and security."""

    def test_100_no_get_changes_anything(self) -> None:
        """An ``<img src=/api/start>`` on any page does nothing, whoever's browser shows it."""
        id = self.log_in()
        for path in ("/api/start", "/api/stop", "/api/tasks/w-1", "/api/accept-differences", "/stop", "/logout"):
            with_basic, _ = self.ask("GET", path, auth=("ann", PASSWORD))
            with_session, _ = self.browse(path, id)
            self.assertEqual((with_basic.code, with_session.code), (405, 405), path)
        for path in ("/start", "/differences", "/parameters", "/tasks/w-1", "/api/update"):
            self.browse(path, id)
        self.assertEqual(self.pool.told, [])
        self.assertEqual(self.browse("/trader", id)[0].code, 200)

    def test_101_cross_site_posts(self) -> None:
        """The post that doubled the quote size: text/plain, foreign Origin, remembered credentials."""
        body = json.dumps({"trader": {"quote_size": 2}}).encode()
        foreign = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
        for headers in (foreign, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
            response, _ = self.ask("POST", "/api/update", data=body, headers=headers, auth=("ann", PASSWORD))
            self.assertEqual(response.code, 403)
        marked = {"Content-Type": "text/plain", "X-Requested-With": "x"}
        self.assertEqual(self.ask("POST", "/api/update", data=body, headers=marked, auth=("ann", PASSWORD))[0].code, 415)
        self.assertEqual(self.pool.told, [])

    def test_102_nothing_unchecked_is_applied(self) -> None:
        """1E+9, negative, NaN, null: refused, all or none, and what is applied is told with who asked."""
        for value in (b"1e9", b"-500", b'"NaN"', b"null", b'"Infinity"', b"true"):
            body = b'{"trader": {"quote_size": ' + value + b'}, "data": {"btc_fee": "0.0002"}}'
            response, _ = self.basic("POST", "/api/update", data=body, headers={"Content-Type": "application/json"})
            self.assertEqual(response.code, 400, value)
        self.assertEqual(self.pool.told, [])

    def test_103_update_works_from_the_page(self) -> None:
        """The page's own form, every field sent as it is, with one ideal balance changed."""
        id = self.log_in()
        form = {}
        for info in PARAMETERS:
            form[info.name] = form[f"was:{info.name}"] = info.value_of(self.pool.shown.settings)
        form["target_balance_source.USD"] = "130000"
        response, _ = self.send("/parameters", id, form)
        self.assertEqual(response.code, 200)
        self.assertEqual(self.pool.told, [("update", {"target_balance_source.USD": "130000"}, "ann")])

    def test_103_errors_have_their_status(self) -> None:
        """No failure answers 200."""
        response, _ = self.basic("POST", "/api/update", json={"trader": {"quote_size": {"USD": 1}}})
        self.assertEqual(response.code, 400)

    def test_104_posting_the_whole_state_back(self) -> None:
        """What GET gave is not an update: the fields that are none are named, and nothing is overwritten."""
        _, everything = self.basic("GET", "/api/update")
        response, found = self.basic("POST", "/api/update", json=everything)
        self.assertEqual(response.code, 400)
        self.assertIn("trader.fsm", found["problems"])
        self.assertEqual(self.pool.told, [])

    def test_105_requests_do_not_hang(self) -> None:
        """A pool that fails answers 500 without its words; one that never answers lets the asker go."""
        secret = RuntimeError("the secret is 42")
        self.pool.start = lambda who: fail(secret)  # type: ignore[method-assign]
        response, found = self.basic("POST", "/api/start", json={})
        self.assertEqual(response.code, 500)
        self.assertNotIn("42", json.dumps(found))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        for path in ("/api", "/api/", "/api/nosuch", "/api/update/more"):
            self.assertEqual(self.basic("GET", path)[0].code, 404, path)

    def test_105_late_failures_are_not_lost(self) -> None:
        """A change that fails after its asker has left is still logged."""
        change: Deferred[None] = Deferred()
        waiting = lasting(change)
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        change.errback(RuntimeError("too late"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_105_json_has_no_infinity(self) -> None:
        """Every number that is not a count or a time is a string: no float, so no infinity that JSON does not have."""
        for path in ("/api/update", "/api/decision", "/api/health"):
            _, text = self.ask("GET", path, auth=("ann", PASSWORD))
            self.assertFalse([number for number in _numbers(json.loads(text)) if isinstance(number, float)])

    def test_106_no_default_user(self) -> None:
        """admin/admin opens nothing, and a wrong password is throttled (test_auth has the rest)."""
        self.assertEqual(self.ask("POST", "/login", data={"name": "admin", "password": "admin"})[0].code, 401)
        self.assertEqual(self.ask("GET", "/api/update", auth=("admin", "admin"))[0].code, 401)

    def test_108_no_listing_of_a_folder(self) -> None:
        """Only named files, read at start, whatever the working directory is."""
        for path in ("/static", "/static/", "/static/vendor", "/static/vendor/", "/templates/base.html", "/app.py"):
            self.assertIn(self.ask("GET", path)[0].code, (303, 404), path)
        self.assertEqual(self.ask("GET", "/static/vendor/htmx.min.js")[0].code, 200)

    def test_109_text_is_text(self) -> None:
        """Names are text on both sides of the wire, errors are bytes of UTF-8."""
        response, found = self.basic("POST", "/api/update", json={"trader": {"größe": 1}})
        self.assertEqual((response.code, list(found["problems"])), (400, ["trader.größe"]))


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
