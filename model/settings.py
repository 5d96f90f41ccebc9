"""What the operator has chosen: every number that a decision depends on besides the snapshot."""

from decimal import Decimal
from typing import Any, Literal

import attrs
from attrs import frozen

from model.money import ZERO


@frozen
class Cost:
    """``fixed`` once, in currency, and ``proportional``, a share of the value; written ``[fixed, proportional]``."""

    fixed: Decimal = ZERO
    proportional: Decimal = ZERO


@frozen
class Edge:
    """What a quote must earn over indifference: source currency per BTC, or a share of the price (written with ``%``)."""

    value: Decimal = ZERO
    is_share: bool = False

    def per_btc(self, price: Decimal) -> Decimal:
        """The edge in the currency of ``price``, if it is a share; else in source currency as it stands."""
        return self.value * price if self.is_share else self.value


@frozen
class Settings:
    """The words are those of the config file (seed 003) and of docs on the optimiser; balances in their own units.

    ``source``, ``target``, ``btc`` are tickers. ``ideal_*`` are the ideal balances. ``risk_aversion`` is in
    1 / source currency, ``deviation_penalty`` has no unit. ``fiat_exchange_cost`` and ``source_fee`` are fixed in source
    currency, ``target_fee`` in target currency, ``btc_fee`` in BTC, delays in seconds. ``variance_btc`` is that of the
    price change of BTC in source currency per variance_period, ``variance_fiat`` that of one target unit.
    ``quote_size`` in BTC per level, ``period`` in seconds, ``min_action_value`` in source currency, ``max_slippage`` and
    ``max_skew`` as shares. ``max_exposure`` in BTC away from the ideal (None: no limit). ``time_limit`` in seconds.
    """

    source: str
    target: str
    btc: str
    ideal_source_cash: Decimal
    ideal_source_btc: Decimal
    ideal_target_cash: Decimal
    ideal_target_btc: Decimal
    deviation_penalty: Decimal
    risk_aversion: Decimal
    fiat_exchange_cost: Cost
    source_fee: Cost
    target_fee: Cost
    btc_fee: Decimal
    variance_btc: Decimal
    variance_fiat: Decimal
    quote_size: Decimal
    edge_to_enter: Edge
    edge_to_leave: Edge
    edge_min: Edge | None = None
    out_address: str | None = None
    fiat_exchange_delay: Decimal = ZERO
    btc_delay: Decimal = ZERO
    period: Decimal = Decimal(5)
    min_action_value: Decimal = Decimal(1)
    max_slippage: Decimal = Decimal("0.01")
    max_skew: Decimal = Decimal("0.005")
    post_only: bool = True
    levels: int = 1
    max_exposure: Decimal | None = None
    hedge: Literal["optimal", "immediate"] = "optimal"
    charge_markout: bool = True
    time_limit: Decimal = Decimal(2)

    def replace(self, **changes: Any) -> "Settings":
        """These settings with ``changes``: what a what-if asks."""
        return attrs.evolve(self, **changes)

    @property
    def source_contract(self) -> str:
        """BTC in source currency, e.g. ``BTC/USD``."""
        return f"{self.btc}/{self.source}"

    @property
    def target_contract(self) -> str:
        """BTC in target currency, e.g. ``BTC/HUF``."""
        return f"{self.btc}/{self.target}"

    @property
    def fiat_contract(self) -> str:
        """The target currency in source currency, e.g. ``HUF/USD``."""
        return f"{self.target}/{self.source}"
