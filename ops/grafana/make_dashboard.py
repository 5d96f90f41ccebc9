"""Writes ``ilp.json``, the dashboard for Grafana (10 or newer), from the table below: ``python ops/grafana/make_dashboard.py``.

A dashboard as Grafana saves it is three thousand lines that nobody reads; this says the same in one screen.
"""

import json
from pathlib import Path
from typing import Any, Final

from attrs import frozen

FILE: Final = Path(__file__).with_name("ilp.json")
#: Units of a grid that is 24 wide.
HEIGHT, WIDTH, PER_LINE = 7, 6, 4


@frozen
class Panel:
    """One picture: each of ``queries`` is an expression and its legend. ``unit``: Grafana's id of it."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


def one(title: str, unit: str, expression: str, legend: str = "", kind: str = "timeseries") -> Panel:
    """A panel with one query."""
    return Panel(title, unit, ((expression, legend or title),), kind)


def spread(title: str, metric: str) -> Panel:
    """A histogram's median and 95th percentile."""
    asked = "histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{{here}}}[$__rate_interval])))"
    shares = {"median": "0.5", "95 %": "0.95"}
    return Panel(title, "s", tuple((asked.format(share=s, metric=metric, here=HERE), name) for name, s in shares.items()))


def per_second(counter: str) -> str:
    """How fast one of the pool's counters goes."""
    return f"rate(ilp_{counter}{{{HERE}}}[$__rate_interval])"


HERE: Final = 'instance="$instance"'
ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "Trading": (
        one("State", "none", f"ilp_state{{{HERE}}} == 1", "{{state}}", "stat"),
        one("Quotes in the book", "none", f"ilp_quote_live{{{HERE}}}", "{{side}}", "stat"),
        Panel(
            "Quotes and fair price",
            "none",
            ((f"ilp_quote_price{{{HERE}}}", "{{side}}"), (f"ilp_fair_price{{{HERE}}}", "fair")),
        ),
        one("Fills a minute", "none", f"60 * {per_second('fills_total')}", "{{place}} {{side}}"),
        spread("Tick to quote", "ilp_tick_to_quote_seconds"),
        spread("Fill to hedge", "ilp_fill_to_hedge_seconds"),
        spread("Decision", "ilp_decision_seconds"),
        one(
            "Decision's gap",
            "none",
            f"rate(ilp_decision_gap_source_currency_sum{{{HERE}}}[$__rate_interval])"
            f" / rate(ilp_decision_gap_source_currency_count{{{HERE}}}[$__rate_interval])",
        ),
        one("Decisions a minute", "none", f"60 * {per_second('decisions_total')}", "{{verdict}}"),
        one("Orders a minute", "none", f"60 * {per_second('orders_total')}", "{{place}} {{side}}"),
        one("Refusals", "none", f"increase(ilp_refusals_total{{{HERE}}}[$__rate_interval]) > 0", "{{place}} {{reason}}"),
        one(
            "Orders' ends a minute",
            "none",
            f"60 * rate(ilp_orders_ended_total{{{HERE}}}[$__rate_interval])",
            "{{place}} {{outcome}}",
        ),
    ),
    "Money": (
        one("Worth", "none", f"ilp_value{{{HERE}}}", "{{currency}}"),
        one("Result of today", "none", f"ilp_result_today{{{HERE}}}", "{{currency}}"),
        one("Result by part", "none", f"ilp_profit{{{HERE}}}", "{{part}}"),
        Panel("Loss and its limit", "none", ((f"ilp_loss_today{{{HERE}}}", "loss"), (f"ilp_loss_limit{{{HERE}}}", "limit"))),
        one("Coins", "none", f'ilp_balance{{{HERE},ticker="BTC"}}', "{{venue}}"),
        one("Cash", "none", f'ilp_balance{{{HERE},ticker!="BTC"}}', "{{venue}} {{ticker}}"),
        Panel(
            "Exposure in BTC",
            "none",
            (
                (f"ilp_exposure_btc{{{HERE}}}", "exposure"),
                (f"ilp_exposure_limit_btc{{{HERE}}}", "limit"),
                (f"ilp_hedge_left_btc{{{HERE}}}", "hedge under way"),
            ),
        ),
        one("Transfers under way", "none", f"ilp_transits{{{HERE}}}", "{{state}}"),
        one("BTC traded an hour", "none", f"3600 * {per_second('filled_btc_total')}", "{{place}} {{side}}"),
        one("Off the ideal", "none", f"ilp_balance{{{HERE}}} - ilp_balance_ideal{{{HERE}}}", "{{venue}} {{ticker}}"),
        one("Overdue transfers", "none", f"ilp_transits_overdue{{{HERE}}}", "overdue", "stat"),
        one("Work for people", "none", f"sum by (kind) (ilp_tasks_open{{{HERE}}})", "{{kind}}", "stat"),
    ),
    "Venues": (
        one("Connected", "none", f"ilp_venue_connected{{{HERE}}}", "{{venue}}", "stat"),
        one(
            "Age of inputs, share of their limit",
            "percentunit",
            f"ilp_input_age_seconds{{{HERE}}} / ilp_input_limit_seconds",
            "{{input}}",
        ),
        one("Bad inputs", "none", f"ilp_input_bad{{{HERE}}}", "{{input}}"),
        one("Clocks", "s", f"ilp_clock_skew_seconds{{{HERE}}}", "{{venue}}"),
        one("Price at the source", "none", f"ilp_source_price{{{HERE}}}", "{{contract}}"),
        one("Rate", "none", f"ilp_fiat_rate{{{HERE}}}", "{{contract}}"),
        one("Order budget left", "percentunit", f"ilp_order_budget_left{{{HERE}}} / ilp_order_budget_limit", "{{place}}"),
        one("Budgets of calls left", "percentunit", f"ilp_call_budget_left_ratio{{{HERE}}}", "{{venue}} {{budget}}"),
        one("Orders of unknown outcome", "none", f"ilp_orders_unknown{{{HERE}}}", "{{place}}"),
    ),
    "Health": (
        one("Guards", "none", f"ilp_guard_tripped{{{HERE}}}", "{{guard}}"),
        one("Event loop late by at most", "s", f"ilp_event_loop_lag_seconds{{{HERE}}}"),
        spread("Ledger's transaction", "ilp_ledger_commit_seconds"),
        one("Ledger's size", "bytes", f"ilp_ledger_size_bytes{{{HERE}}}"),
        one("Disk free", "bytes", f"ilp_disk_free_bytes{{{HERE}}}"),
        one("Memory", "bytes", f"process_resident_memory_bytes{{{HERE}}}"),
        one("File handles", "none", f"process_open_fds{{{HERE}}}"),
        one("Processor", "percentunit", f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])"),
        one("Heartbeat's age", "s", f"ilp_heartbeat_age_seconds{{{HERE}}}"),
        one("Messages to people", "none", f"increase(ilp_notices_total{{{HERE}}}[$__rate_interval])", "{{target}} {{outcome}}"),
        one("Decisions in a row that came to nothing", "none", f"ilp_failed_decisions{{{HERE}}}"),
        one("Program", "none", f"ilp_build_info{{{HERE}}}", "{{version}}, {{money}} money", "stat"),
    ),
}


def dashboard() -> dict[str, Any]:
    """As Grafana imports it; it asks for the data source."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        place = {"h": 1, "w": 24, "x": 0, "y": top}
        panels.append({"type": "row", "id": len(panels) + 1, "title": title, "collapsed": False, "gridPos": place, "panels": []})
        for number, panel in enumerate(row):
            line, column = divmod(number, PER_LINE)
            place = {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": top + 1 + line * HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, place))
        top += 1 + -(-len(row) // PER_LINE) * HEIGHT
    return {
        "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
        "uid": "ilp",
        "title": "International Liquidity Pool",
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_instances()]},
        "panels": panels,
    }


def _source() -> dict[str, str]:
    return {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


def _panel(panel: Panel, id: int, place: dict[str, int]) -> dict[str, Any]:
    letters = "ABCDEFGH"
    targets = [
        {"refId": letter, "datasource": _source(), "expr": expression, "legendFormat": legend}
        for letter, (expression, legend) in zip(letters, panel.queries, strict=False)
    ]
    found = {"type": panel.kind, "id": id, "title": panel.title, "gridPos": place, "datasource": _source(), "targets": targets}
    found["fieldConfig"] = {"defaults": {"unit": panel.unit}, "overrides": []}
    if panel.kind == "stat":
        found["options"] = {
            "textMode": "value_and_name",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    return found


def _instances() -> dict[str, Any]:
    query = "label_values(ilp_build_info, instance)"
    return {
        "name": "instance",
        "label": "Pool",
        "type": "query",
        "datasource": _source(),
        "definition": query,
        "query": {"query": query, "refId": "instances"},
        "refresh": 2,
        "sort": 1,
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
