"""Where money may go: to what the receiving venue named, to what the operator wrote into the config, to nowhere else."""

from collections.abc import Iterable, Mapping

from clients.errors import ExchangeError
from clients.interface import IExchangeClient
from model.records import Task, TransitRecord
from model.transfer import Destination, Place


class Addresses:
    """The pool's list of addresses (law 9).

    An address is on it if the operator wrote it into the config, if it is the first one that the venue ever named for the
    currency, or if a transfer went there before. Another one than before needs a person's yes: a venue whose account has
    been taken over names the thief's. The list is no table of its own: it follows from the transits in the ledger.
    """

    def __init__(
        self,
        clients: Mapping[Place, IExchangeClient],
        cash: Mapping[Place, str],
        configured: Mapping[str, str],
        out_address: str | None,
    ) -> None:
        self._clients = clients
        self._cash = cash
        self._configured = configured
        self._out_address = out_address
        self._known: dict[tuple[Destination, str], set[str]] = {}

    def load(self, transits: Iterable[TransitRecord], tasks: Iterable[Task]) -> None:
        """Take over what an earlier run knew. Safe to repeat.

        :param tasks: closed ones too: an address that a person was asked about and did not approve is not on the list.
        """
        doubtful = {task.id for task in tasks if task.kind == "address" and task.outcome != "approve"}
        for transit in transits:
            if transit.address is not None and transit.id not in doubtful:
                self.add(transit)

    async def of(self, transit: TransitRecord) -> str:
        """Where ``transit`` is to go, as its receiver says now.

        :raises NotImplementedError: the receiving venue does not name addresses.
        :raises clients.errors.ExchangeError: it cannot be asked now, or there is no out_address.
        """
        if transit.to == "out":
            if not self._out_address:
                raise ExchangeError("pool", "transfer", "no out_address is configured")
            return self._out_address
        ticker = self._cash[transit.to] if transit.ticker == self._cash[transit.origin] else transit.ticker
        return await self._clients[transit.to].getCurrentAddress(ticker)

    def is_listed(self, transit: TransitRecord) -> bool:
        """Whether ``transit`` may be sent to the address it has."""
        if transit.address is None:
            return False
        if self.is_configured(transit.address) or (transit.to == "out" and transit.address == self._out_address):
            return True
        known = self._known.get((transit.to, transit.ticker), set())
        return transit.to != "out" and (not known or transit.address in known)

    def is_configured(self, address: str) -> bool:
        """Whether the operator wrote it into [addresses]."""
        return address in self._configured

    def before(self, transit: TransitRecord) -> str:
        """The addresses on the list for where ``transit`` goes, for a person to compare."""
        return ", ".join(sorted(self._known.get((transit.to, transit.ticker), ()))) or "none"

    def add(self, transit: TransitRecord) -> None:
        """Put the address of ``transit`` on the list: it is being sent there, or a person has approved it."""
        if transit.address is not None:
            self._known.setdefault((transit.to, transit.ticker), set()).add(transit.address)
