"""A whole Sputnik but for its door: procedures and feeds over one venue model, with the original's timing and with faults.

:class:`sandbox.sputnik_front.SputnikFront` puts it behind the sandbox's own router, :mod:`sandbox.sputnik_component` behind
any other.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from sandbox.faults import Fault, Faults, Kind
from sandbox.sputnik_exchange import Failed, SputnikExchange, failed_as
from sandbox.sputnik_feeds import Feeds, Pace, Publish
from sandbox.sputnik_schema import Procedure, SchemaBroken
from sandbox.sputnik_units import Units
from sandbox.trading import VenueRefused
from sandbox.venue import Venue
from sandbox.wamp_realm import Silence

_TIMED_OUT = "exceptions/zmq/call-timed-out"
_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)
_DEFAULT_LOTS = {"BTC": 10_000, "HUF": 100, "USD": 100}

Reply = dict[str, Any]


@frozen
class SputnikOptions:
    """What may differ between exchanges.

    ``pace``: how slow its parts are. ``cash_lots``: wire parts that withdrawals are multiples of, by ticker.
    ``pair_denominators``: by contract, 1 where absent. ``login_only``: users who may neither trade nor withdraw.
    ``strict_2015``: fail where the server of 2015 failed: on new role features, on CANCEL, and silently on bad arguments.
    """

    pace: Pace = field(factory=Pace)
    cash_lots: Mapping[str, int] = field(factory=lambda: dict(_DEFAULT_LOTS))
    pair_denominators: Mapping[str, int] = field(factory=dict)
    login_only: Collection[str] = ()
    strict_2015: bool = True


class SputnikServer:
    """Answers calls and publishes events.

    :param users: names of those who can log in.
    :param publish: sends one event to one topic.
    :param drop: ends all connections of one user at once.
    :ivar procedures: by URI.
    """

    def __init__(
        self,
        venue: Venue,
        users: Collection[str],
        faults: Faults,
        clock: Any,
        publish: Publish,
        drop: Callable[[str], object],
        options: SputnikOptions,
    ) -> None:
        units = Units.of(venue.rules.currencies, venue.rules.instruments, options.cash_lots, options.pair_denominators)
        self._venue = venue
        self._faults = faults
        self._clock = clock
        self._drop = drop
        self._options = options
        self._waiting: set[IDelayedCall] = set()
        self.feeds = Feeds(venue, units, users, publish, faults, clock, options.pace)
        exchange = SputnikExchange(venue, units, self.feeds, options.pace, options.login_only)
        self.procedures: Mapping[str, Procedure] = exchange.procedures

    def start(self) -> None:
        """Begin to publish."""
        self.feeds.start()

    def stop(self) -> None:
        """Leave open calls without an answer, and tell nothing any more. A repeat is safe."""
        self.feeds.stop()
        for call in self._waiting:
            call.cancel()
        self._waiting.clear()

    def restart_engine(self) -> int:
        """What a restart of the matching engine does: every open order is cancelled; how many there were."""
        return self._venue.cancel_all(reason="Engine restarted")

    def call(self, user: str, uri: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Deferred[Mapping[str, Any]]:
        """Carry out a call; fires with the reply, refusals included, or fails with :class:`Silence`.

        ``uri`` must be one of ``procedures``.
        """
        return Deferred.fromCoroutine(self._call(user, uri, args, kwargs))

    async def _call(self, user: str, uri: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        if "username" in kwargs:
            return _failure("exceptions/webserver/denied")
        procedure = self.procedures[uri]
        try:
            values = procedure.bind(args, kwargs)
        except SchemaBroken as broken:
            if self._options.strict_2015:
                raise Silence from broken
            return _failure("exceptions/webserver/schema_exception", str(broken))
        fault = self._faults.decide(self._venue.name, uri, *_CALL_FAULTS)
        if fault is not None:
            return await self._go_wrong(fault, procedure, user, values)
        return await self._go_well(procedure, user, values)

    async def _go_well(self, procedure: Procedure, user: str, values: Sequence[Any]) -> Reply:
        await self._after(procedure.lag)
        reply = _carry_out(procedure, user, values)
        await self._after(procedure.answer)
        return reply

    async def _go_wrong(self, fault: Fault, procedure: Procedure, user: str, values: Sequence[Any]) -> Reply:
        match fault.kind:
            case Kind.ERROR:
                return _failure(fault.text or _TIMED_OUT)
            case Kind.DELAY:
                reply = await self._go_well(procedure, user, values)
                await self._after(float(fault.seconds))
                return reply
            case Kind.DONE_NO_ANSWER if fault.text:
                # The web server gives up on a stalled program, and that carries the order out once it wakes.
                await self._after(float(fault.seconds))
                self._after(self._options.pace.order).addCallback(lambda _: _carry_out(procedure, user, values))
                return _failure(fault.text)
            case Kind.DONE_NO_ANSWER:
                await self._go_well(procedure, user, values)
            case Kind.DISCONNECT:
                self._drop(user)
        raise Silence

    def _after(self, seconds: float) -> Deferred[None]:
        """Fires after a while, or never if the server stops before."""
        done: Deferred[None] = Deferred()
        if not seconds:
            done.callback(None)
            return done

        def due() -> None:
            self._waiting.discard(call)
            done.callback(None)

        call: IDelayedCall = self._clock.callLater(seconds, due)
        self._waiting.add(call)
        return done


def _carry_out(procedure: Procedure, user: str, values: Sequence[Any]) -> Reply:
    try:
        return {"success": True, "result": procedure.act(user, *values)}
    except VenueRefused as refusal:
        return _failure(*failed_as(refusal).error)
    except Failed as failure:
        return _failure(*failure.error)


def _failure(*error: str) -> Reply:
    return {"success": False, "error": list(error)}
