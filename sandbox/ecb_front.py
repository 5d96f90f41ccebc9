"""The ECB's reference-rate files, in its own form: units of each currency per euro, newest day first.

``eurofxref-daily.xml`` (the newest), ``eurofxref-hist-90d.xml`` (the working days of 90 days) and ``eurofxref-hist.xml``,
under any path, as the real ones live under ``/stats/eurofxref/``.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from model.money import plain
from sandbox.door import Door, answer_later
from sandbox.faults import Faults, Kind
from sandbox.rates import Rates

VENUE = "ecb"
#: Working days per file.
_FILES = {"eurofxref-daily.xml": 1, "eurofxref-hist-90d.xml": 64, "eurofxref-hist.xml": 520}
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
    'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
    "\t<gesmes:subject>Reference rates</gesmes:subject>\n"
    "\t<gesmes:Sender>\n\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>\n"
    "\t<Cube>\n%s\t</Cube>\n</gesmes:Envelope>\n"
)


class EcbFront:
    """The rates of ``rates`` on a loopback port. Faults ask by the file's name at the venue ``ecb``."""

    def __init__(self, rates: Rates, faults: Faults, reactor: Any, now: Callable[[], datetime]) -> None:
        files = _Files(rates, faults, reactor, now)
        self._door = Door(files, reactor, lambda: faults.decide(VENUE, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Files(Resource):
    isLeaf = True

    def __init__(self, rates: Rates, faults: Faults, reactor: Any, now: Callable[[], datetime]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rates = rates
        self._faults = faults
        self._reactor = reactor
        self._now = now

    def render_GET(self, request: Request) -> Any:
        """The file, or what the faults say."""
        name = request.path.decode("ascii", "replace").rpartition("/")[2]
        if name not in _FILES:
            request.setResponseCode(404)
            return b"not found"
        fault = self._faults.decide(VENUE, name, Kind.ERROR, Kind.NO_ANSWER, Kind.DELAY)
        if fault is not None and fault.kind is Kind.ERROR:
            request.setResponseCode(int(fault.text) if fault.text.isdecimal() else 503)
            return b"unavailable"
        if fault is not None and fault.kind is Kind.NO_ANSWER:
            return NOT_DONE_YET
        request.setHeader(b"Content-Type", b"text/xml")
        text = _ENVELOPE % "".join(_day(day, rates) for day, rates in self._rates.published(self._now().date(), _FILES[name]))
        if fault is not None:
            answer_later(request, text.encode(), self._reactor, float(fault.seconds))
            return NOT_DONE_YET
        return text.encode()


def _day(day: date, rates: Mapping[str, Decimal]) -> str:
    lines = "".join(f'\t\t\t<Cube currency="{ticker}" rate="{plain(rate)}"/>\n' for ticker, rate in rates.items())
    return f'\t\t<Cube time="{day.isoformat()}">\n{lines}\t\t</Cube>\n'
