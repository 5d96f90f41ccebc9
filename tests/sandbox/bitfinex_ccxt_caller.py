"""Run in a process of its own: ccxt's bitfinex class against a front. ``argv``: port, key, secret. Prints one JSON object."""

import asyncio
import json
import sys
from typing import Any

import ccxt
import ccxt.pro


def exchange(port: str, key: str, secret: str, kind: Any = ccxt.bitfinex) -> Any:
    """ccxt's bitfinex with all its addresses on the loopback port."""
    bitfinex = kind({"apiKey": key, "secret": secret, "enableRateLimit": False})
    if kind is ccxt.bitfinex:
        bitfinex.session.trust_env = False
    api = bitfinex.urls["api"]
    api |= dict.fromkeys(("v1", "public", "private"), f"http://127.0.0.1:{port}")
    if kind is not ccxt.bitfinex:
        api["ws"] = dict.fromkeys(("public", "private"), f"ws://127.0.0.1:{port}/ws/2")
    return bitfinex


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's code and words become."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def reused_nonce(port: str, key: str, secret: str) -> str:
    """What becomes of a nonce that is not above the last one."""
    bitfinex = exchange(port, key, secret)
    bitfinex.incrementing_nonce = lambda: 1
    return refusal(bitfinex.fetch_balance)


def by_rest(port: str, key: str, secret: str) -> dict[str, Any]:
    """Look, place, look, cancel, trade, and be refused."""
    bitfinex = exchange(port, key, secret)
    market = bitfinex.load_markets()["BTC/USD"]
    told: dict[str, Any] = {"market": [market["id"], market["precision"]["price"], market["limits"]["amount"]["min"]]}
    told["coin"] = [bitfinex.currencies["BTC"]["fee"], bitfinex.currencies["BTC"]["networks"]["BTC"]["id"]]
    told["status"] = bitfinex.fetch_status()["status"]
    raw, grouped = bitfinex.fetch_order_book("BTC/USD"), bitfinex.fetch_order_book("BTC/USD", 25, {"precision": "P0"})
    told["best"] = [book[side][0][0] for book in (raw, grouped) for side in ("bids", "asks")]
    told["ticker"] = bitfinex.fetch_ticker("BTC/USD")["bid"]
    told["balance"] = {ticker: total for ticker, total in bitfinex.fetch_balance()["total"].items() if total}
    order = bitfinex.create_order("BTC/USD", "limit", "buy", 0.1, 40000, {"clientOrderId": 1003434})
    (found,) = bitfinex.fetch_open_orders("BTC/USD")
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["free"] = bitfinex.fetch_balance()["free"]["USD"]
    told["cancelled"] = bitfinex.cancel_order(order["id"])["status"]
    told["afterwards"] = [len(bitfinex.fetch_open_orders()), bitfinex.fetch_closed_order(order["id"])["status"]]
    maker = bitfinex.create_order("BTC/USD", "limit", "buy", 0.1, 41000, {"postOnly": True})
    told["maker"] = [maker["postOnly"], len(bitfinex.cancel_all_orders())]
    crossing = bitfinex.create_order("BTC/USD", "limit", "buy", 0.1, 60000, {"postOnly": True})
    told["crossing"] = bitfinex.fetch_closed_order(crossing["id"])["info"][13]
    immediate = bitfinex.create_order("BTC/USD", "limit", "buy", 0.1, 41000, {"timeInForce": "IOC"})
    told["ioc"] = bitfinex.fetch_closed_order(immediate["id"])["info"][13]
    bought = bitfinex.create_order("BTC/USD", "market", "buy", 0.2)
    closed = bitfinex.fetch_closed_order(bought["id"])
    told["bought"] = [closed["status"], closed["filled"], closed["average"]]
    (trade,) = bitfinex.fetch_my_trades("BTC/USD")
    told["trade"] = [trade["price"], trade["amount"], trade["fee"]["cost"], trade["fee"]["currency"], trade["takerOrMaker"]]
    told["trade"].append(trade["order"] == bought["id"])
    told["candles"] = [row[1:5] for row in bitfinex.fetch_ohlcv("BTC/USD", "1m")]
    told["fees"] = [bitfinex.fetch_trading_fees()["BTC/USD"][side] for side in ("maker", "taker")]
    told["address"] = bitfinex.fetch_deposit_address("BTC")["address"]
    told["new address"] = bitfinex.create_deposit_address("BTC")["address"]
    told["movements"] = sorted((each["currency"], each["type"], each["amount"]) for each in bitfinex.fetch_deposits_withdrawals())
    told["ledger"] = sorted((each["currency"], each["type"], each["amount"]) for each in bitfinex.fetch_ledger())
    told["refused"] = {
        "funds": refusal(bitfinex.create_order, "BTC/USD", "limit", "buy", 100, 40000),
        "minimum": refusal(bitfinex.create_order, "BTC/USD", "limit", "buy", 0.00001, 40000),
        "unknown order": refusal(bitfinex.cancel_order, "987654321"),
        "symbol": refusal(bitfinex.publicGetTickerSymbol, {"symbol": "tNOPE"}),
        "withdrawal": refusal(bitfinex.withdraw, "BTC", 100, "somewhere"),
        "key": refusal(exchange(port, "nobody", secret).fetch_balance),
        "signature": refusal(exchange(port, key, "wrong").fetch_balance),
        "nonce": reused_nonce(port, key, secret),
    }
    return told


async def by_streams(port: str, key: str, secret: str) -> dict[str, Any]:
    """Follow the book, proven by its checksums, and our own orders and trades."""
    bitfinex = exchange(port, key, secret, ccxt.pro.bitfinex)
    try:
        await bitfinex.load_markets()
        book = await bitfinex.watch_order_book("BTC/USD", 25)
        watching = asyncio.ensure_future(bitfinex.watch_orders("BTC/USD"))
        await asyncio.sleep(0.5)
        order = await bitfinex.create_order("BTC/USD", "limit", "buy", 0.1, 45000)
        (found,) = await asyncio.wait_for(watching, 10)
        told = [found["id"] == order["id"], found["status"], found["price"]]
        while 45000.0 not in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(bitfinex.watch_order_book("BTC/USD", 25), 10)
        watching = asyncio.ensure_future(bitfinex.watch_orders("BTC/USD"))
        await asyncio.sleep(0)
        await bitfinex.cancel_order(order["id"], "BTC/USD")
        (ended,) = await asyncio.wait_for(watching, 10)
        ended = [ended["id"] == order["id"], ended["status"]]
        watching = asyncio.ensure_future(bitfinex.watch_my_trades("BTC/USD"))
        await asyncio.sleep(0)
        await bitfinex.create_order("BTC/USD", "market", "sell", 0.1)
        (trade,) = await asyncio.wait_for(watching, 10)
        return {
            "order": told,
            "ended": ended,
            "trade": [trade["side"], trade["amount"], trade["price"], trade["fee"]["currency"]],
        }
    finally:
        await bitfinex.close()


if __name__ == "__main__":
    result = by_rest(*sys.argv[1:]) | {"streams": asyncio.run(by_streams(*sys.argv[1:]))}
    sys.stdout.write(json.dumps(result))
