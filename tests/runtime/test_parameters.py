"""UPDATE: all or none, checked as a config is."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.settings import Cost, Edge
from runtime.config import parse_sections
from runtime.parameters import PARAMETERS, changeable, current_texts, parse_changes
from tests.runtime.configs import sections
from trader.interface import BadParameters

SETTINGS = parse_sections(sections(), {}).settings()
ASKED_FOR = {
    "valuation": ["risk_aversion", "deviation_penalty"],
    "target_balance_source": ["USD", "BTC"],
    "target_balance_target": ["HUF", "BTC"],
    "trader": ["quote_size", "edge_to_enter", "edge_to_leave", "edge_min", "levels", "max_exposure"],
    "data": ["source_fee", "target_fee", "btc_fee", "fiat_exchange_cost"],
}


class ParameterTests(SynchronousTestCase):
    """What an operator may turn, and how."""

    def problems(self, **changes: str) -> dict[str, str]:
        """What is wrong with ``changes`` (``__`` for the dot)."""
        with self.assertRaises(BadParameters) as raised:
            parse_changes(SETTINGS, {name.replace("__", "."): text for name, text in changes.items()})
        problems: dict[str, str] = raised.exception.problems
        return problems

    def test_all_that_is_promised(self) -> None:
        """Every parameter of the issue can be changed."""
        asked_for = {f"{section}.{key}" for section, keys in ASKED_FOR.items() for key in keys}
        self.assertEqual(asked_for - set(changeable(SETTINGS)), set())

    def test_change(self) -> None:
        """Texts as in the config become values, and nothing else moves."""
        changed = parse_changes(
            SETTINGS,
            {
                "trader.quote_size": " 0.2 ",
                "data.source_fee": "[1, 0.002]",
                "target_balance_target.HUF": "5",
                "trader.edge_to_enter": "0.4%",
                "trader.edge_to_leave": "0.2%",
                "trader.max_exposure": "",
            },
        )
        expected = SETTINGS.replace(
            quote_size=Decimal("0.2"),
            source_fee=Cost(Decimal(1), Decimal("0.002")),
            ideal_target_cash=Decimal(5),
            edge_to_enter=Edge(Decimal("0.004"), True),
            edge_to_leave=Edge(Decimal("0.002"), True),
            max_exposure=None,
        )
        self.assertEqual(changed, expected)

    def test_all_problems_at_once(self) -> None:
        """Every wrong field is named, with what is allowed and in which unit."""
        problems = self.problems(trader__quote_size="-1", data__btc_fee="x", trader__period="1", trader__quote_sise="1")
        self.assertEqual(problems["trader.quote_size"], "got '-1'; allowed: a number above 0, in BTC")
        self.assertIn("in BTC", problems["data.btc_fee"])
        self.assertIn("cannot be changed", problems["trader.period"])
        self.assertIn("did you mean trader.quote_size?", problems["trader.quote_sise"])

    def test_edges_are_checked_together(self) -> None:
        """An edge is compared with the one that stays."""
        self.assertEqual(list(self.problems(trader__edge_to_leave="20")), ["trader.edge_to_leave"])
        self.assertEqual(list(self.problems(trader__edge_to_enter="1%")), ["trader.edge_to_leave"])

    def test_other_tickers_are_unknown(self) -> None:
        """A balance of a ticker that the pool does not hold is refused."""
        self.assertIn("target_balance_source.GBP", self.problems(target_balance_source__GBP="1"))

    @given(st.decimals("0.00000001", 1000, places=8), st.integers(1, 9999))
    def test_texts_read_back(self, size: Decimal, edge: int) -> None:
        """The current texts give the current settings again, so that a form sent unchanged changes nothing."""
        enter, leave = Edge(Decimal(edge).scaleb(-4), True), Edge(Decimal(edge - 1).scaleb(-4), True)
        settings = SETTINGS.replace(quote_size=size, edge_to_enter=enter, edge_to_leave=leave, post_only=False)
        self.assertEqual(parse_changes(settings, current_texts(settings)), settings)

    def test_table_explains_every_key(self) -> None:
        """Each key has a meaning, and its default is allowed."""
        for parameter in PARAMETERS:
            self.assertTrue(parameter.help, parameter.name)
            if parameter.default is not None:
                parameter.kind.parse(parameter.default)
