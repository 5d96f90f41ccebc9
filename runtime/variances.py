"""How much prices move: from [variance_overrides], else from the venues' own price history."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from clients.interface import IExchangeClient, returns_deferred
from market.history import History
from model.candle import PERIOD_SECONDS, WINDOW_SECONDS
from model.settings import Settings
from optimizer.variance import ShortHistory, variance_of_changes
from runtime.config_values import Config

#: A variance from history is found anew after this, in microseconds: what was calm last month need not be calm now.
REFRESH = 6 * 3_600_000_000


class NoVariance(ValueError):
    """A venue's history does not tell how much a price moves; the text says whose, and what to do."""


class Variances:
    """Finds the two variances of a pool; those that the config fixes need no history at all."""

    def __init__(
        self, config: Config, source: IExchangeClient, fiat: IExchangeClient, cache: Path, now: Callable[[], int]
    ) -> None:
        self._config = config
        self._clients = {config.tickers.source_contract: source, config.tickers.fiat_contract: fiat}
        self._cache = cache
        self._now = now
        self._found: dict[str, tuple[int, Decimal]] = {}

    @returns_deferred
    async def find(self) -> tuple[Decimal, Decimal]:
        """(BTC in source currency, one target unit in source currency), per variance_period.

        :raises NoVariance: there is no history, or less than is needed.
        :raises clients.errors.ExchangeError: no history could be had now.
        """
        tickers = self._config.tickers
        return await self.of(tickers.source_contract), await self.of(tickers.fiat_contract)

    async def settings(self) -> Settings:
        """The config's settings, complete."""
        return self._config.settings(*await self.find())

    @returns_deferred
    async def of(self, contract: str) -> Decimal:
        """The variance of one of the two contracts; fails like ``find``."""
        fixed = self._config.variance_overrides.get(contract)
        if fixed is not None:
            return fixed
        at, variance = self._found.get(contract, (None, Decimal(0)))
        if at is None or self._now() - at > REFRESH:
            variance = await self._from_history(contract)
            self._found[contract] = (self._now(), variance)
        return variance

    async def _from_history(self, contract: str) -> Decimal:
        period, window = self._config.variance_period, self._config.variance_window
        history = History(self._clients[contract], contract, self._cache, self._now)
        try:
            candles = await history.candles(period, window)
            return variance_of_changes(candles, PERIOD_SECONDS[period], WINDOW_SECONDS[window], self._now())
        except (ShortHistory, NotImplementedError) as error:
            raise NoVariance(f"the variance of {contract}: {error}; set it in [variance_overrides]") from error
