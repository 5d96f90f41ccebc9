"""How each coin travels: ``capital/config/getall``, "All coins' information"."""

from collections.abc import Mapping
from typing import Any

from clients.binance.faults import VENUE
from clients.networks import Network, Networks
from clients.parsing import number, text, truth

#: Of several networks, the one that everybody means.
USUAL = {"BTC": "BTC"}


def networks(coins: Any, chosen: Mapping[str, str]) -> Networks:
    """What ``capital/config/getall`` says.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    known = {text(coin["coin"], "coin"): tuple(map(_network, coin["networkList"])) for coin in coins}
    return Networks(VENUE, known, chosen, USUAL)


def _network(entry: Mapping[str, Any]) -> Network:
    return Network(
        text(entry["network"], "network"),
        truth(entry["depositEnable"], "depositEnable"),
        truth(entry["withdrawEnable"], "withdrawEnable"),
        number(entry.get("withdrawIntegerMultiple", "0"), "withdrawIntegerMultiple"),
        number(entry.get("withdrawMin", "0"), "withdrawMin"),
    )
