"""Kraken's spelling: ids, checksums, numbers."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sandbox.kraken_words import book_checksum, decimals, dumps, read_id, spell_id


class Checksum(SynchronousTestCase):
    """The two published vectors of the WebSocket v2 book."""

    def test_vector(self) -> None:
        """Prices with one decimal, quantities with eight."""
        asks = (
            "45285.2:0.00100000 45286.4:1.54571953 45286.6:1.54571109 45289.6:1.54560911 45290.2:0.15890660 "
            "45291.8:1.54553491 45294.7:0.04454749 45296.1:0.35380000 45297.5:0.09945542 45299.5:0.18772827"
        )
        bids = (
            "45283.5:0.10000000 45283.4:1.54582015 45282.1:0.10000000 45281.0:0.10000000 45280.3:1.54592586 "
            "45279.0:0.07990000 45277.6:0.03310103 45277.5:0.30000000 45277.3:1.54602737 45276.6:0.15445238"
        )
        self.assertEqual(book_checksum(*(self._levels(side) for side in (asks, bids))), 3310070434)

    def test_small_prices(self) -> None:
        """Leading zeros vanish; an eleventh level does not count."""
        asks = [(f"{Decimal('0.05005') + step * Decimal('0.00005'):.5f}", "0.00000500") for step in range(11)]
        prices = (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)
        bids = [(f"0.0{price}", "0.00000500") for price in prices]
        self.assertEqual(book_checksum(asks, bids), 974947235)

    def _levels(self, text: str) -> list[tuple[str, str]]:
        return [(price, quantity) for price, _, quantity in (level.partition(":") for level in text.split())]


class Ids(SynchronousTestCase):
    """Numbers as Kraken's ids and back."""

    @given(st.integers(0, 10**9))
    def test_round_trip(self, number: int) -> None:
        """Every number can be read again, and has the documented form."""
        text = spell_id("O", number)
        self.assertRegex(text, "^O[A-Z2-9]{5}-[A-Z2-9]{5}-[A-Z2-9]{6}$")
        self.assertEqual((read_id("O", text), read_id("T", text)), (number, None))

    def test_nonsense(self) -> None:
        """What is no id is none."""
        self.assertEqual([read_id("O", text) for text in ("", "O", "OAAAAA-BBBBB", "O!!!!!-BBBBB-CCCCCC")], [None] * 4)


class Numbers(SynchronousTestCase):
    """Digits survive."""

    def test_json(self) -> None:
        """Decimals are JSON numbers with all their digits, never in exponent form."""
        text = dumps({"price": Decimal("45283.50"), "qty": Decimal("1E-8"), "list": (1, "a", None, True)})
        self.assertEqual(text, '{"price":45283.50,"qty":0.00000001,"list":[1,"a",null,true]}')

    def test_decimals(self) -> None:
        """Digits of steps below and above one."""
        self.assertEqual([decimals(Decimal(step)) for step in ("0.1", "0.00000001", "1", "100")], [1, 8, 0, 0])
