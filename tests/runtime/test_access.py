"""Who may read what: secrets, users and the protection of the file."""

import re

from twisted.trial.unittest import SynchronousTestCase

from runtime.config import Config, ConfigError, load, parse_sections
from runtime.logs import Redactor
from runtime.passwords import hash_password, verify
from runtime.secrets import Secret
from tests.runtime.configs import ORIGINAL, in_sandbox, sections, written

HASH = hash_password("correct horse")


class SecretTests(SynchronousTestCase):
    """Secrets come from where only the operator is, and show themselves nowhere."""

    def refusal(self, text: str, mode: int = 0o600) -> str:
        """What is said of a file of that text and mode."""
        with self.assertRaises(ConfigError) as raised:
            load(written(text, mode), {})
        return str(raised.exception)

    def test_hidden(self) -> None:
        """No way of printing a config shows a secret."""
        more = "[users]\nann = clear-words\n[ledger]\nurl = postgresql://a:pg-word@h/d\n"
        config = load(written(ORIGINAL + more), {})
        for shown in (repr(config), str(config), f"{config.source.secret}", repr(config.users), repr(config.source)):
            for secret in ("COINSETTER_SECRET", "SPUTNIK_SECRET", "clear-words", "pg-word"):
                self.assertNotIn(secret, shown)
        self.assertEqual(set(config.secret_texts()), {"COINSETTER_SECRET", "SPUTNIK_SECRET", "clear-words", "pg-word"})

    def test_from_the_environment(self) -> None:
        """``${NAME}`` is the environment's; a name that is not set is told, but not to a run that connects to nothing."""
        found = sections(source_connection={"id": "${ID}", "secret": "${KEY}", "passphrase": "${KEY}"})
        config = parse_sections(found, {"ID": "me", "KEY": "s3cret"})
        self.assertEqual((config.source.id, config.source.secret), ("me", Secret("s3cret")))
        self.assertEqual(config.source.options, {"passphrase": "s3cret"})
        with self.assertRaises(ConfigError) as raised:
            parse_sections(found, {"ID": "me"})
        self.assertIn("[source_connection] secret: the environment variable KEY is not set", str(raised.exception))
        path = written(ORIGINAL.replace("COINSETTER_SECRET", "${KEY}"))
        self.assertFalse(load(path, {}, is_offline=True).source.secret)

    def test_from_a_file(self) -> None:
        """Both ways to name a file give its content less the line's end; a file that others can read is refused."""
        secret = written("s3cret\n", name="key")
        for given in ({"secret_file": str(secret)}, {"secret": f"file:{secret}"}):
            self.assertEqual(parse_sections(sections(source_connection=given), {}).source.secret.reveal(), "s3cret")
        secret.chmod(0o640)
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(source_connection={"secret_file": str(secret)}), {})
        self.assertIn(f"chmod 600 {secret}", str(raised.exception))
        with self.assertRaises(ConfigError):
            parse_sections(sections(source_connection={"secret_file": f"{secret}.not"}), {})

    def test_exposed_file_is_refused(self) -> None:
        """A file with a secret in it that the group or others can read is refused, with what to type."""
        for mode in (0o644, 0o640, 0o604):
            self.assertIn("type: chmod 600 ", self.refusal(ORIGINAL, mode))
        load(written(ORIGINAL, 0o400), {})

    def test_nothing_to_expose(self) -> None:
        """Without a secret of its own, or in the sandbox, a file may be read by anyone."""
        load(written(ORIGINAL.replace("secret = ", "secret = ${S}").replace("_SECRET", ""), 0o644), {"SCOINSETTER": "x"}, True)
        play = re.sub("endpoint = .*", "endpoint = sandbox", ORIGINAL)
        self.assertEqual(load(written(play + "[sandbox]\n", 0o644), {}).secret_texts(), ())

    def test_play_and_real_do_not_meet(self) -> None:
        """In a sandbox no exchange is real, so no real key can be taken for a play one; a real source of rates keeps its own."""
        for endpoint in ("", "https://api.kraken.com"):
            with self.assertRaises(ConfigError) as raised:
                parse_sections({**in_sandbox(), "source_connection": {"endpoint": endpoint, "secret": "real"}}, {})
            self.assertIn(f"[source_connection] endpoint: got {endpoint!r}; allowed", str(raised.exception))
        config = parse_sections(in_sandbox(fiat_connection={"endpoint": "https://x", "secret": "real-key"}), {})
        self.assertEqual(config.secret_texts(), ("real-key",))

    def test_ledger_password(self) -> None:
        """The password in the ledger's URL is a secret in both of its spellings, and a URL that is none is not quoted."""
        config = parse_sections(sections(ledger={"url": "postgresql://pool:p%40ss@db/pool"}), {})
        self.assertEqual(config.secret_texts(), ("p@ss",))
        self.assertEqual(Redactor(config.secret_texts()).clean(config.ledger_url), "postgresql://pool:<secret>@db/pool")
        for url in ("//[", "mysql://pool:hush-hush@db"):
            with self.assertRaises(ConfigError) as raised:
                parse_sections(sections(ledger={"url": url}), {})
            self.assertIn("[ledger] url: allowed: an SQLAlchemy URL", str(raised.exception))
            self.assertNotIn("hush-hush", str(raised.exception))

    def test_spelling(self) -> None:
        """A key that is nearly one of ours is a mistake; any other is the client's own."""
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(source_connection={"secrt": "x"}), {})
        self.assertIn("did you mean secret?", str(raised.exception))
        self.assertEqual(parse_sections(sections(fiat_connection={"rate": "3"}), {}).fiat.options, {"rate": "3"})


class UserTests(SynchronousTestCase):
    """Passwords are hashes, and clear texts only where nobody else can listen."""

    def config(self, password: str, host: str = "127.0.0.1", **more: dict[str, str]) -> Config:
        """A config with one user, ann, and a console on ``host``."""
        web = {"host": host, "ssl": "self-signed"}
        return parse_sections(sections(users={"ann": password}, webserver=web, **more), {"PW": HASH})

    def test_hash(self) -> None:
        """A hash lets the right password in and no other, and is welcome on any address."""
        user = self.config(HASH, "0.0.0.0").users["ann"]
        self.assertTrue(verify(user, "correct horse"))
        self.assertFalse(verify(user, "battery staple"))
        self.assertFalse(verify(user, HASH))

    def test_broken_hash_matches_nothing(self) -> None:
        """A hash that was cut off does not open the door."""
        self.assertFalse(verify(self.config("$argon2id$v=19$m=65536").users["ann"], ""))

    def test_clear_text(self) -> None:
        """A clear text works on loopback with a warning, and is refused elsewhere."""
        for host in ("127.0.0.1", "::1", "localhost"):
            config = self.config("hunter22", host)
            self.assertTrue(verify(config.users["ann"], "hunter22"))
            self.assertFalse(verify(config.users["ann"], "hunter2"))
            self.assertTrue(any("CLEAR TEXT" in warning for warning in config.warnings))
        for host in ("0.0.0.0", "192.168.1.5", "pool.example"):
            with self.assertRaises(ConfigError) as raised:
                self.config("hunter22", host)
            self.assertIn("hash-password", str(raised.exception))
            self.assertNotIn("hunter22", str(raised.exception))

    def test_not_hidden_by_the_webserver(self) -> None:
        """What is wrong with a user is told together with what is wrong with [webserver]."""
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(users={"admin": "admin"}, webserver={"port": "none"}), {})
        self.assertEqual({problem.section for problem in raised.exception.problems}, {"users", "webserver"})

    def test_admin_is_refused(self) -> None:
        """The seed's default user is refused everywhere but in the sandbox."""
        with self.assertRaises(ConfigError):
            parse_sections(sections(users={"admin": "admin"}), {})
        self.assertTrue(parse_sections(in_sandbox(users={"admin": "admin"}), {}).is_sandbox)

    def test_empty_password_is_refused(self) -> None:
        """Nobody gets in with nothing."""
        with self.assertRaises(ConfigError):
            self.config("")

    def test_roles(self) -> None:
        """Who is not listed is an operator, as in the seed."""
        self.assertEqual(self.config(HASH).users["ann"].role, "operator")
        self.assertEqual(self.config(HASH, roles={"ann": "viewer"}).users["ann"].role, "viewer")
        for roles in ({"ann": "king"}, {"anne": "viewer"}):
            with self.assertRaises(ConfigError):
                self.config(HASH, roles=roles)

    def test_names_keep_their_case(self) -> None:
        """``Admin`` can log in as ``Admin``."""
        path = written(ORIGINAL + "[users]\nAdmin = ${PW}\n")
        self.assertEqual(list(load(path, {"PW": HASH}).users), ["Admin"])

    def test_open_network_insists_on_tls(self) -> None:
        """What others can reach speaks TLS, or names the proxy that does; then the way from there is worth a sentence."""
        for host in ("0.0.0.0", "192.168.1.5", "::"):
            with self.assertRaises(ConfigError) as raised:
                parse_sections(sections(users={"ann": HASH}, webserver={"host": host}), {})
            self.assertIn("without TLS", str(raised.exception))
        behind = parse_sections(sections(users={"ann": HASH}, webserver={"host": "10.0.0.5", "proxy": "pool.example"}), {})
        self.assertTrue(behind.web.is_secure)
        self.assertIn("pool.example", behind.web.hosts)
        self.assertTrue(any("in the clear" in warning for warning in behind.warnings))

    def test_self_signed(self) -> None:
        """No file needs to be named, and the names are the console's own."""
        given = {"ssl": "self-signed", "host": "10.0.0.5", "names": "a.example b.example"}
        web = parse_sections(sections(webserver=given), {}).web
        self.assertTrue(web.ssl and web.is_self_signed)
        self.assertEqual(web.hosts, ("10.0.0.5", "a.example", "b.example"))
