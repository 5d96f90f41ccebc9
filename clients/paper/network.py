"""Transfers between the paper accounts of one process."""

from collections.abc import Callable
from decimal import Decimal

from attrs import define, field

#: Takes ticker, amount, address and the reference of what arrives.
Credit = Callable[[str, Decimal, str, str], None]


@define
class PaperNetwork:
    """Addresses, and who is credited by what is sent to them."""

    _accounts: dict[tuple[str, str], Credit] = field(factory=dict)

    def open(self, ticker: str, address: str, credit: Credit) -> None:
        """``credit`` is called with what is sent in ``ticker`` to ``address``. A repeat is safe."""
        self._accounts[ticker, address] = credit

    def find(self, ticker: str, address: str) -> Credit | None:
        """Who has ``address`` for ``ticker``; None: nobody here, so what is sent there is gone."""
        return self._accounts.get((ticker, address))
