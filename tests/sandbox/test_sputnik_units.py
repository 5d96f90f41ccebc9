"""Integers on the wire: the worked examples of the protocol notes, and that nothing is lost on the way."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.instrument import Instrument
from sandbox.sputnik_units import Cash, CashPair, Units

BTC, HUF, USD = Cash("BTC", 10**8, 10**4), Cash("HUF", 100, 100), Cash("USD", 10**4)
BTC_HUF = CashPair("BTC/HUF", BTC, HUF, 100, 10**6)
BTC_USD = CashPair("BTC/USD", BTC, USD, 100, 10**6)
EUR_USD = CashPair("EUR/USD", Cash("EUR", 100), Cash("USD", 100), 1, 1000, 10)


class WorkedExampleTests(SynchronousTestCase):
    def test_prices(self) -> None:
        """The three pairs of the notes, the one with a denominator of its own among them."""
        self.assertEqual(BTC_HUF.price_to_wire(Decimal("67297")), 6_729_700)
        self.assertEqual(BTC_USD.price_to_wire(Decimal("249.37")), 2_493_700)
        self.assertEqual(EUR_USD.price_to_wire(Decimal("1.001")), 1001)

    def test_quantities(self) -> None:
        """0.1 and 0.25 BTC, and the amount that floats get wrong."""
        self.assertEqual(BTC.to_wire(Decimal("0.1")), 10_000_000)
        self.assertEqual(BTC.to_wire(Decimal("0.25")), 25_000_000)
        self.assertEqual(BTC.to_wire(Decimal("0.29")), 29_000_000)

    def test_what_is_no_whole_number_is_refused(self) -> None:
        """A conversion never rounds silently; only averages are cut, and say so."""
        with self.assertRaises(ValueError):
            BTC.to_wire(Decimal("0.000000001"))
        with self.assertRaises(ValueError):
            BTC_HUF.price_to_wire(Decimal("0.001"))
        self.assertEqual(BTC_HUF.price_cut_to_wire(Decimal("42.999")), 4299)


class RoundTripTests(SynchronousTestCase):
    @given(st.integers(-(10**18), 10**18))
    def test_wire_to_amount_and_back(self, wire: int) -> None:
        """Every integer survives, as price and as quantity."""
        for pair in (BTC_HUF, BTC_USD, EUR_USD):
            self.assertEqual(pair.price_to_wire(pair.price_from_wire(wire)), wire)
            self.assertEqual(pair.payout.to_wire(pair.payout.from_wire(wire)), wire)


class UnitsOfTests(SynchronousTestCase):
    def test_factors_come_from_the_venues_steps(self) -> None:
        """Denominator, tick and lot follow from the smallest units and the steps."""
        units = Units.of(
            {"BTC": Decimal("0.00000001"), "HUF": Decimal("0.01")},
            {"BTC/HUF": Instrument("BTC/HUF", Decimal(1), Decimal("0.01"))},
            {"BTC": 10**4, "HUF": 100},
            {},
        )
        self.assertEqual(units.pairs, {"BTC/HUF": BTC_HUF})
        self.assertEqual(units.cash, {"BTC": BTC, "HUF": HUF})
