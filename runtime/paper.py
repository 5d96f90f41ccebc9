"""A simulated account around a client, as the config's connection section has it."""

from typing import Any

from clients.paper import Paper, PaperNetwork, read_paper_options
from clients.surroundings import Surroundings
from runtime.config_values import Config, Connection
from runtime.problems import ConfigError, Problem


def around(client: Any, connection: Connection, config: Config, surroundings: Surroundings, network: PaperNetwork) -> Paper:
    """The market of ``client`` with imagined money: the ideal balances and the configured fee, unless the section says otherwise.

    :raises ConfigError: the account's file cannot be used.
    """
    place = connection.section.partition("_")[0]
    choices, tickers = config.choices, config.tickers
    cash = tickers.source if place == "source" else tickers.target
    balance = {cash: choices[f"ideal_{place}_cash"], tickers.btc: choices[f"ideal_{place}_btc"]}
    try:
        options = read_paper_options(connection.paper or {}, balance, choices[f"{place}_fee"].proportional)
        return Paper(client, options, surroundings, network)
    except (OSError, ValueError) as error:
        raise ConfigError([Problem("config", None, connection.section, "paper_file", str(error))]) from None
