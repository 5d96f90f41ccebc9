"""Configs for the tests, as text and as sections."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

#: The original's first example, word for word in its keys.
ORIGINAL = """\
[modules]
source = coinsetter.CoinSetter
target = sputnik.Sputnik
fiat = yahoo.Yahoo

[source_connection]
endpoint = https://api.coinsetter.com/v1
id = COINSETTER_ID
secret = COINSETTER_SECRET

[target_connection]
endpoint = ws://localhost:8880/ws
id = SPUTNIK_ID
secret = SPUTNIK_SECRET

[tickers]
source = USD
target = HUF
btc = BTC

[target_balance_source]
USD = 6000
BTC = 6

[target_balance_target]
HUF = 1626000
BTC = 6

[valuation]
deviation_penalty = 50
risk_aversion = 0.01

[data]
fiat_exchange_cost = [150, 0.1]
fiat_exchange_delay = 86400
source_fee = [0, 0.01]
target_fee = [0, 0.005]
btc_fee = 0.0001
btc_delay = 3600
variance_period = day
variance_window = month

[trader]
quote_size = 0.1
out_address = OUT
edge_to_enter = 20
edge_to_leave = 10
period = 5
"""

OVERRIDES = "[variance_overrides]\nBTC/USD = 2500\nHUF/USD = 0.000001\n"

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "modules": {"source": "kraken.Kraken", "target": "clients.sputnik.Sputnik", "fiat": "ecb.ECB"},
    "tickers": {"source": "USD", "target": "HUF", "btc": "BTC"},
    "target_balance_source": {"USD": "6000", "BTC": "6"},
    "target_balance_target": {"HUF": "1626000", "BTC": "6"},
    "valuation": {"deviation_penalty": "0.001", "risk_aversion": "0.0001"},
    "data": {"fiat_exchange_cost": "[150, 0.1]", "source_fee": "[0, 0.01]", "target_fee": "[0, 0.005]", "btc_fee": "0.0001"},
    "variance_overrides": {"BTC/USD": "2500", "HUF/USD": "0.000001"},
    "trader": {"quote_size": "0.1", "edge_to_enter": "20", "edge_to_leave": "10"},
}

#: One look at the two exchanges of the sandbox, everything at its ideal.
SNAPSHOT: Mapping[str, Any] = {
    "timestamp": 1_700_000_000_000_000,
    "source": {
        "book": {
            "contract": "BTC/USD",
            "bids": [{"price": "64990", "quantity": "2"}],
            "asks": [{"price": "65010", "quantity": "2"}],
        },
        "positions": {
            "USD": {"position": "100000", "available": "100000"},
            "BTC": {"position": "1.5", "available": "1.5"},
        },
    },
    "target": {
        "book": {"contract": "BTC/HUF", "bids": [], "asks": []},
        "positions": {
            "HUF": {"position": "37000000", "available": "37000000"},
            "BTC": {"position": "1.5", "available": "1.5"},
        },
        "instrument": {"tick": "100", "lot": "0.0001"},
    },
    "fiat": {
        "book": {
            "contract": "HUF/USD",
            "bids": [{"price": "0.002698", "quantity": "100000000"}],
            "asks": [{"price": "0.002702", "quantity": "100000000"}],
        }
    },
}


def sections(**changes: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """The sections above with ``changes`` put into them; None takes a key away."""
    found = {name: dict(keys) for name, keys in SECTIONS.items()}
    for name, keys in changes.items():
        section = found.setdefault(name, {})
        for key, text in keys.items():
            if text is None:
                del section[key]
            else:
                section[key] = text
    return found


def in_sandbox(**changes: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """The same, between simulated exchanges."""
    place = {"endpoint": "sandbox"}
    return sections(source_connection=place, target_connection=place, sandbox={}, **changes)


def written(text: str, mode: int = 0o600, name: str = "pool.ini") -> Path:
    """A file of that text and mode, in a folder of its own."""
    path = Path(mkdtemp()) / name
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)
    return path
