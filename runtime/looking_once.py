"""One look at the live world, for ``--dry-run``: connect, gather, disconnect; nothing is written and nothing traded."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from clients.surroundings import Surroundings
from market.gather import positions_of, snapshot, view
from model.money import ZERO
from model.order import Order
from model.position import Position
from model.settings import Settings
from model.snapshot import Snapshot
from runtime import wiring
from runtime.config_values import Config
from runtime.problems import CannotStart
from sandbox.service import Sandbox

#: So long a venue may take to connect, in seconds.
PATIENCE = 20.0


async def look(config: Config, surroundings: Surroundings) -> tuple[Snapshot, Settings]:
    """What the venues say now, and the settings with their variances.

    :raises CannotStart: a venue that cannot be reached in time.
    """
    world = None
    endpoints: Mapping[str, str] = {}
    keys: Mapping[str, tuple[str, str]] = {}
    if config.sandbox is not None:
        world = Sandbox(config.sandbox, surroundings.reactor, surroundings.now)
        await world.start()
        endpoints, keys = world.endpoints, world.credentials
    exchanges = wiring.clients(config, surroundings, endpoints, keys)
    feeds, fiat = wiring.feeds(config, exchanges, surroundings)
    every = (*feeds.values(), fiat)
    try:
        for feed in every:
            await _connected(feed.name, feed.client, surroundings)
            await feed.open()
        settings = await wiring.variances(config, exchanges, surroundings).settings()
        views = {}
        for place, feed in feeds.items():
            orders = await _own_orders(feed.client, config.tag)
            positions = await _positions(feed.client, orders)
            tickers = (settings.source if place == "source" else settings.target, settings.btc)
            views[place] = view(feed, tickers, positions, orders)
        return snapshot(settings, views["source"], views["target"], fiat, (), None, surroundings.microseconds()), settings
    finally:
        for feed in every:
            feed.close()
            await feed.client.disconnect()
        if world is not None:
            await world.stop()


async def _connected(name: str, client: Any, surroundings: Surroundings) -> None:
    connecting: Deferred[None] = client.connect()
    connecting.addTimeout(PATIENCE, surroundings.reactor)
    try:
        await connecting
    except Exception as trouble:  # whatever a client says: there is nothing to look at
        raise CannotStart(f"{name} cannot be reached: {trouble or type(trouble).__name__}") from trouble


async def _own_orders(client: Any, tag: str) -> list[Order]:
    try:
        found = await client.getOpenOrders()
    except NotImplementedError:
        return []
    orders = [Order.from_shape(shape) for shape in found.values()]
    return [order for order in orders if order.client_id is not None and order.client_id.startswith(f"{tag}-")]


async def _positions(client: Any, ours: list[Order]) -> dict[str, Position]:
    """The venue's balances, what our own live quotes hold counted as available again."""
    shapes = await client.getPositions()
    found = {ticker: Position.from_shape(ticker, shape) for ticker, shape in shapes.items()}
    held: dict[str, Any] = {}
    for order in ours:
        base, _, quote = order.contract.partition("/")
        ticker, amount = (quote, order.quantity_left * order.price) if order.side.sign > 0 else (base, order.quantity_left)
        held[ticker] = held.get(ticker, ZERO) + amount
    balances = {ticker: position.position for ticker, position in found.items()}
    reserved = {
        ticker: position.position - min(position.position, position.available + held.get(ticker, ZERO))
        for ticker, position in found.items()
    }
    return positions_of(balances, reserved, {})
