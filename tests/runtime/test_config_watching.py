"""Who is told of what, and who may read the numbers: read with all that is wrong, and without showing a secret."""

from runtime.config import load, parse_sections
from runtime.config_values import Rule
from tests.runtime.configs import ORIGINAL, OVERRIDES, sections, written
from tests.runtime.test_config import ConfigCase

URL = "tgram://1234:AAbbCC/42"
TARGETS = {"phone": URL}
MAIL = {"email_to": "ann@example.org"}


class WayTests(ConfigCase):
    """The ways to people in [notify], and the ledger's URL, which are nonsense."""

    def test_nonsense(self) -> None:
        """Told with its place before anything starts, and no secret with it."""
        for section, line, words in (
            ("notify", "command = mail 'ann", "cannot be split into words"),
            ("notify", "url = ftp://hook-s3cret", "begins with http:// or https://"),
            ("ledger", "url = postgresql://[::1", "allowed: an SQLAlchemy URL"),
            ("ledger", "url = sqlite:///var/%00.db", "allowed: an SQLAlchemy URL"),
        ):
            (problem,) = self.problems_of(f"{ORIGINAL}{OVERRIDES}[{section}]\n{line}\n")
            self.assertRegex(problem, rf"pool.ini:\d+ \[{section}\] {line.split()[0]}: ")
            self.assertIn(words, problem)
            self.assertNotIn("s3cret", problem)


class RuleTests(ConfigCase):
    """[notify_targets] and [notify_rules]."""

    def rules(self, **rules: str) -> dict[str, tuple[Rule, ...]]:
        """What rules become where there are an address and a phone."""
        config = parse_sections(sections(notify=MAIL, notify_targets=TARGETS, notify_rules=rules), {})
        return {**config.notices.rules, "default": config.notices.otherwise or ()}

    def problem(self, **rules: str) -> str:
        """The only problem with one rule."""
        text = ORIGINAL + OVERRIDES + f"[notify]\nemail_to = a@b\n[notify_targets]\nphone = {URL}\n[notify_rules]\n"
        (problem,) = self.problems_of(text + "".join(f"{name} = {rule}\n" for name, rule in rules.items()))
        return problem

    def test_rules(self) -> None:
        """Targets by name, with a severity or without; all, none, and what goes for the rest."""
        found = self.rules(halted="phone, e-mail:critical", venue="all:warning", limit="none", default="e-mail")
        self.assertEqual(found["halted"], (Rule("phone"), Rule("e-mail", "critical")))
        self.assertEqual(found["venue"], (Rule("e-mail", "warning"), Rule("phone", "warning")))
        self.assertEqual((found["limit"], found["default"]), ((), (Rule("e-mail"),)))

    def test_without_rules(self) -> None:
        """Everybody is told of everything."""
        notices = parse_sections(sections(notify=MAIL, notify_targets=TARGETS), {}).notices
        self.assertTrue(notices.wants("phone", "limit", "info"))

    def test_unknown_event(self) -> None:
        """With its place and what was probably meant."""
        found = self.problem(halt="phone")
        self.assertRegex(found, r"pool.ini:\d+ \[notify_rules\] halt: unknown event; did you mean halted\?")

    def test_unknown_target(self) -> None:
        """With those that there are; one that has no address is none."""
        self.assertIn("halted: got 'url'; allowed: e-mail, phone, all, none", self.problem(halted="url"))

    def test_unknown_severity(self) -> None:
        """With those that there are."""
        found = self.problem(halted="phone:urgent")
        self.assertIn("allowed after the colon: info, warning, critical", found)

    def test_a_target_that_is_no_url(self) -> None:
        """Told without quoting it: it may be half of a secret."""
        text = ORIGINAL + OVERRIDES + "[notify_targets]\nphone = AAbbCC\n"
        (problem,) = self.problems_of(text)
        self.assertIn("[notify_targets] phone: allowed: a URL of Apprise", problem)
        self.assertNotIn("AAbbCC", problem)

    def test_a_name_that_is_taken(self) -> None:
        """The words of the rules are no names."""
        (problem,) = self.problems_of(ORIGINAL + OVERRIDES + f"[notify_targets]\nall = {URL}\n")
        self.assertIn("has a meaning of its own", problem)

    def test_zone(self) -> None:
        """Quiet hours are where the people are."""
        self.assertIn("allowed: the name of a time zone", self.problem_with("notify", "quiet_zone", "Mars/Olympus"))
        notices = parse_sections(sections(notify={"quiet_zone": "Europe/Budapest"}), {}).notices
        self.assertEqual(str(notices.zone), "Europe/Budapest")


class SecretTests(ConfigCase):
    """What the log must not show."""

    def test_targets_and_token_are_secrets(self) -> None:
        """Both are known to the log's redactor, and shown by no repr."""
        more = f"[notify_targets]\nphone = {URL}\n[webserver]\nmetrics_token = 0123456789abcdef\n"
        config = load(written(ORIGINAL + OVERRIDES + more), {})
        self.assertLessEqual({URL, "0123456789abcdef"}, set(config.secret_texts()))
        self.assertNotIn("0123456789abcdef", repr(config))
        self.assertNotIn("AAbbCC", repr(config))

    def test_a_short_token(self) -> None:
        """Refused, and not quoted; so is a file that others can read."""
        (problem,) = self.problems_of(ORIGINAL + OVERRIDES + "[webserver]\nmetrics_token = 12345\n")
        self.assertRegex(problem, r"pool.ini:\d+ \[webserver\] metrics_token: allowed: at least 16 letters")
        self.assertNotIn("12345", problem)
        text = ORIGINAL.replace("secret = ", "# ") + OVERRIDES + "[webserver]\nmetrics_token = 0123456789abcdef\n"
        (problem,) = self.problems_of(text, mode=0o644)
        self.assertIn("metrics_token: a secret stands here and others can read this file", problem)
