"""Moving coins and cash: written down first, sent once, remembered until they have arrived.

A transfer is one :class:`model.records.TransitRecord`. Its balance moves in the books only when the venue's own history
shows it (:mod:`execution.intake`); until then it is reserved where it is. An unknown outcome is looked up in that same
history and is never sent again; what cannot be proven, and what a venue cannot do itself, becomes a task for a person.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
from twisted.logger import Logger

from clients.errors import ExchangeError, OutcomeUnknown
from clients.interface import IExchangeClient
from execution.addresses import Addresses
from execution.allowance import Allowance, Kind, Worth, kind_of
from execution.intents import Names
from execution.rim import launch
from execution.tasks import BadAnswer, Tasks
from ledger.interface import ILedger, LedgerError
from model.decision import Transfer
from model.limits import Limits
from model.money import ZERO, plain
from model.notice import Notify, nobody
from model.records import TransitRecord
from model.transfer import Place, Transit

#: The most transits and tasks that are read back at a start.
MOST_READ = 10_000
#: A transit is overdue so long after it should have arrived, by twice its usual time. In microseconds.
GRACE = 60_000_000
#: A transfer that is so many times as large as one that was declined, or as small, is another one.
ANOTHER = 2
#: How the task of an overdue transit is named: it may have another one, of its own id.
OVERDUE: Final = "overdue-"
#: What a person may answer to a task about a transfer, by its kind.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "approve": ("approve", "done", "cancel"),
    "address": ("approve", "done", "cancel"),
    "deposit": ("approve", "done", "cancel"),
    "withdraw": ("done", "cancel"),
    "look": ("done", "cancel"),
    "overdue": ("done", "cancel"),
}


class Transfers:
    """Transfers between the two venues and out. ``changed`` is called when there is something new to show."""

    log = Logger()

    def __init__(
        self,
        clients: Mapping[Place, IExchangeClient],
        ledger: ILedger,
        tasks: Tasks,
        names: Names,
        now: Callable[[], int],
        limits: Limits,
        addresses: Addresses,
        delay: Callable[[str], Decimal],
        notify: Notify = nobody,
    ) -> None:
        self.transits: dict[str, TransitRecord] = {}
        self.changed: Callable[[], None] = lambda: None
        self._clients = clients
        self._ledger = ledger
        self._tasks = tasks
        self._names = names
        self._now = now
        self._limits = limits
        self._addresses = addresses
        self._allowance = Allowance(limits, now)
        self._delay = delay
        self._notify = notify
        self._beginning: dict[str, Transfer] = {}
        self._declined: dict[Kind, Decimal] = {}
        self._over_limit = ""

    async def load(self) -> None:
        """Read what is under way, and what was sent lately. What may have been sent without our knowing is unknown, never
        sent again."""
        await self._tasks.load()
        known = await self._ledger.transits(False, MOST_READ)
        self._addresses.load(known, await self._ledger.tasks(False, MOST_READ))
        self._allowance.load(known)
        for found in await self._ledger.transits(True, MOST_READ):
            self.transits[found.id] = found
            if found.state == "intended":
                await self._keep(attrs.evolve(found, state="unknown", detail="the pool stopped while it was being sent"))
            elif found.state == "manual" and found.id not in self._tasks.open:
                await self.ask_for_proof(found)

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
        sent = [t for t in self.transits.values() if t.state in ("requested", "travelling")]
        return [t for t in sent if t.expected is not None and t.expected < self._now()]

    # Sending.

    def carry_out(self, wanted: Iterable[Transfer], worth: Worth) -> None:
        """Begin what a decision wants, inside the limits; ``worth`` in source currency."""
        if self._limits.transfers == "off":
            return
        for transfer in wanted:
            if self._may_begin(transfer, worth):
                id = self._names.next()
                self._allowance.begin(id, transfer)
                self._beginning[id] = transfer
                launch(self.log, "a transfer", self._begin(id, transfer))

    def _may_begin(self, transfer: Transfer, worth: Worth) -> bool:
        kind = kind_of(transfer)
        unsent = [t for t in self.transits.values() if t.state != "travelling"]
        if kind in {(t.origin, t.to, t.ticker) for t in unsent} | {kind_of(t) for t in self._beginning.values()}:
            return False  # one of this kind is being sent: its outcome first
        if self._is_declined(transfer):
            return False
        if self._allowance.is_too_soon(transfer):
            return False
        excess = self._allowance.excess(transfer, worth)
        if excess and not self._over_limit:
            sentence = f"a transfer of {plain(transfer.quantity)} {transfer.ticker} is not made: {excess}"
            self.log.warn("{sentence}", sentence=sentence)
            self._notify("limit", sentence)
        self._over_limit = excess
        return not excess

    def _is_declined(self, transfer: Transfer) -> bool:
        """Whether a person has said no to about this. A plan that has changed much may be asked about anew."""
        declined = self._declined.get(kind_of(transfer))
        return declined is not None and declined / ANOTHER < transfer.quantity < declined * ANOTHER

    def allow_declined(self) -> None:
        """Ask again for what was declined: a person has started the pool or changed its parameters."""
        self._declined.clear()

    async def _begin(self, id: str, transfer: Transfer) -> None:
        try:
            transit = await self._prepared(id, transfer)
        finally:
            del self._beginning[id]
        if transit is None:
            self._allowance.drop(id)
        elif transit.address is None:
            how = "The receiving venue names no address by API. Approve with an address that stands in [addresses]."
            await self._hand_over(transit, "deposit", how)
        elif not self._addresses.is_listed(transit):
            how = (
                f"The venue names another address than before ({self._addresses.before(transit)}). Ask it by another way "
                "whether this is really ours. Approve, and the pool sends this and what follows there."
            )
            await self._hand_over(transit, "address", how)
        elif self._limits.transfers == "approve":
            await self._hand_over(transit, "approve", "Approve it and the pool sends it; decline and nothing is sent.")
        else:
            await self._send(transit)

    async def _prepared(self, id: str, transfer: Transfer) -> TransitRecord | None:
        """What is to be sent, and where; None where nothing can be sent now. ``address`` None: its receiver names none."""
        quantity, now = await self._on_step(transfer), self._now()
        if quantity <= 0:
            return None
        transit = TransitRecord(id, transfer.origin, transfer.to, transfer.ticker, quantity, "intended", now, now)
        try:
            return attrs.evolve(transit, address=await self._addresses.of(transit))
        except NotImplementedError:
            return transit
        except ExchangeError as trouble:
            self.log.warn("no deposit address for a transfer: {trouble}", trouble=str(trouble))
            return None

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

    async def _send(self, transit: TransitRecord) -> None:
        if transit.address is None or not self._addresses.is_listed(transit):
            raise ValueError(f"{transit.id}: {transit.address} is not on the list of addresses")  # law 9, whoever asks
        self._addresses.add(transit)
        await self._intend(attrs.evolve(transit, state="intended", expected=self._expected(transit)))
        try:
            reference = await self._clients[transit.origin].requestWithdrawal(transit.ticker, transit.quantity, transit.address)
        except NotImplementedError:
            how = "The venue takes no withdrawals by API: make it by hand, then mark it done."
            await self._hand_over(transit, "withdraw", how)
        except OutcomeUnknown as unknown:
            await self._became(transit, state="unknown", detail=str(unknown))
        except ExchangeError as no:
            await self._became(transit, state="cancelled", detail=str(no))
            self.log.warn("a transfer was refused: {no}", no=str(no))
        except Exception:
            await self._became(transit, state="unknown", detail="the client failed")
            raise
        else:
            await self._became(transit, state="requested", reference=reference)

    async def _intend(self, transit: TransitRecord) -> None:
        before = self.transits.get(transit.id)
        try:
            await self._keep(transit)
        except LedgerError:
            # Not written, so not sent: it stands where it stood.
            del self.transits[transit.id]
            if before is not None:
                self.transits[transit.id] = before
            else:
                self._allowance.drop(transit.id)
            raise

    async def _became(self, transit: TransitRecord, **outcome: Any) -> None:
        """The answer to the request, unless the venue's history has told more of it meanwhile."""
        current = self.transits.get(transit.id)
        if current is not None and current.state == "intended":
            await self._keep(attrs.evolve(current, **outcome))

    def _expected(self, transit: TransitRecord) -> int:
        """When it should have arrived at the latest."""
        return self._now() + int(self._delay(transit.ticker) * 2_000_000) + GRACE

    async def _keep(self, transit: TransitRecord) -> None:
        transit = attrs.evolve(transit, updated=self._now())
        self.take(transit)
        await self._ledger.save_transit(transit)
        self.changed()

    def take(self, transit: TransitRecord) -> None:
        """Remember, in memory, what the ledger has been told of ``transit``."""
        before = self.transits.get(transit.id)
        if before is None or before.state != transit.state:
            self.log.info(
                "transfer of {quantity} {ticker} from {origin} to {to}: {state}",
                quantity=plain(transit.quantity),
                ticker=transit.ticker,
                origin=transit.origin,
                to=transit.to,
                state=transit.state,
            )
        if transit.is_over:
            self.transits.pop(transit.id, None)
        else:
            self.transits[transit.id] = transit
        if transit.state == "cancelled":
            self._allowance.drop(transit.id)
        answered = [transit.id] if transit.is_over or transit.state == "travelling" else []
        answered += [_overdue(transit)] if transit.is_over else []
        for id in answered:
            if id in self._tasks.open:
                launch(self.log, "closing a task", self._tasks.close(id, "the pool", transit.state))

    # People.

    async def ask_for_proof(self, transit: TransitRecord) -> None:
        """An outcome that the venue's history has not proven for long: a person must look. Asked once."""
        how = "Look in the venue's own withdrawal list. Found there: mark it done. Certainly not there: cancel it."
        details = {**_details(transit), "what happened": transit.detail, "how": how}
        await self._tasks.ask(transit.id, "look", f"was this {transit.ticker} withdrawal made?", details)

    async def remind(self) -> None:
        """Tell people of what is overdue. Safe to repeat; nothing is ever sent again.

        :raises ledger.interface.LedgerError: a task could not be made durable.
        """
        for transit in self.overdue():
            what = f"{plain(transit.quantity)} {transit.ticker} from {transit.origin} to {transit.to}"
            how = "Ask the venues. Done: go on waiting for it. Cancel: it is lost for good, and is written off in the books."
            details = {**_details(transit), "reference": transit.reference or "", "how": how}
            await self._tasks.ask(_overdue(transit), "overdue", f"{what} has not arrived in time", details)

    async def _hand_over(self, transit: TransitRecord, kind: str, how: str) -> None:
        await self._keep(attrs.evolve(transit, state="manual"))
        title = f"{kind} {plain(transit.quantity)} {transit.ticker} from {transit.origin} to {transit.to}"
        await self._tasks.ask(transit.id, kind, title, {**_details(transit), "how": how})

    async def close_task(self, id: str, who: str, outcome: str, fields: Mapping[str, str]) -> None:
        """A person has decided: ``approve`` sends it, ``done`` says that it was made by hand (``fields["reference"]``: the
        network's or bank's id), ``cancel`` drops it. What was perhaps sent already cannot be approved again.

        :raises execution.tasks.NoSuchTask: it is not open.
        :raises execution.tasks.BadAnswer: nothing was changed.
        :raises ledger.interface.LedgerError: the task is still open.
        """
        task = self._tasks.get(id)
        allowed = ANSWERS.get(task.kind, ())
        if outcome not in allowed:
            raise BadAnswer("outcome", f"a task of kind {task.kind} can be answered with {', '.join(allowed)}")
        transit = self.transits.get(id.removeprefix(OVERDUE))
        if transit is not None and task.kind == "deposit" and outcome == "approve":
            transit = attrs.evolve(transit, address=fields.get("address", ""))
            if not self._addresses.is_configured(fields.get("address", "")):
                raise BadAnswer("address", "must be one that stands in [addresses] of the config")
        await self._tasks.close(id, who, outcome)
        if transit is None:
            return
        if task.kind == "overdue":
            await self._stop_waiting(transit, who, outcome)
        elif transit.state in ("manual", "unknown"):
            if outcome == "cancel" and task.kind != "look":
                self._declined[transit.origin, transit.to, transit.ticker] = transit.quantity
            await self._decided(transit, who, outcome, fields.get("reference") or None)

    async def _decided(self, transit: TransitRecord, who: str, outcome: str, reference: str | None) -> None:
        if outcome == "approve":
            self._addresses.add(transit)
            await self._send(transit)
        elif outcome == "done":
            expected = self._expected(transit)
            await self._keep(attrs.evolve(transit, state="requested", reference=reference, expected=expected))
        else:
            await self._keep(attrs.evolve(transit, state="cancelled", detail=f"declined by {who}"))

    async def _stop_waiting(self, transit: TransitRecord, who: str, outcome: str) -> None:
        if outcome == "done":
            await self._keep(attrs.evolve(transit, expected=self._expected(transit)))
            return
        note = f"written off by {who}"
        if transit.state == "travelling":
            lost = (f"lost-{transit.id}", "transit", transit.ticker, -transit.quantity, "difference", note, self._now())
            await self._ledger.book_adjustment(*lost)
        await self._keep(attrs.evolve(transit, state="cancelled", detail=note))


def _overdue(transit: TransitRecord) -> str:
    return f"{OVERDUE}{transit.id}"


def _details(transit: TransitRecord) -> dict[str, str]:
    return {
        "quantity": f"{plain(transit.quantity)} {transit.ticker}",
        "from": transit.origin,
        "to": transit.to,
        "address": transit.address or "ask the receiving venue",
    }
