"""Venues of the original's time that can no longer be traded on, and what to use instead."""

from collections.abc import Mapping

_INSTEAD = "use clients.kraken.Kraken"

#: By the module's short name, lower case: a sentence for the operator.
CLOSED: Mapping[str, str] = {
    "coinsetter": f"Coinsetter closed in 2016 (Kraken had bought it); {_INSTEAD}",
    "bittrex": f"Bittrex closed in 2023; {_INSTEAD}",
    "btce": f"BTC-e was shut down in 2017; {_INSTEAD}",
    "btcchina": f"BTCChina stopped trading in 2017; {_INSTEAD}",
    "campbx": f"CampBX has stopped trading; {_INSTEAD}",
    "coinbasepro": "Coinbase Pro is Coinbase Exchange today; use clients.coinbase_exchange.CoinbaseExchange",
    "cryptsy": f"Cryptsy closed in 2016; {_INSTEAD}",
    "gdax": "GDAX is Coinbase Exchange today; use clients.coinbase_exchange.CoinbaseExchange",
    "mtgox": f"Mt. Gox closed in 2014; {_INSTEAD}",
    "vaultofsatoshi": f"Vault of Satoshi closed in 2015; {_INSTEAD}",
}
