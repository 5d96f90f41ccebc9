"""Which clients are put together, and what the world of such a pair is like."""

from collections.abc import Sequence

#: Each native client: its class, and the price steps that its venue has at 65,000 USD and 26,000,000 HUF.
CLIENTS = {
    "kraken": ("clients.kraken.Kraken", "0.1", "100"),
    "sputnik": ("clients.sputnik.Sputnik", "10", "100"),
    "binance": ("clients.binance.Binance", "0.01", "100"),
    "bitstamp": ("clients.bitstamp.Bitstamp", "1", "100"),
    # Five significant digits.
    "bitfinex": ("clients.bitfinex.Bitfinex", "1", "1000"),
    "coinbase_exchange": ("clients.coinbase_exchange.CoinbaseExchange", "0.01", "100"),
    "gemini": ("clients.gemini.Gemini", "0.01", "100"),
}

Pair = tuple[str, str]


def pairs(clients: Sequence[str]) -> list[Pair]:
    """(source, target): each client twice as the one and twice as the other, each time with another one (of two: once)."""
    count = len(clients)
    steps = [step for step in (1, count // 2 + 1) if step % count]
    return [(clients[place], clients[(place + step) % count]) for step in dict.fromkeys(steps) for place in range(count)]


def changes(pair: Pair) -> dict[str, str]:
    """What makes the example config a pool between the two, in a lively world at sixty times the speed of ours.

    What it has is spread other than it wants it, so that coins and cash travel both ways.
    """
    source, target = pair
    source_class, source_tick, _ = CLIENTS[source]
    target_class, _, target_tick = CLIENTS[target]
    return {
        "modules.source": source_class,
        "modules.target": target_class,
        "sandbox.source_front": source,
        "sandbox.target_front": target,
        "sandbox.source_tick": source_tick,
        "sandbox.target_tick": target_tick,
        "sandbox.speed": "60",
        "sandbox.customers_per_day": "20000",
        "sandbox.source_balance": "USD 60000, BTC 2.2",
        "sandbox.target_balance": "HUF 52000000, BTC 0.8",
        "sandbox.btc_delay": "300",
        "sandbox.fiat_delay": "900",
        "target_balance_source.BTC": "0.8",
        "target_balance_source.USD": "110000",
        "target_balance_target.BTC": "2.2",
        "target_balance_target.HUF": "34000000",
        "valuation.deviation_penalty": "0.01",
        "trader.hedge": "immediate",
        "trader.period": "1",
        "limits.transfer_interval": "3",
        "limits.max_orders_per_minute": "600",
        "webserver.port": "0",
    }
