"""Run in a process of its own: ccxt's kraken class against a front. ``argv``: port, key, secret. Prints one JSON object."""

import json
import sys
from typing import Any

import ccxt


def exchange(port: str, key: str, secret: str) -> Any:
    """ccxt's kraken, pointed at the loopback port."""
    kraken = ccxt.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False})
    kraken.session.trust_env = False
    kraken.urls["api"] = dict.fromkeys(kraken.urls["api"], f"http://127.0.0.1:{port}")
    return kraken


def refusal(call: Any, *args: Any) -> str:
    """The class of ccxt's own errors that the front's text becomes."""
    try:
        call(*args)
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def main(port: str, key: str, secret: str) -> dict[str, Any]:
    """Look, place, look, amend, cancel, trade, and be refused."""
    kraken = exchange(port, key, secret)
    market = kraken.load_markets()["BTC/USD"]
    told: dict[str, Any] = {"market": [market["id"], market["precision"], market["limits"]["amount"]["min"]]}
    book = kraken.fetch_order_book("BTC/USD")
    told["best"] = [book["bids"][0][0], book["asks"][0][0]]
    told["balance"] = kraken.fetch_balance()["total"]
    order = kraken.create_order("BTC/USD", "limit", "buy", 0.1, 40000, {"clientOrderId": "ilp-1"})
    (found,) = kraken.fetch_open_orders("BTC/USD")
    told["open"] = [found["id"] == order["id"], found["clientOrderId"], found["price"], found["amount"], found["status"]]
    told["free"] = kraken.fetch_balance()["free"]["USD"]
    kraken.edit_order(order["id"], "BTC/USD", "limit", "buy", 0.2, 39000)
    (found,) = kraken.fetch_open_orders("BTC/USD")
    told["amended"] = [found["id"] == order["id"], found["price"], found["amount"], kraken.fetch_balance()["free"]["USD"]]
    told["cancelled"] = kraken.cancel_order(order["id"])["info"]["result"]
    told["afterwards"] = [len(kraken.fetch_open_orders("BTC/USD")), kraken.fetch_order(order["id"], "BTC/USD")["status"]]
    kraken.create_order("BTC/USD", "market", "buy", 0.2)
    (trade,) = kraken.fetch_my_trades("BTC/USD")
    told["trade"] = [trade["price"], trade["amount"], trade["cost"], trade["fee"]["cost"], trade["takerOrMaker"]]
    told["ledger"] = sorted(entry["currency"] for entry in kraken.fetch_ledger() if entry["type"] == "trade")
    told["candles"] = len(kraken.fetch_ohlcv("BTC/USD", "1m"))
    told["address"] = kraken.fetch_deposit_address("BTC", {"method": "Bitcoin"})["address"]
    told["refused"] = {
        "funds": refusal(kraken.create_order, "BTC/USD", "limit", "buy", 100, 40000),
        "minimum": refusal(kraken.create_order, "BTC/USD", "limit", "buy", 0.00005, 40000),
        "unknown order": refusal(kraken.cancel_order, "OAAAAA-BBBBB-CCCCCC"),
        "key": refusal(exchange(port, "nobody", secret).fetch_balance),
        "signature": refusal(exchange(port, key, "d3Jvbmc=").fetch_balance),
    }
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
