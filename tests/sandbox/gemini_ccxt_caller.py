"""Run in a process of its own: ccxt's gemini class against a front. ``argv``: port, key, secret. Prints one JSON object."""

import asyncio
import json
import sys
from typing import Any

import ccxt
import ccxt.pro


def exchange(port: str, key: str, secret: str, kind: Any = ccxt.gemini) -> Any:
    """All its addresses on the loopback port; steps of symbols from the API, not from the web pages."""
    options = {
        "fetchMarketsFromAPI": {"fetchDetailsForAllSymbols": True, "quoteCurrencies": ["USD"]},
        "fetchCurrencies": {"webApiEnable": True, "webApiRetries": 1, "webApiMuteFailure": True},
    }
    gemini = kind({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    for name in ("public", "private", "web", "webExchange"):
        gemini.urls["api"][name] = f"http://127.0.0.1:{port}"
    gemini.urls["api"]["ws"] = f"ws://127.0.0.1:{port}"
    if kind is ccxt.gemini:
        gemini.session.trust_env = False
    return gemini


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's reason and message become."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def by_rest(port: str, key: str, secret: str) -> dict[str, Any]:
    """Look, place, look, cancel, trade, and be refused."""
    gemini = exchange(port, key, secret)
    market = gemini.load_markets()["BTC/USD"]
    told: dict[str, Any] = {"market": [market["id"], market["precision"]["price"], market["precision"]["amount"]]}
    told["least"] = market["limits"]["amount"]["min"]
    book = gemini.fetch_order_book("BTC/USD")
    told["best"] = [book["bids"][0][0], book["asks"][0][0]]
    ticker = gemini.fetch_ticker("BTC/USD")
    told["ticker"] = [ticker["bid"], ticker["ask"]]
    told["balance"] = {code: total for code, total in gemini.fetch_balance()["total"].items() if total}
    told["fees"] = [gemini.fetch_trading_fees()["BTC/USD"][side] for side in ("maker", "taker")]
    order = gemini.create_order("BTC/USD", "limit", "buy", 0.1, 40000, {"clientOrderId": "ilp-1"})
    (found,) = gemini.fetch_open_orders("BTC/USD")
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["free"] = gemini.fetch_balance()["free"]["USD"]
    told["cancelled"] = gemini.cancel_order(order["id"])["status"]
    told["afterwards"] = [len(gemini.fetch_open_orders("BTC/USD")), gemini.fetch_order(order["id"])["status"]]
    maker = gemini.create_order("BTC/USD", "limit", "buy", 0.1, 41000, {"postOnly": True})
    told["maker"] = [maker["status"], maker["postOnly"], gemini.cancel_order(maker["id"])["status"]]
    told["would take"] = gemini.create_order("BTC/USD", "limit", "buy", 0.1, 60000, {"postOnly": True})["status"]
    told["ioc"] = gemini.create_order("BTC/USD", "limit", "buy", 0.1, 41000, {"timeInForce": "IOC"})["status"]
    bought = gemini.create_order("BTC/USD", "limit", "buy", 0.2, 50000, {"timeInForce": "IOC"})
    told["bought"] = [bought["status"], bought["filled"], bought["average"]]
    (trade,) = gemini.fetch_my_trades("BTC/USD")
    told["trade"] = [trade["price"], trade["amount"], trade["side"], trade["fee"]["cost"], trade["fee"]["currency"]]
    told["public trades"] = [trade["price"] for trade in gemini.fetch_trades("BTC/USD")]
    told["candles"] = len(gemini.fetch_ohlcv("BTC/USD", "1m"))
    told["address"] = gemini.fetch_deposit_address("BTC", {"network": "BTC"})["address"]
    told["transfers"] = sorted((e["currency"], e["amount"], e["type"], e["status"]) for e in gemini.fetch_deposits_withdrawals())
    told["refused"] = refused(gemini, port, key, secret)
    return told


def refused(gemini: Any, port: str, key: str, secret: str) -> dict[str, str]:
    """What goes wrong, and ccxt's class for it."""
    backwards = exchange(port, key, secret)
    backwards.incrementing_nonce = lambda: 1
    return {
        "funds": refusal(gemini.create_order, "BTC/USD", "limit", "buy", 100, 40000),
        "minimum": refusal(gemini.create_order, "BTC/USD", "limit", "buy", 0.000001, 40000),
        "unknown order": refusal(gemini.cancel_order, "987654321"),
        "symbol": refusal(gemini.publicGetV1BookSymbol, {"symbol": "nosuch"}),
        "endpoint": refusal(gemini.publicGetV1StakingRates),
        "address": refusal(gemini.withdraw, "BTC", 0.1, "bc1qcar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        "key": refusal(exchange(port, "account-nobody", secret).privatePostV1Balances),
        "signature": refusal(exchange(port, key, "wrong").privatePostV1Balances),
        "nonce": refusal(backwards.privatePostV1Balances),
    }


async def by_streams(port: str, key: str, secret: str) -> dict[str, Any]:
    """Follow the book. (ccxt does not sign the other socket's handshake: it is no judge of order events.)"""
    gemini = exchange(port, key, secret, ccxt.pro.gemini)
    try:
        await gemini.load_markets()
        book = await asyncio.wait_for(gemini.watch_order_book("BTC/USD"), 10)
        first = [book["bids"][0][0], book["asks"][0][0]]
        order = await gemini.create_order("BTC/USD", "limit", "buy", 0.1, 45000, {"clientOrderId": "ilp-9"})
        while 45000.0 not in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(gemini.watch_order_book("BTC/USD"), 10)
        await gemini.cancel_order(order["id"])
        while 45000.0 in [row[0] for row in book["bids"]]:
            book = await asyncio.wait_for(gemini.watch_order_book("BTC/USD"), 10)
        return {"first": first, "levels": [len(book["bids"]), len(book["asks"])]}
    finally:
        await gemini.close()


if __name__ == "__main__":
    result = by_rest(*sys.argv[1:]) | {"streams": asyncio.run(by_streams(*sys.argv[1:]))}
    sys.stdout.write(json.dumps(result))
