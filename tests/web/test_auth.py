"""Who gets in, and who may change what."""

from base64 import b64encode

from tests.web.fake_pool import PARAMETERS
from tests.web.support import PASSWORD, ConsoleCase, verify
from web.app import Console
from web.sessions import ABSOLUTE_LIMIT, IDLE_LIMIT, MAX_SESSIONS, Sessions, Throttle


class Login(ConsoleCase):
    """The form, the cookie and the session."""

    def test_login_sets_a_guarded_cookie(self) -> None:
        """A script cannot read the cookie and another site cannot send it."""
        response, _ = self.ask("POST", "/login", data={"name": "ann", "password": PASSWORD})
        (cookie,) = response.headers.getRawHeaders("set-cookie")
        self.assertEqual(response.code, 303)
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=strict", cookie)
        self.assertNotIn("Secure", cookie)

    def test_wrong_password(self) -> None:
        """No session, and not a word on which of the two was wrong."""
        unknown, text_of_unknown = self.ask("POST", "/login", data={"name": "eve", "password": "x"})
        wrong, text_of_wrong = self.ask("POST", "/login", data={"name": "ann", "password": "x"})
        self.assertEqual((unknown.code, wrong.code), (401, 401))
        self.assertEqual(text_of_unknown, text_of_wrong)
        self.assertIsNone(wrong.headers.getRawHeaders("set-cookie"))

    def test_the_id_changes_at_login(self) -> None:
        """A session id known before a login is worth nothing after it."""
        first = self.log_in()
        second = self.log_in(cookies={"ilp_session": first})
        self.assertNotEqual(first, second)
        self.assertEqual(self.browse("/trader", first)[0].code, 303)
        self.assertEqual(self.browse("/trader", second)[0].code, 200)

    def test_an_id_of_ones_own_is_not_adopted(self) -> None:
        """Session fixation: the server never takes an id that it did not make."""
        self.assertEqual(self.browse("/trader", "ab" * 32)[0].code, 303)

    def test_idle_sessions_end(self) -> None:
        """Looking counts as use; not looking ends it."""
        id = self.log_in()
        self.clock.advance(IDLE_LIMIT - 1)
        self.assertEqual(self.browse("/trader", id)[0].code, 200)
        self.clock.advance(IDLE_LIMIT + 1)
        self.assertEqual(self.browse("/trader", id)[0].code, 303)

    def test_busy_sessions_end_too(self) -> None:
        """However busy, a session ends after its absolute limit."""
        id = self.log_in()
        for _ in range(ABSOLUTE_LIMIT // 1000):
            self.clock.advance(1000)
            self.browse("/trader", id)
        self.clock.advance(1000)
        self.assertEqual(self.browse("/trader", id)[0].code, 303)

    def test_logout(self) -> None:
        """The session is gone at the server, not only in the browser."""
        id = self.log_in()
        response, _ = self.send("/logout", id, {})
        self.assertEqual(response.code, 303)
        self.assertEqual(self.browse("/trader", id)[0].code, 303)

    def test_a_removed_user_is_out(self) -> None:
        """Taking a user away ends their session at the next request."""
        id = self.log_in()
        del self.users["ann"]
        self.assertEqual(self.browse("/trader", id)[0].code, 303)

    def test_login_leads_to_own_pages_only(self) -> None:
        """``next`` cannot carry a person to another site."""
        for next in ("https://evil.example/", "//evil.example", "/\\evil.example", "//trader", "javascript:alert(1)"):
            response, _ = self.ask("POST", "/login", data={"name": "ann", "password": PASSWORD, "next": next})
            self.assertEqual(response.headers.getRawHeaders("location"), ["/trader"], next)
        response, _ = self.ask("POST", "/login", data={"name": "ann", "password": PASSWORD, "next": "/tasks/w-1"})
        self.assertEqual(response.headers.getRawHeaders("location"), ["/tasks/w-1"])

    def test_pages_need_a_login(self) -> None:
        """Every page leads to the login, which leads back."""
        for path in ("/trader", "/health", "/tasks/w-1", "/export/fills.csv", "/start"):
            response, _ = self.ask("GET", path)
            self.assertEqual(response.code, 303, path)
            self.assertEqual(response.headers.getRawHeaders("location"), [f"/login?next={path}"])
        self.assertEqual(self.ask("GET", "/events/trader")[0].code, 401)


class Secure(ConsoleCase):
    """Under TLS."""

    is_secure = True

    def test_cookie_and_header(self) -> None:
        """The cookie never travels in clear, and the browser remembers to come by TLS."""
        response, _ = self.ask("POST", "/login", data={"name": "ann", "password": PASSWORD})
        self.assertIn("Secure", response.headers.getRawHeaders("set-cookie")[0])
        self.assertTrue(response.headers.getRawHeaders("strict-transport-security"))


class Guessing(ConsoleCase):
    """Throttling."""

    def _guess(self, name: str = "ann") -> int:
        return int(self.ask("POST", "/login", data={"name": name, "password": "guess"})[0].code)

    def test_a_user_is_throttled(self) -> None:
        """After ten wrong passwords not even the right one is looked at, until the pause is over."""
        self.assertEqual([self._guess() for _ in range(11)], [401] * 10 + [429])
        self.verified.clear()
        response, _ = self.ask("POST", "/login", data={"name": "ann", "password": PASSWORD})
        self.assertEqual(response.code, 429)
        self.assertEqual(self.verified, [])
        self.clock.advance(61)
        self.assertTrue(self.log_in())

    def test_behind_a_proxy_the_browser_is_throttled_and_not_the_proxy(self) -> None:
        """Who guesses locks out only the address that the proxy itself has added, whatever the guesser wrote before it."""
        self.console.close()
        self.console = Console(self.pool, self.users, self.clock, verify=verify, parameters=PARAMETERS, is_behind_proxy=True)

        def ask(name: str, password: str, forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return int(self.ask("GET", "/api/health", auth=(name, password), headers=headers)[0].code)

        for n in range(30):
            ask(f"user{n}", "wrong", f"10.0.0.{n}, 203.0.113.9")
        self.assertEqual(ask("ann", PASSWORD, "203.0.113.9"), 429)
        self.assertEqual(ask("ann", PASSWORD, "203.0.113.9, 198.51.100.1"), 200)

    def test_an_address_is_throttled_over_all_names(self) -> None:
        """Trying another name each time does not help."""
        self.assertEqual([self._guess(f"user{n}") for n in range(21)][-1], 429)

    def test_a_login_forgives(self) -> None:
        """One's own typing mistakes are forgotten after a success."""
        for _ in range(9):
            self._guess()
        self.assertTrue(self.log_in())
        self.assertEqual(self._guess(), 401)

    def test_api_guesses_count_too(self) -> None:
        """HTTP Basic is no way round the throttle."""
        codes = [self.ask("GET", "/api/health", auth=("ann", "guess"))[0].code for _ in range(11)]
        self.assertEqual(codes[-1], 429)

    def test_pauses_grow_and_end(self) -> None:
        """Each failure doubles the pause, up to the longest, and an hour forgets them all."""
        throttle = Throttle(self.clock, free=1, longest=8)
        waits = []
        for _ in range(6):
            throttle.failed("x")
            waits.append(throttle.wait("x"))
        self.assertEqual(waits, [1, 2, 4, 8, 8, 8])
        self.clock.advance(Throttle.FORGET_AFTER)
        throttle.failed("x")
        self.assertEqual(throttle.wait("x"), 1)

    def test_memory_is_bounded(self) -> None:
        """A million names cannot fill the memory."""
        throttle = Throttle(self.clock, free=1, longest=8)
        for n in range(Throttle.MAX_KEYS + 50):
            throttle.failed(str(n))
        self.assertEqual(throttle.wait("0"), 0)
        sessions = Sessions(self.clock)
        ids = [sessions.begin("ann", "viewer") for _ in range(MAX_SESSIONS + 1)]
        self.assertEqual(sum(sessions.person(id) is not None for id in ids), MAX_SESSIONS)


class Changes(ConsoleCase):
    """What a change needs."""

    def test_token_is_needed(self) -> None:
        """Neither no token nor another session's will do."""
        mine, other = self.log_in(), self.log_in("vic")
        wrong = self.console._gate.sessions.token(other)
        for form in ({}, {"csrf": ""}, {"csrf": wrong}, {"csrf": mine}, {"csrf": "é"}):
            response, _ = self.ask("POST", "/stop", cookies={"ilp_session": mine}, data=form)
            self.assertEqual(response.code, 403, form)
        self.assertEqual(self.pool.told, [])

    def test_the_token_is_not_the_session(self) -> None:
        """A page never shows what the cookie holds."""
        id = self.log_in()
        for path in ("/trader", "/parameters", "/start"):
            self.assertNotIn(id, self.browse(path, id)[1])

    def test_foreign_origins_are_refused(self) -> None:
        """Even with the right token: another site's page, however it got it, may not."""
        id = self.log_in()
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            response, _ = self.send("/stop", id, {}, headers=headers)
            self.assertEqual(response.code, 403, headers)
        own, _ = self.send("/stop", id, {}, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"})
        self.assertEqual(own.code, 303)

    def test_viewers_look_only(self) -> None:
        """No form and no API call of a viewer changes anything; pages show them no switch."""
        id = self.log_in("vic")
        for path in ("/start", "/stop", "/parameters", "/tasks/w-1", "/differences"):
            self.assertEqual(self.send(path, id, {"trader.quote_size": "1"})[0].code, 403, path)
        for path in ("start", "stop", "update", "tasks/w-1", "accept-differences"):
            self.assertEqual(self.basic("POST", f"/api/{path}", "vic", json={"outcome": "cancel"})[0].code, 403, path)
        self.assertEqual(self.pool.told, [])
        self.assertNotIn('action="/stop"', self.browse("/trader", id)[1])

    def test_basic_needs_what_forms_cannot_send(self) -> None:
        """A form of another site, sent with remembered credentials, is refused; JSON or X-Requested-With is not."""
        plain, _ = self.basic("POST", "/api/stop", data=b"x", headers={"Content-Type": "text/plain"})
        self.assertEqual(plain.code, 403)
        marked, _ = self.basic("POST", "/api/stop", headers={"X-Requested-With": "curl"})
        bare, _ = self.basic("POST", "/api/stop")
        self.assertEqual(bare.code, 200)
        self.assertEqual(marked.code, 200)
        as_json, _ = self.basic("POST", "/api/stop", json={})
        self.assertEqual(as_json.code, 200)
        foreign, _ = self.basic("POST", "/api/stop", json={}, headers={"Origin": "https://evil.example"})
        self.assertEqual(foreign.code, 403)

    def test_sessions_use_the_api_with_their_token(self) -> None:
        """A page's own script may call the API."""
        id = self.log_in()
        token = self.console._gate.sessions.token(id)
        cookies = {"ilp_session": id}
        self.assertEqual(self.ask("POST", "/api/stop", cookies=cookies, json={})[0].code, 403)
        self.assertEqual(self.ask("POST", "/api/stop", cookies=cookies, json={}, headers={"X-CSRF-Token": token})[0].code, 200)


class Basic(ConsoleCase):
    """HTTP Basic."""

    def test_names_and_passwords_are_text(self) -> None:
        """The wire's bytes are read as UTF-8, and nonsense is refused, not a 500."""
        for value in ("Basic !!!", "Basic " + b64encode(b"\xff\xfe:x").decode(), "Basic " + b64encode(b"nocolon").decode()):
            response, _ = self.ask("GET", "/api/health", headers={"Authorization": value})
            self.assertEqual(response.code, 401, value)
            self.assertIn("Basic", response.headers.getRawHeaders("www-authenticate")[0])

    def test_a_browser_is_not_asked_for_basic(self) -> None:
        """Credentials that a browser remembers are sent on any site's behalf: it must never be asked for them."""
        response, _ = self.ask("GET", "/api/health")
        self.assertEqual(response.code, 401)
        self.assertIsNone(response.headers.getRawHeaders("www-authenticate"))

    def test_a_verified_password_is_remembered_shortly(self) -> None:
        """Polling does not cost an argon2 each time, and a removed user is out at once."""
        for _ in range(5):
            self.assertEqual(self.basic("GET", "/api/health")[0].code, 200)
        self.assertEqual(self.verified, ["ann"])
        self.clock.advance(61)
        self.basic("GET", "/api/health")
        self.assertEqual(self.verified, ["ann", "ann"])
        del self.users["ann"]
        self.assertEqual(self.basic("GET", "/api/health")[0].code, 401)


class Hosts(ConsoleCase):
    """The Host header."""

    def test_unknown_names_are_refused(self) -> None:
        """DNS rebinding: a foreign name that points at us gets nothing, not even the login."""
        for host in ("evil.example", "127.0.0.1.evil.example", "", "192.168.1.5", "[::ffff:1.2.3.4]"):
            response, _ = self.ask("GET", "/login", headers={"Host": host})
            self.assertEqual(response.code, 421, host)
        for host in ("localhost:8050", "127.0.0.1:8050", "127.0.0.2", "[::1]:8050", "pool.example", "POOL.example:443"):
            response, _ = self.ask("GET", "/login", headers={"Host": host})
            self.assertEqual(response.code, 200, host)

    def test_security_headers_are_on_everything(self) -> None:
        """Pages, files, JSON and errors alike."""
        for path in ("/login", "/api/health", "/nosuch", "/healthz", "/static/console.css"):
            headers = self.ask("GET", path)[0].headers
            policy = headers.getRawHeaders("content-security-policy")[0]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(headers.getRawHeaders("x-content-type-options"), ["nosniff"])
            if not path.startswith("/static"):
                self.assertEqual(headers.getRawHeaders("cache-control"), ["no-store"], path)
