"""What the config's connection section may say to a ccxt client, checked."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from model.money import decimal_of

_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NAMES = ("client_ids", "contracts", "passphrase", "poll", "rate_limit", "stream", "testnet", "uid")
#: Options of these beginnings carry a parameter of ccxt's own: ``withdrawal_BTC_key = the name of the address``.
_PARAMETERS = ("deposit_", "withdrawal_")
_LEAST_POLL, _MOST_POLL = Decimal("0.05"), Decimal(60)


@frozen
class Options:
    """``poll``: seconds between two looks at a book that no stream has told of, and at our orders while any is open. ``stream``:
    whether books are streamed where ccxt.pro can. ``testnet``: ccxt's test network of
    the exchange. ``rate_limit``: whether ccxt keeps the venue's budget of calls. ``client_ids``: that the exchange carries ours
    (set it only where that is known; None: as :data:`clients.ccxt.client.CARRIES_CLIENT_IDS` says). ``contracts``: where to
    look for an order whose contract is not known any more, e.g. ``BTC/USD``; the contracts in use are known anyway.
    ``passphrase`` and ``uid``: for venues whose keys have them. ``deposit_<TICKER>_<name>`` and ``withdrawal_<TICKER>_<name>``:
    parameters that ccxt wants for that ticker, such as ``network``, ``method`` or ``key``.
    """

    poll: float = 2.0
    stream: bool = True
    testnet: bool = False
    rate_limit: bool = True
    client_ids: bool | None = None
    contracts: tuple[str, ...] = ()
    passphrase: str = ""
    uid: str = ""
    parameters: Mapping[tuple[str, str], Mapping[str, str]] = {}

    def of(self, kind: str, ticker: str) -> dict[str, str]:
        """ccxt's parameters for a ``kind`` (deposit, withdrawal) of ``ticker``."""
        return dict(self.parameters.get((kind, ticker), {}))


def read_options(venue: str, given: Mapping[str, str], is_home: bool) -> Options:
    """Read and check; ``is_home``: it is the venue itself, whose budget of calls counts, and not a sandbox.

    :raises ValueError: naming what is wrong and what is allowed.
    """
    plain = {name: text for name, text in given.items() if not name.startswith(_PARAMETERS)}
    if unknown := sorted(set(plain) - set(_NAMES)):
        allowed = ", ".join((*_NAMES, *(f"{beginning}<TICKER>_<parameter>" for beginning in _PARAMETERS)))
        raise ValueError(f"{venue}: no option {', '.join(unknown)}; there are {allowed}")
    poll = decimal_of(plain.get("poll", "2"), "poll")
    if not _LEAST_POLL <= poll <= _MOST_POLL:
        raise ValueError(f"{venue}: poll is {_LEAST_POLL} to {_MOST_POLL} seconds, not {poll}")
    switches = {
        name: _switch(venue, name, plain[name]) for name in ("stream", "testnet", "rate_limit", "client_ids") if plain.get(name)
    }
    contracts = tuple(filter(None, (name.strip() for name in plain.get("contracts", "").split(","))))
    return Options(
        poll=float(poll),
        stream=switches.get("stream", True),
        testnet=switches.get("testnet", False),
        rate_limit=switches.get("rate_limit", is_home),
        client_ids=switches.get("client_ids"),
        contracts=contracts,
        passphrase=plain.get("passphrase", ""),
        uid=plain.get("uid", ""),
        parameters=_parameters(venue, given),
    )


def _switch(venue: str, name: str, text: str) -> bool:
    try:
        return _SWITCHES[text.lower()]
    except KeyError:
        raise ValueError(f"{venue}: {name} is true or false, not {text!r}") from None


def _parameters(venue: str, given: Mapping[str, str]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, text in given.items():
        if name.startswith(_PARAMETERS):
            kind, _, rest = name.partition("_")
            ticker, _, parameter = rest.partition("_")
            if not (ticker and parameter):
                raise ValueError(f"{venue}: {name} names no parameter; it is written {kind}_<TICKER>_<parameter>")
            found.setdefault((kind, ticker), {})[parameter] = text
    return found
