"""Where a config's ledger is, for the commands that work beside the pool."""

from pathlib import Path

from sqlalchemy.engine import make_url

from ledger.claim import file_of
from runtime.config_values import Config
from runtime.problems import ConfigError, Problem


def ledger_url(config: Config) -> str:
    """The ledger's URL.

    :raises ConfigError: it names a variable or file that is not there, which only these commands let pass until here.
    """
    if not config.ledger_url:
        text = "the environment variable or the file that it names is not there"
        raise ConfigError([Problem(str(config.path), None, "ledger", "url", text)])
    return config.ledger_url


def name_of(config: Config) -> str:
    """What the pool is called in the names of files."""
    return config.path.stem if config.path else "pool"


def beside_ledger(config: Config, suffix: str) -> Path:
    """A file beside the ledger's, or in ``var`` for a ledger that is none."""
    file = file_of(make_url(ledger_url(config))) or Path("var") / f"ilp-{name_of(config)}"
    return file.with_name(f"{file.name}{suffix}")
