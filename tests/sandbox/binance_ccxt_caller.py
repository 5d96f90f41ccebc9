"""Run in a process of its own: ccxt's binance class against a front. ``argv``: port, key, secret. Prints one JSON object."""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro


def pointed(binance: Any, port: str) -> Any:
    """ccxt's binance with all its addresses on the loopback port, each with its own path."""

    def here(url: Any) -> Any:
        if isinstance(url, dict):
            return {name: here(each) for name, each in url.items()}
        parts = urlsplit(url)
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://127.0.0.1:{port}{parts.path}"

    binance.urls["api"] = here(binance.urls["api"])
    return binance


def exchange(port: str, key: str, secret: str, kind: Any = ccxt.binance) -> Any:
    """For spot only, and without margin's extra questions."""
    options = {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"}
    binance = kind({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    if kind is ccxt.binance:
        binance.session.trust_env = False
    return pointed(binance, port)


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's code and message become."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def by_rest(port: str, key: str, secret: str) -> dict[str, Any]:
    """Look, place, look, cancel, trade, and be refused."""
    binance = exchange(port, key, secret)
    market = binance.load_markets()["BTC/USDT"]
    limits = market["limits"]
    told: dict[str, Any] = {"market": [market["id"], market["precision"]["price"], market["precision"]["amount"]]}
    told["limits"] = [limits["amount"]["min"], limits["cost"]["min"]]
    told["coin"] = [binance.currencies["BTC"]["networks"]["BTC"]["fee"], binance.currencies["BTC"]["withdraw"]]
    book = binance.fetch_order_book("BTC/USDT")
    told["best"] = [book["bids"][0][0], book["asks"][0][0]]
    told["balance"] = {ticker: total for ticker, total in binance.fetch_balance()["total"].items() if total}
    order = binance.create_order("BTC/USDT", "limit", "buy", 0.1, 40000, {"clientOrderId": "ilp-1"})
    (found,) = binance.fetch_open_orders("BTC/USDT")
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["free"] = binance.fetch_balance()["free"]["USDT"]
    told["cancelled"] = binance.cancel_order(order["id"], "BTC/USDT")["status"]
    told["afterwards"] = [len(binance.fetch_open_orders("BTC/USDT")), binance.fetch_order(order["id"], "BTC/USDT")["status"]]
    maker = binance.create_order("BTC/USDT", "limit", "buy", 0.1, 41000, {"postOnly": True})
    told["maker"] = [maker["id"] is not None, binance.cancel_order(maker["id"], "BTC/USDT")["status"]]
    told["ioc"] = binance.create_order("BTC/USDT", "limit", "buy", 0.1, 41000, {"timeInForce": "IOC"})["status"]
    bought = binance.create_order("BTC/USDT", "market", "buy", 0.2)
    told["bought"] = [bought["status"], bought["filled"], bought["cost"]]
    (trade,) = binance.fetch_my_trades("BTC/USDT")
    told["trade"] = [trade["price"], trade["amount"], trade["fee"]["cost"], trade["fee"]["currency"], trade["takerOrMaker"]]
    told["candles"] = len(binance.fetch_ohlcv("BTC/USDT", "1m"))
    told["address"] = binance.fetch_deposit_address("BTC", {"network": "BTC"})["address"]
    told["deposits"] = sorted((each["currency"], each["amount"], each["status"]) for each in binance.fetch_deposits())
    told["refused"] = {
        "funds": refusal(binance.create_order, "BTC/USDT", "limit", "buy", 100, 40000),
        "minimum": refusal(binance.create_order, "BTC/USDT", "limit", "buy", 0.0001, 40000),
        "post only": refusal(binance.create_order, "BTC/USDT", "limit", "buy", 0.1, 60000, {"postOnly": True}),
        "unknown order": refusal(binance.cancel_order, "987654321", "BTC/USDT"),
        "address": refusal(binance.withdraw, "BTC", 0.1, "bc1qcar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", {"network": "BTC"}),
        "key": refusal(exchange(port, "nobody", secret).fetch_balance),
        "signature": refusal(exchange(port, key, "wrong").fetch_balance),
    }
    return told


async def by_streams(port: str, key: str, secret: str) -> dict[str, Any]:
    """Follow the book by its numbered changes, and our own orders by the signed subscription."""
    binance = exchange(port, key, secret, ccxt.pro.binance)
    try:
        await binance.load_markets()
        watching = asyncio.ensure_future(binance.watch_orders("BTC/USDT"))
        book = await binance.watch_order_book("BTC/USDT")
        await asyncio.sleep(0.5)
        order = await binance.create_order("BTC/USDT", "limit", "buy", 0.1, 45000, {"clientOrderId": "ilp-9"})
        (found,) = await asyncio.wait_for(watching, 10)
        # ccxt goes on changing the order that it has handed out.
        told = [found["clientOrderId"], found["status"], found["price"]]
        while 45000.0 not in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(binance.watch_order_book("BTC/USDT"), 10)
        watching = asyncio.ensure_future(binance.watch_orders("BTC/USDT"))
        await asyncio.sleep(0)
        await binance.cancel_order(order["id"], "BTC/USDT")
        (ended,) = await asyncio.wait_for(watching, 10)
        return {"order": told, "ended": [ended["id"] == order["id"], ended["status"]]}
    finally:
        await binance.close()


if __name__ == "__main__":
    result = by_rest(*sys.argv[1:]) | {"streams": asyncio.run(by_streams(*sys.argv[1:]))}
    sys.stdout.write(json.dumps(result))
