"""The parts of a config that say who may do what: connections with their secrets, users, and the file's own protection."""

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import cast, get_args

from attrs import Factory, define

from clients.paper.options import PAPER_KEYS, read_paper_options
from model.money import ZERO
from runtime.config_fields import FLAG
from runtime.config_source import Source
from runtime.config_values import SANDBOX, Connection, Role, User, Web
from runtime.problems import Problem
from runtime.secrets import Secret, names_a_secret, resolve

_CONNECTION_KEYS = ("endpoint", "id", "secret", "secret_file")
#: Those that hold the pool's money.
_EXCHANGES = ("source_connection", "target_connection")
_ROLES = get_args(Role)
#: The key that makes an account a simulated one.
PAPER = "paper"


@define
class Access:
    """Reads them from ``source`` and gathers what is wrong, doubtful, or secret and written in the file itself.

    ``is_offline``: nothing will be connected to, so a variable or a secret's file that is missing does not matter.
    """

    source: Source
    environment: Mapping[str, str]
    is_offline: bool
    is_sandbox: bool
    problems: list[Problem] = Factory(list)
    warnings: list[str] = Factory(list)
    literal_secrets: list[tuple[str, str]] = Factory(list)

    def connection(self, section: str) -> Connection:
        """One exchange's section. Keys beside the seed's are the client's own options."""
        given = self.source.sections.get(section, {})
        values = {key: self.text(section, key, text) for key, text in given.items() if key != "secret_file"}
        if "secret_file" in given:
            if "secret" in given:
                self._complain(section, "secret_file", "the secret is written here already; keep one of secret and secret_file")
            values["secret"] = self.text(section, "secret_file", f"file:{given['secret_file']}")
        self._check_endpoint(section, values.get("endpoint", ""))
        paper = self._paper(section, values)
        options = {key: value for key, value in values.items() if key not in (*_CONNECTION_KEYS, PAPER, *PAPER_KEYS)}
        for key in options:
            self._check_spelling(section, key)
        secret = Secret(values.get("secret", ""))
        return Connection(section, values.get("endpoint", ""), values.get("id", ""), secret, options, paper)

    def _paper(self, section: str, values: Mapping[str, str]) -> dict[str, str] | None:
        """The keys of a simulated account; None where the account is a real one."""
        keys = {key: value for key, value in values.items() if key in PAPER_KEYS}
        is_paper = False
        try:
            is_paper = FLAG.parse(values.get(PAPER) or "false")
        except ValueError:
            self._complain(section, PAPER, f"got {values[PAPER]!r}; allowed: {FLAG.allowed}")
        if section not in _EXCHANGES and is_paper:
            self._complain(section, PAPER, "there is no account here that could be simulated; leave it out")
        if not is_paper:
            for key in keys:
                self._complain(section, key, f"belongs to a simulated account; write {PAPER} = true too, or leave it out")
            return None
        try:
            read_paper_options(keys, {}, ZERO)
        except ValueError as error:
            self._complain(section, PAPER, str(error))
        return keys

    def _check_endpoint(self, section: str, endpoint: str) -> None:
        # What is play money may be shown and shared, so play and real exchanges must not meet in one config.
        if endpoint == SANDBOX and not self.is_sandbox:
            self._complain(section, "endpoint", "got 'sandbox'; allowed only in a config with a [sandbox] section")
        elif endpoint != SANDBOX and self.is_sandbox and section in _EXCHANGES:
            self._complain(section, "endpoint", f"got {endpoint!r}; allowed in a config with a [sandbox] section: sandbox")

    def text(self, section: str, key: str, text: str, is_secret: bool = False) -> str:
        """``text`` with its variables and file put in; empty, and a problem noted, where that cannot be done."""
        try:
            resolved = resolve(text, self.environment)
        except ValueError as error:
            if not self.is_offline:
                self._complain(section, key, str(error))
            return ""
        if resolved.is_literal and resolved.text and (is_secret or names_a_secret(key)) and not self._is_play(section):
            self.literal_secrets.append((section, key))
        return resolved.text

    def _is_play(self, section: str) -> bool:
        return self.source.sections[section].get("endpoint") == SANDBOX or (section == "users" and self.is_sandbox)

    def users(self, web: Web) -> dict[str, User]:
        """Who may use the console: the seed's clear-text passwords only where nobody else can listen."""
        given = self.source.sections.get("users", {})
        roles = self._roles(given)
        found = {name: self._user(name, text, roles.get(name, "operator"), web) for name, text in given.items()}
        if self.is_offline:
            return found  # there will be no console
        if not found:
            self.warnings.append("[users] is empty: nobody can use the console")
        elif not web.ssl and not is_loopback(web.host):
            self.warnings.append(f"between the proxy and [webserver] host {web.host} passwords cross the network in the clear")
        return found

    def _user(self, name: str, text: str, role: Role, web: Web) -> User:
        is_written_here_hashed = text.startswith("$argon2")
        password = self.text("users", name, text, is_secret=not is_written_here_hashed)
        is_hashed = password.startswith("$argon2")
        if not password:
            if not self.is_offline:
                self._complain("users", name, "the password is empty; allowed: an argon2 hash, by: python ilp.py hash-password")
        elif not is_hashed and not self.is_sandbox:
            self._check_clear_text(name, password, web)
        return User(name, Secret(password), is_hashed, role)

    def _check_clear_text(self, name: str, password: str, web: Web) -> None:
        remedy = "put a hash in its place, made by: python ilp.py hash-password"
        if name == password == "admin":
            self._complain("users", name, f"the default password is refused; {remedy}")
        elif not is_loopback(web.host):
            self._complain("users", name, f"a clear-text password is refused, as [webserver] host is {web.host}; {remedy}")
        else:
            self.warnings.append(f"THE PASSWORD OF {name} STANDS IN THE CONFIG IN CLEAR TEXT; {remedy}")

    def _roles(self, users: Mapping[str, str]) -> dict[str, Role]:
        found: dict[str, Role] = {}
        for name, role in self.source.sections.get("roles", {}).items():
            if name not in users:
                self._complain("roles", name, f"there is no such user in [users]{meant(name, users)}")
            elif role in _ROLES:
                found[name] = cast(Role, role)
            else:
                self._complain("roles", name, f"got {role!r}; allowed: {' or '.join(_ROLES)}")
        return found

    def _check_spelling(self, section: str, key: str) -> None:
        # Any other key is the client's own option, so only what is nearly one of ours can be told from a mistake.
        if near := get_close_matches(key.lower(), _CONNECTION_KEYS, 1, 0.8):
            self._complain(section, key, f"unknown key; did you mean {near[0]}?")

    def _complain(self, section: str, key: str, text: str) -> None:
        self.problems.append(self.source.problem(section, key, text))


def meant(word: str, words: Mapping[str, object]) -> str:
    """A question that names the nearest of ``words``, or nothing."""
    by_lower = {known.lower(): known for known in words}
    near = get_close_matches(word.lower(), by_lower, 1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
