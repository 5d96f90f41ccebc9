"""Pools to decide on: the certified ones, where they are, and a generator of our own."""

import ast
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot, from_json

CERTIFIED = Path(__file__).resolve().parents[3] / "shared" / "cases" / "optimizer.jsonl"


def certified() -> list[dict[str, Any]]:
    """The certified pools; empty where the file is not."""
    if not CERTIFIED.exists():
        return []
    return [json.loads(line) for line in CERTIFIED.read_text().splitlines()]


def settings_of(config: Mapping[str, Mapping[str, str]]) -> Settings:
    """The settings that a case's config describes."""
    tickers, data, trader = config["tickers"], config["data"], config["trader"]
    source, target, btc = tickers["source"], tickers["target"], tickers["btc"]
    ideal_source, ideal_target = config["target_balance_source"], config["target_balance_target"]
    variances = config["variance_overrides"]
    return Settings(
        source=source,
        target=target,
        btc=btc,
        ideal_source_cash=Decimal(ideal_source[source]),
        ideal_source_btc=Decimal(ideal_source[btc]),
        ideal_target_cash=Decimal(ideal_target[target]),
        ideal_target_btc=Decimal(ideal_target[btc]),
        deviation_penalty=Decimal(config["valuation"]["deviation_penalty"]),
        risk_aversion=Decimal(config["valuation"]["risk_aversion"]),
        fiat_exchange_cost=_cost(data["fiat_exchange_cost"]),
        source_fee=_cost(data["source_fee"]),
        target_fee=_cost(data["target_fee"]),
        btc_fee=Decimal(data["btc_fee"]),
        variance_btc=Decimal(variances[f"{btc}/{source}"]),
        variance_fiat=Decimal(variances[f"{target}/{source}"]),
        quote_size=Decimal(trader["quote_size"]),
        edge_to_enter=Edge(Decimal(trader["edge_to_enter"])),
        edge_to_leave=Edge(Decimal(trader["edge_to_leave"])),
        out_address=trader.get("out_address") or None,
        min_action_value=Decimal(trader["min_action_value"]),
        max_slippage=Decimal(trader["max_slippage"]),
    )


def read(case: Mapping[str, Any]) -> tuple[Snapshot, Settings]:
    """A case's snapshot and settings."""
    return from_json(case["snapshot"]), settings_of(case["config"])


def _cost(text: str) -> Cost:
    fixed, proportional = ast.literal_eval(text)
    return Cost(Decimal(str(fixed)), Decimal(str(proportional)))
