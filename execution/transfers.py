"""Moving coins and cash: written down first, sent once, remembered until they have arrived.

A transfer is one :class:`model.records.TransitRecord`. Its balance moves in the books only when the venue's own history
shows it (:mod:`execution.intake`); until then it is reserved where it is. An unknown outcome is looked up in that same
history and is never sent again; what cannot be proven, and what a venue cannot do itself, becomes a task for a person.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import attrs
from twisted.logger import Logger

from clients.errors import ExchangeError, OutcomeUnknown
from clients.interface import IExchangeClient
from execution.intents import Names
from execution.rim import launch
from ledger.interface import ILedger
from model.decision import Transfer
from model.limits import Limits
from model.money import ZERO, plain
from model.records import Task, TransitRecord
from model.transfer import Place, Transit

DAY = 86_400_000_000


class NoSuchTask(Exception):
    """There is no open task of this id."""


class Transfers:
    """Transfers between the two venues and out. ``changed`` is called when there is something new to show."""

    log = Logger()

    def __init__(
        self,
        clients: Mapping[Place, IExchangeClient],
        ledger: ILedger,
        names: Names,
        now: Callable[[], int],
        limits: Limits,
        cash: Mapping[Place, str],
        out_address: str | None,
        delay: Callable[[str], Decimal],
    ) -> None:
        self.transits: dict[str, TransitRecord] = {}
        self.tasks: dict[str, Task] = {}
        self.changed: Callable[[], None] = lambda: None
        self._clients = clients
        self._ledger = ledger
        self._names = names
        self._now = now
        self._limits = limits
        self._cash = cash
        self._out_address = out_address
        self._delay = delay
        self._last: dict[tuple[Place, str, str], int] = {}
        self._sent_values: list[tuple[int, Decimal]] = []

    async def load(self) -> None:
        """Read what is under way. What may have been sent without our knowing is unknown, never sent again."""
        for found in await self._ledger.transits(True, 1000):
            self.transits[found.id] = found
            if found.state == "intended":
                await self._keep(attrs.evolve(found, state="unknown", detail="the pool stopped while it was being sent"))
        for task in await self._ledger.tasks(True, 1000):
            self.tasks[task.id] = task

    # What the rest of the pool must count.

    def as_transits(self) -> Iterable[Transit]:
        """What is under way, as the snapshot has it: ``origin`` is set while the balance there has not moved yet."""
        for t in self.transits.values():
            if not t.is_over and not (t.to == "out" and t.state == "travelling"):
                has_left = t.state == "travelling"
                yield Transit(None if has_left else t.origin, t.to, t.ticker, t.quantity)

    def reserved(self, place: Place) -> dict[str, Decimal]:
        """What has been asked to leave ``place`` and is still in its balance."""
        asked: dict[str, Decimal] = {}
        for t in self.transits.values():
            if t.origin == place and not t.is_over and t.state != "travelling":
                asked[t.ticker] = asked.get(t.ticker, ZERO) + t.quantity
        return asked

    def overdue(self) -> list[TransitRecord]:
        """Transits that should have arrived by now. They are shown, and never sent again."""
        return [t for t in self.transits.values() if not t.is_over and t.expected is not None and t.expected < self._now()]

    # Sending.

    def carry_out(self, wanted: Iterable[Transfer], worth: Callable[[Transfer], Decimal]) -> None:
        """Begin what a decision wants, inside the limits; ``worth`` in source currency."""
        if self._limits.transfers == "off":
            return
        for transfer in wanted:
            if self._may_begin(transfer, worth(transfer)):
                self._last[self._kind(transfer)] = self._now()
                self._sent_values.append((self._now(), worth(transfer)))
                launch(self.log, "a transfer", self._begin(transfer))

    def _kind(self, transfer: Transfer) -> tuple[Place, str, str]:
        return (transfer.origin, transfer.to, transfer.ticker)

    def _may_begin(self, transfer: Transfer, value: Decimal) -> bool:
        limits, now = self._limits, self._now()
        kind = self._kind(transfer)
        if any((t.origin, t.to, t.ticker) == kind and t.state != "travelling" for t in self.transits.values()):
            return False  # one of this kind is being sent: its outcome first
        last = self._last.get(kind)
        if last is not None and now - last < int(limits.transfer_interval * 1_000_000):
            return False
        if limits.max_transfer_value is not None and value > limits.max_transfer_value:
            self.log.warn("a transfer worth {value} is over the limit of {limit}", value=value, limit=limits.max_transfer_value)
            return False
        self._sent_values = [(at, sent) for at, sent in self._sent_values if now - at < DAY]
        today = sum((sent for _at, sent in self._sent_values), ZERO)
        return limits.max_transfer_value_per_day is None or today + value <= limits.max_transfer_value_per_day

    async def _begin(self, transfer: Transfer) -> None:
        now = self._now()
        quantity = await self._on_step(transfer)
        if quantity <= 0:
            return
        transit = TransitRecord(self._names.next(), transfer.origin, transfer.to, transfer.ticker, quantity, "intended", now, now)
        transit = attrs.evolve(transit, expected=now + int(self._delay(transfer.ticker) * 2_000_000) + 60_000_000)
        try:
            address = await self._address(transit)
        except NotImplementedError:
            await self._hand_over(transit, "deposit", "The receiving venue names no deposit address by API.")
            return
        except ExchangeError as trouble:
            self.log.warn("no deposit address for a transfer: {trouble}", trouble=str(trouble))
            return
        transit = attrs.evolve(transit, address=address)
        if self._limits.transfers == "approve":
            await self._hand_over(transit, "approve", "Approve it and the pool sends it; decline and nothing is sent.")
        else:
            await self._send(transit)

    async def _on_step(self, transfer: Transfer) -> Decimal:
        """What can leave of it: some venues let a currency go in steps only, or not in small amounts."""
        try:
            instruments = await self._clients[transfer.origin].getInstruments()
        except (NotImplementedError, ExchangeError):
            return transfer.quantity
        rules = instruments.get(transfer.ticker)
        if rules is None:
            return transfer.quantity
        quantity = rules.round_quantity(transfer.quantity)
        return quantity if quantity >= rules.min_quantity else ZERO

    async def _address(self, transit: TransitRecord) -> str:
        if transit.to == "out":
            if not self._out_address:
                raise ExchangeError("pool", "transfer", "no out_address is configured")
            return self._out_address
        ticker = self._cash[transit.to] if transit.ticker == self._cash[transit.origin] else transit.ticker
        return await self._clients[transit.to].getCurrentAddress(ticker)

    async def _send(self, transit: TransitRecord) -> None:
        await self._keep(attrs.evolve(transit, state="intended"))
        try:
            reference = await self._clients[transit.origin].requestWithdrawal(
                transit.ticker, transit.quantity, transit.address or ""
            )
        except NotImplementedError:
            await self._hand_over(
                transit, "withdraw", "The venue takes no withdrawals by API: make it by hand, then mark it done."
            )
        except OutcomeUnknown as unknown:
            await self._keep(attrs.evolve(transit, state="unknown", detail=str(unknown)))
        except ExchangeError as no:
            await self._keep(attrs.evolve(transit, state="cancelled", detail=str(no)))
            self.log.warn("a transfer was refused: {no}", no=str(no))
        except Exception:
            await self._keep(attrs.evolve(transit, state="unknown", detail="the client failed"))
            raise
        else:
            current = self.transits.get(transit.id, transit)
            if current.state == "intended":
                await self._keep(attrs.evolve(current, state="requested", reference=reference))

    async def _keep(self, transit: TransitRecord) -> None:
        transit = attrs.evolve(transit, updated=self._now())
        self.take(transit)
        await self._ledger.save_transit(transit)
        self.changed()

    def take(self, transit: TransitRecord) -> None:
        """Remember, in memory, what the ledger has been told of ``transit``."""
        if transit.is_over:
            self.transits.pop(transit.id, None)
        else:
            self.transits[transit.id] = transit

    # People.

    async def ask_for_proof(self, transit: TransitRecord) -> None:
        """An outcome that the venue's history has not proven for long: a person must look. Asked once."""
        if transit.id in self.tasks:
            return
        details = {
            "quantity": f"{plain(transit.quantity)} {transit.ticker}",
            "from": transit.origin,
            "to": transit.to,
            "address": transit.address or "",
            "what happened": transit.detail,
            "how": "Look in the venue's own withdrawal list. Found there: mark it done. Certainly not there: cancel it.",
        }
        await self._save_task(Task(transit.id, "look", f"was this {transit.ticker} withdrawal made?", details, self._now()))

    async def _hand_over(self, transit: TransitRecord, kind: str, how: str) -> None:
        await self._keep(attrs.evolve(transit, state="manual"))
        title = f"{kind} {plain(transit.quantity)} {transit.ticker} from {transit.origin} to {transit.to}"
        details = {
            "quantity": f"{plain(transit.quantity)} {transit.ticker}",
            "from": transit.origin,
            "to": transit.to,
            "address": transit.address or "ask the receiving venue",
            "how": how,
        }
        await self._save_task(Task(transit.id, kind, title, details, self._now()))

    async def _save_task(self, task: Task) -> None:
        if task.closed is None:
            self.tasks[task.id] = task
        else:
            self.tasks.pop(task.id, None)
        await self._ledger.save_task(task)
        self.changed()

    async def close_task(self, id: str, who: str, outcome: str, fields: Mapping[str, str]) -> None:
        """A person has decided: ``approve`` sends it, ``done`` says that it was made by hand (``fields["reference"]``: the
        network's or bank's id), ``cancel`` drops it.

        :raises NoSuchTask: it is not open.
        """
        task = self.tasks.get(id)
        transit = self.transits.get(id)
        if task is None:
            raise NoSuchTask(id)
        await self._save_task(attrs.evolve(task, closed=self._now(), closed_by=who, outcome=outcome))
        if transit is None or transit.state not in ("manual", "unknown"):
            return
        if outcome == "approve":
            await self._send(transit)
        elif outcome == "done":
            await self._keep(attrs.evolve(transit, state="requested", reference=fields.get("reference") or None))
        else:
            await self._keep(attrs.evolve(transit, state="cancelled", detail=f"declined by {who}"))
