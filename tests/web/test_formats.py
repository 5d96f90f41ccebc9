"""Numbers and times for people."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book, Level
from web import formats

AMOUNTS = st.decimals(min_value=-(10**18), max_value=10**18, places=8)


class Numbers(SynchronousTestCase):
    """Rounded for the eye only."""

    @given(AMOUNTS)
    def test_what_is_shown_is_the_value(self, value: Decimal) -> None:
        """Read back, a number shown to the satoshi is exactly the value."""
        shown = formats.number(value, 8)
        self.assertEqual(Decimal(shown.replace(",", "").replace("\N{MINUS SIGN}", "-")), value)

    @given(AMOUNTS, st.integers(0, 8))
    def test_rounding_is_close_and_zero_has_no_sign(self, value: Decimal, places: int) -> None:
        """Off by half a unit of the last place at most; never minus zero."""
        shown = Decimal(formats.number(value, places).replace(",", "").replace("\N{MINUS SIGN}", "-"))
        self.assertLessEqual(abs(shown - value), Decimal("0.5").scaleb(-places))
        self.assertFalse(shown == 0 and "\N{MINUS SIGN}" in formats.number(value, places))

    def test_examples(self) -> None:
        """Thousands, signs, and a dash for what is not known."""
        self.assertEqual(formats.number(Decimal("1234567.891")), "1,234,567.89")
        self.assertEqual(formats.signed(Decimal("0.5")), "+0.50")
        self.assertEqual(formats.signed(Decimal("0.001")), "0.00")
        self.assertEqual(formats.signed(Decimal("-3")), "\N{MINUS SIGN}3.00")
        self.assertEqual(formats.number(None), "\N{EN DASH}")
        self.assertEqual(formats.share(Decimal("0.0042")), "+0.42 %")

    def test_the_tooltip_is_exact(self) -> None:
        """Every digit is one hover away, and a stranger's unit is only text."""
        cell = formats.cell(Decimal("0.123456789012"), 2, "<b>")
        self.assertIn('title="0.123456789012 &lt;b&gt;"', cell)
        self.assertIn(">0.12</data>", cell)

    def test_price_places_follow_the_market(self) -> None:
        """A market in whole units shows none."""
        book = Book("BTC/HUF", (Level(Decimal(22000000), Decimal(1)),), (Level(Decimal("22000000.5"), Decimal(1)),))
        self.assertEqual(formats.price_places(book), 1)
        self.assertEqual(formats.price_places(Book("BTC/HUF")), 2)
        self.assertEqual(formats.price_places(None), 2)

    def test_ages(self) -> None:
        """In the unit that matters."""
        ages = {None: "never", "0.23": "0.2 s", "61": "61 s", "600": "10 min", "7200": "2 h", "345600": "4 d"}
        for age, text in ages.items():
            self.assertEqual(formats.seconds(None if age is None else Decimal(age)), text)

    def test_moments(self) -> None:
        """UTC in the text for those without a script, in a form that the script can read."""
        shown = formats.moment(1_795_269_600_123_456)
        self.assertEqual(
            shown, '<time datetime="2026-11-21T14:00:00Z" title="2026-11-21 14:00:00 UTC">2026-11-21 14:00:00 UTC</time>'
        )
        self.assertIn("\N{EN DASH}", formats.moment(None))
