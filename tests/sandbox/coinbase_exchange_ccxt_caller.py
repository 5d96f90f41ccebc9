"""Run in a process of its own: ccxt's coinbaseexchange class against a front. ``argv``: port, key, secret, passphrase.

Prints one JSON object.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt
import ccxt.pro

SYMBOL = "BTC/USD"
OID = "7c8f0f3c-54b1-4b3a-9f3e-1d6f3c1a0b2d"
NO_ORDER = "00000ad3-0000-4000-8000-00003ade68b1"


def exchange(port: str, key: Any, secret: Any, passphrase: Any, *, kind: Any = ccxt.coinbaseexchange) -> Any:
    """ccxt's class with all its addresses on the loopback port."""
    found = kind({"apiKey": key, "secret": secret, "password": passphrase, "enableRateLimit": False})
    found.urls["api"] = {
        "public": f"http://127.0.0.1:{port}",
        "private": f"http://127.0.0.1:{port}",
        "ws": f"ws://127.0.0.1:{port}/",
    }
    if kind is ccxt.coinbaseexchange:
        found.session.trust_env = False
    return found


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's status and message become."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def late(coinbase: Any) -> Any:
    """The same, but its clock is a minute slow."""
    right = coinbase.nonce
    coinbase.nonce = lambda: right() - 60
    return coinbase


def by_rest(port: str, *key: Any) -> dict[str, Any]:
    """Look, place, look, cancel, trade, and be refused."""
    coinbase = exchange(port, *key)
    market = coinbase.load_markets()[SYMBOL]
    told: dict[str, Any] = {"market": [market["id"], market["precision"]["price"], market["precision"]["amount"]]}
    told["least"] = market["limits"]["cost"]["min"]
    told["coin"] = [coinbase.currencies["BTC"]["precision"], list(coinbase.currencies["BTC"]["networks"])]
    told["time"] = abs(coinbase.fetch_time() - coinbase.milliseconds()) < 60_000
    book = coinbase.fetch_order_book(SYMBOL)
    told["best"] = [book["bids"][0][0], book["asks"][0][0]]
    told["balance"] = coinbase.fetch_balance()["total"]
    order = coinbase.create_order(SYMBOL, "limit", "buy", 0.1, 40000, {"clientOrderId": OID})
    (found,) = coinbase.fetch_open_orders(SYMBOL)
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["by client id"] = coinbase.fetch_order("", SYMBOL, {"clientOrderId": OID})["id"] == order["id"]
    told["free"] = coinbase.fetch_balance()["free"]["USD"]
    # The answer is the bare id, which ccxt leaves as it came.
    told["cancelled"] = json.loads(coinbase.cancel_order(order["id"], SYMBOL)["info"]) == order["id"]
    told["afterwards"] = [len(coinbase.fetch_open_orders(SYMBOL)), refusal(coinbase.fetch_order, order["id"], SYMBOL)]
    told["maker"] = coinbase.create_order(SYMBOL, "limit", "buy", 0.1, 60000, {"postOnly": True})["status"]
    bought = coinbase.create_order(SYMBOL, "market", "buy", 0.2)
    ended = coinbase.fetch_order(bought["id"], SYMBOL)
    told["bought"] = [ended["status"], ended["filled"], ended["cost"]]
    (trade,) = coinbase.fetch_my_trades(SYMBOL)
    fee = [round(trade["fee"]["cost"], 8), trade["fee"]["currency"], trade["takerOrMaker"]]
    told["trade"] = [trade["price"], trade["amount"], trade["side"], *fee]
    told["public trade"] = coinbase.fetch_trades(SYMBOL)[-1]["side"]
    told["candles"] = len(coinbase.fetch_ohlcv(SYMBOL, "1m"))
    told["address"] = coinbase.create_deposit_address("BTC")["address"]
    told["deposits"] = sorted((each["currency"], each["amount"], each["status"]) for each in coinbase.fetch_deposits())
    told["ledger"] = [[each["type"], each["amount"]] for each in coinbase.fetch_ledger("BTC")]
    told["fees"] = [coinbase.fetch_trading_fees()[SYMBOL][kind] for kind in ("maker", "taker")]
    told["refused"] = {
        "funds": refusal(coinbase.create_order, SYMBOL, "limit", "buy", 100, 40000),
        "minimum": refusal(coinbase.create_order, SYMBOL, "limit", "buy", 0.00001, 40000),
        "unknown order": refusal(coinbase.cancel_order, NO_ORDER, SYMBOL),
        "done order": refusal(coinbase.cancel_order, bought["id"], SYMBOL),
        "bad id": refusal(coinbase.cancel_order, "nonsense", SYMBOL),
        "address": refusal(coinbase.withdraw, "BTC", 0.1, "bc1qcar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        "key": refusal(exchange(port, "nobody", *key[1:]).fetch_balance),
        "signature": refusal(exchange(port, key[0], "d3Jvbmc=", key[2]).fetch_balance),
        "passphrase": refusal(exchange(port, key[0], key[1], "wrong").fetch_balance),
        "time": refusal(late(exchange(port, *key)).fetch_balance),
    }
    return told


async def by_streams(port: str, *key: Any) -> dict[str, Any]:
    """Follow the book and our own orders and fills by signed subscriptions."""
    coinbase = exchange(port, *key, kind=ccxt.pro.coinbaseexchange)
    try:
        await coinbase.load_markets()
        watching = asyncio.ensure_future(coinbase.watch_orders(SYMBOL))
        book = await coinbase.watch_order_book(SYMBOL)
        await asyncio.sleep(0.5)
        order = await coinbase.create_order(SYMBOL, "limit", "buy", 0.1, 45000, {"clientOrderId": OID})
        (found,) = await asyncio.wait_for(watching, 10)
        # ccxt goes on changing the order that it has handed out.
        told = [found["clientOrderId"], found["status"], found["price"]]
        while 45000.0 not in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(coinbase.watch_order_book(SYMBOL), 10)
        watching = asyncio.ensure_future(coinbase.watch_orders(SYMBOL))
        await asyncio.sleep(0)
        await coinbase.cancel_order(order["id"], SYMBOL)
        ended = (await asyncio.wait_for(watching, 10))[-1]
        while ended["status"] != "canceled":
            ended = (await asyncio.wait_for(coinbase.watch_orders(SYMBOL), 10))[-1]
        watching = asyncio.ensure_future(coinbase.watch_my_trades(SYMBOL))
        await asyncio.sleep(0.5)
        await coinbase.create_order(SYMBOL, "market", "buy", 0.01)
        (fill,) = await asyncio.wait_for(watching, 10)
        fee = [round(fill["fee"]["cost"], 8), fill["takerOrMaker"]]
        return {"order": told, "ended": ended["id"] == order["id"], "fill": [fill["side"], fill["amount"], *fee]}
    finally:
        await coinbase.close()


if __name__ == "__main__":
    result = by_rest(*sys.argv[1:]) | {"streams": asyncio.run(by_streams(*sys.argv[1:]))}
    sys.stdout.write(json.dumps(result))
