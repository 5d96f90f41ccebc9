"""From names in [modules] to clients."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.interface import ExchangeClient
from clients.surroundings import Surroundings
from runtime import registry
from runtime.config import ConfigError, Connection, load
from runtime.secrets import Secret
from tests.runtime.configs import ORIGINAL, written

HERE = "tests.runtime.test_registry"
SURROUNDINGS = Surroundings(Clock())


class Seedling:
    """A client with the seed's constructor."""

    def __init__(self, id: str = "nobody", secret: str = "", endpoint: str = "https://default") -> None:
        if secret == "wrong-secret":
            raise ValueError(f"{secret} is no key")
        self.given = (id, secret, endpoint)


class Modern(Seedling):
    """A client that takes what ours take."""

    def __init__(self, id: str, secret: str, endpoint: str, surroundings: Surroundings, options: dict[str, str]) -> None:
        super().__init__(id, secret, endpoint)
        self.surroundings = surroundings
        self.options = options


NOT_A_CLASS = 1


class FindTests(SynchronousTestCase):
    """Names become classes, or a sentence."""

    def test_short_full_and_own_names(self) -> None:
        """All three spellings find their class."""
        self.assertIs(registry.find("interface.ExchangeClient"), ExchangeClient)
        self.assertIs(registry.find("clients.interface.ExchangeClient"), ExchangeClient)
        self.assertIs(registry.find(f"{HERE}.Seedling"), Seedling)

    def test_what_is_wrong_is_said(self) -> None:
        """No module, no class, not a class: each is told as what it is."""
        for name, said in (
            ("krakn.Kraken", "no module krakn"),
            ("clients.krakn.Kraken", "no module clients.krakn"),
            (f"{HERE}.Nothing", "has no class Nothing"),
            (f"{HERE}.NOT_A_CLASS", "has no class NOT_A_CLASS"),
        ):
            with self.assertRaises(ValueError) as raised:
                registry.find(name)
            self.assertIn(said, str(raised.exception))

    def test_closed_venue(self) -> None:
        """A venue that is no more is told with what to use instead, before anything is imported."""
        for name in ("coinsetter.CoinSetter", "clients.coinsetter.CoinSetter"):
            with self.assertRaises(ValueError) as raised:
                registry.find(name)
            self.assertIn("clients.kraken.Kraken", str(raised.exception))

    def test_check_tells_all(self) -> None:
        """All modules that cannot be had are told at once, with their lines, and with what else is wrong."""
        text = ORIGINAL.replace("sputnik.Sputnik", "no.Such").replace("yahoo.Yahoo", f"{HERE}.Seedling").replace("= 5\n", "= x\n")
        path = written(text)
        with self.assertRaises(ConfigError) as raised:
            load(path, {}, find=registry.finder(path))
        found = [(problem.line, problem.key) for problem in raised.exception.problems]
        self.assertEqual(found, [(2, "source"), (3, "target"), (48, "period")])

    def test_own_module_beside_the_config(self) -> None:
        """A module in the config's folder is found, and an error in it is told as the config's."""
        self.patch(sys, "path", [*sys.path])
        text = ORIGINAL.replace("coinsetter.CoinSetter", "beside_the_config.Mine")
        text = text.replace("sputnik.Sputnik", "beside_the_config.Mine").replace("yahoo.Yahoo", "broken_beside.Mine")
        path = written(text)
        (path.parent / "beside_the_config.py").write_text("class Mine: pass\n")
        (path.parent / "broken_beside.py").write_text("1 / 0\n")
        with self.assertRaises(ConfigError) as raised:
            load(path, {}, find=registry.finder(path))
        (problem,) = raised.exception.problems
        self.assertIn("[modules] fiat: broken_beside.Mine: the module cannot be imported: ZeroDivisionError", str(problem))


class ConstructTests(SynchronousTestCase):
    """A client gets what its constructor takes."""

    def construct(self, name: str, connection: Connection) -> Any:
        """The client of that class of this module."""
        return registry.construct(f"{HERE}.{name}", connection, SURROUNDINGS)

    def test_seed_constructor(self) -> None:
        """The seed's three arguments are enough; what is left empty keeps the class's default."""
        client = self.construct("Seedling", Connection("source_connection", "", "me", Secret("s3cret")))
        self.assertEqual(client.given, ("me", "s3cret", "https://default"))

    def test_surroundings_and_options(self) -> None:
        """A constructor that takes more gets more, and what it needs even when it is empty."""
        client = self.construct("Modern", Connection("source_connection", "ws://x", options={"rate": "3"}))
        self.assertEqual(client.given, ("", "", "ws://x"))
        self.assertIs(client.surroundings, SURROUNDINGS)
        self.assertEqual(client.options, {"rate": "3"})

    def test_options_that_nobody_takes(self) -> None:
        """A key that the client does not know is the config's mistake."""
        with self.assertRaises(ConfigError) as raised:
            self.construct("Seedling", Connection("source_connection", options={"rate": "3"}))
        self.assertIn("[source_connection]", str(raised.exception))
        self.assertIn("takes no rate", str(raised.exception))

    def test_refusal_does_not_quote_the_secret(self) -> None:
        """A constructor's own complaint is told without the secret, and leaves no traceback with it."""
        with self.assertRaises(ConfigError) as raised:
            self.construct("Seedling", Connection("source_connection", secret=Secret("wrong-secret")))
        self.assertIn("<secret> is no key", str(raised.exception))
        self.assertTrue(raised.exception.__suppress_context__)

    def test_any_exchange_of_ccxt(self) -> None:
        """``clients.ccxt.<its id>`` is a class; what ccxt does not have is said, and so is a library that is not installed."""
        if find_spec("ccxt"):
            self.assertEqual("kraken", registry.find("clients.ccxt.kraken").__name__)
            with self.assertRaisesRegex(ValueError, "has no class krakken"):
                registry.find("ccxt.krakken")
        with mock.patch.dict(sys.modules, {"ccxt": None}):  # so an import of it fails
            for name in [name for name in sys.modules if name.startswith("clients.ccxt")]:
                del sys.modules[name]
            with self.assertRaisesRegex(ValueError, r"ccxt is not installed; type: pip install '\.\[ccxt\]'"):
                registry.find("clients.ccxt.kraken")

    def test_examples_construct(self) -> None:
        """The clients of every example but the sandbox's, whose places are not known yet, can be made of what stands there."""
        environment = {"KRAKEN_ID": "key", "KRAKEN_SECRET": "c2VjcmV0", "CONSOLE_HASH": "$argon2x"}
        environment |= {"SOURCE_SECRET": "word", "TARGET_SECRET": "word"}
        for path in (Path(__file__).parents[2] / "ilp_example_config").glob("*_*.ini"):
            config = load(path, environment, find=registry.find)
            for place in ("source", "target", "fiat"):
                registry.construct(getattr(config.modules, place), getattr(config, place), SURROUNDINGS)
