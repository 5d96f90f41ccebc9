"""How coins travel: a coin of several networks that is sent by the wrong one is lost, so that none is ever guessed."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from clients.errors import Reason, Refused
from model.instrument import Instrument
from model.money import ZERO


@frozen
class Network:
    """One way for one coin; a withdrawal is a multiple of ``step`` (0: any) and at least ``least``."""

    name: str
    can_deposit: bool
    can_withdraw: bool
    step: Decimal = ZERO
    least: Decimal = ZERO


@frozen
class Networks:
    """The networks of each ticker at ``venue``; ``chosen``: by ticker, the one that the config names (``network_<TICKER>``).

    ``usual``: of several networks, the one that everybody means.
    """

    venue: str
    known: Mapping[str, tuple[Network, ...]]
    chosen: Mapping[str, str]
    usual: Mapping[str, str]

    def of(self, call: str, ticker: str) -> Network:
        """The one network by which ``ticker`` travels.

        :raises Refused: (ADDRESS) if there is none, or if only a guess could tell which.
        """
        there = {network.name: network for network in self.known.get(ticker, ())}
        wanted = self.chosen.get(ticker) or self.usual.get(ticker, "")
        if wanted in there:
            return there[wanted]
        if len(there) == 1 and ticker not in self.chosen:
            return next(iter(there.values()))
        words = f"set the option network_{ticker} to one of: {', '.join(there) or 'none'}"
        raise Refused(self.venue, call, words if there else f"{ticker} is not listed", Reason.ADDRESS)

    def for_deposit(self, call: str, ticker: str) -> Network:
        """As :meth:`of`, if it takes deposits now.

        :raises Refused: (ADDRESS, MAINTENANCE).
        """
        network = self.of(call, ticker)
        if not network.can_deposit:
            raise Refused(self.venue, call, f"{ticker} cannot be deposited by {network.name} now", Reason.MAINTENANCE)
        return network

    def instruments(self) -> dict[str, Instrument]:
        """The steps of what is withdrawn, by ticker, where there is no doubt about the network."""
        found = {}
        for ticker in self.known:
            try:
                network = self.of("instruments", ticker)
            except Refused:
                continue
            if network.step:
                found[ticker] = Instrument(ticker, lot=network.step, min_quantity=network.least)
        return found
