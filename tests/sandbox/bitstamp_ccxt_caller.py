"""Run in a process of its own: ccxt's bitstamp class against a front. ``argv``: port, key, secret. Prints one JSON object."""

import asyncio
import json
import sys
from typing import Any

import ccxt
import ccxt.pro


def exchange(port: str, key: str, secret: str, kind: Any = ccxt.bitstamp) -> Any:
    """ccxt's bitstamp, pointed at the loopback port; its streams begin with the first change of a book."""
    options = {"watchOrderBook": {"snapshotDelay": 0, "snapshotMaxRetries": 3}}
    bitstamp = kind({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    if kind is ccxt.bitstamp:
        bitstamp.session.trust_env = False
    here = f"127.0.0.1:{port}"
    bitstamp.urls["api"] = {name: f"ws://{here}/ws" if name == "ws" else f"http://{here}/api" for name in bitstamp.urls["api"]}
    return bitstamp


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's code and words become."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def same_nonce_twice(bitstamp: Any) -> str:
    """What becomes of a nonce that was used before."""
    bitstamp.uuid = lambda *_: "3b241101-e2bb-4255-8caf-4136c566a962"
    bitstamp.fetch_balance()
    return refusal(bitstamp.fetch_balance)


def late(bitstamp: Any) -> str:
    """What becomes of a request whose time is five minutes old."""
    now = bitstamp.milliseconds
    bitstamp.milliseconds = lambda: now() - 300_000
    return refusal(bitstamp.fetch_balance)


def by_rest(port: str, key: str, secret: str) -> dict[str, Any]:
    """Look, place, look, cancel, trade, and be refused."""
    bitstamp = exchange(port, key, secret)
    market = bitstamp.load_markets()["BTC/USD"]
    told: dict[str, Any] = {"market": [market["id"], market["precision"]["price"], market["precision"]["amount"]]}
    told["limits"] = [market["limits"]["cost"]["min"], market["active"]]
    book = bitstamp.fetch_order_book("BTC/USD")
    told["best"] = [book["bids"][0][0], book["asks"][0][0]]
    told["balance"] = bitstamp.fetch_balance()["total"]
    fee = bitstamp.fetch_trading_fee("BTC/USD")
    told["fee"] = [fee["maker"], fee["taker"]]
    order = bitstamp.create_order("BTC/USD", "limit", "buy", 0.1, 40000, {"clientOrderId": "ilp-1"})
    (found,) = bitstamp.fetch_open_orders("BTC/USD")
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["free"] = bitstamp.fetch_balance()["free"]["USD"]
    told["cancelled"] = bitstamp.cancel_order(order["id"])["id"] == order["id"]
    told["afterwards"] = [len(bitstamp.fetch_open_orders("BTC/USD")), bitstamp.fetch_order(order["id"], "BTC/USD")["status"]]
    crossing = bitstamp.create_order("BTC/USD", "limit", "buy", 0.1, 60000, {"moc_order": True})
    told["maker"] = bitstamp.fetch_order_status(crossing["id"])
    resting = bitstamp.create_order("BTC/USD", "limit", "buy", 0.1, 41000, {"ioc_order": True})
    told["ioc"] = bitstamp.fetch_order_status(resting["id"])
    bought = bitstamp.create_order("BTC/USD", "market", "buy", 0.2)
    told["bought"] = [bitstamp.fetch_order_status(bought["id"]), bitstamp.fetch_order(bought["id"], "BTC/USD")["filled"]]
    (trade,) = bitstamp.fetch_my_trades("BTC/USD")
    told["trade"] = [trade["price"], trade["amount"], trade["side"], trade["fee"]["cost"], trade["fee"]["currency"]]
    # ccxt looks for amounts under BTC, the venue has them under btc.
    rows = [(each["type"], each["info"]) for each in bitstamp.fetch_ledger("BTC")]
    told["ledger"] = sorted([kind, row["btc"], row["usd"]] for kind, row in rows)
    told["trades"] = len(bitstamp.fetch_trades("BTC/USD"))
    told["candles"] = len(bitstamp.fetch_ohlcv("BTC/USD", "1m"))
    told["address"] = bitstamp.fetch_deposit_address("BTC")["address"]
    told["refused"] = {
        "funds": refusal(bitstamp.create_order, "BTC/USD", "limit", "buy", 100, 40000),
        "minimum": refusal(bitstamp.create_order, "BTC/USD", "limit", "buy", 0.0001, 40000),
        "unknown order": refusal(bitstamp.cancel_order, "1450987654321000"),
        "unknown status": refusal(bitstamp.fetch_order, "1450987654321000"),
        "address": refusal(bitstamp.withdraw, "BTC", 0.1, "bc1qcar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        "key": refusal(exchange(port, "nobody", secret).fetch_balance),
        "signature": refusal(exchange(port, key, "wrong").fetch_balance),
        "nonce": same_nonce_twice(exchange(port, key, secret)),
        "time": late(exchange(port, key, secret)),
    }
    return told


async def by_streams(port: str, key: str, secret: str) -> dict[str, Any]:
    """Follow the book by its differences, and our own orders and executions with a token."""
    bitstamp = exchange(port, key, secret, ccxt.pro.bitstamp)
    try:
        await bitstamp.load_markets()
        watching = asyncio.ensure_future(bitstamp.watch_order_book("BTC/USD"))
        orders = asyncio.ensure_future(bitstamp.watch_orders("BTC/USD"))
        trades = asyncio.ensure_future(bitstamp.watch_my_trades("BTC/USD"))
        await asyncio.sleep(0.5)
        order = await bitstamp.create_order("BTC/USD", "limit", "buy", 0.1, 45000, {"clientOrderId": "ilp-9"})
        (found,) = await asyncio.wait_for(orders, 10)
        # ccxt goes on changing the order that it has handed out.
        told = [found["clientOrderId"], found["price"], found["remaining"]]
        book = await asyncio.wait_for(watching, 10)
        while 45000.0 not in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(bitstamp.watch_order_book("BTC/USD"), 10)
        watching = asyncio.ensure_future(bitstamp.watch_orders("BTC/USD"))
        await asyncio.sleep(0)
        await bitstamp.cancel_order(order["id"])
        (ended,) = await asyncio.wait_for(watching, 10)
        result = {"order": told, "ended": [ended["id"] == order["id"], ended["status"]]}
        await bitstamp.create_order("BTC/USD", "limit", "buy", 0.1, 50000)
        (trade,) = await asyncio.wait_for(trades, 10)
        return result | {"trade": [trade["price"], trade["amount"], trade["side"], trade["fee"]["cost"]]}
    finally:
        await bitstamp.close()


if __name__ == "__main__":
    result = by_rest(*sys.argv[1:]) | {"streams": asyncio.run(by_streams(*sys.argv[1:]))}
    sys.stdout.write(json.dumps(result))
