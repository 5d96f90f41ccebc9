"""Packaging: ``pip install .`` gives the command ``ilp``. For work on the pool itself there is ``make setup``.

The rooms are top-level packages, ``web`` among them, which is also the name that the web.py distribution installs: give the
pool a virtual environment of its own.
"""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
ROOMS = ["model", "clients", "market", "optimizer", "trader", "execution", "ledger", "web", "sandbox", "runtime"]


def version() -> str:
    """What runtime/version.py says, read without importing the pool: its dependencies are not there yet."""
    text = (HERE / "runtime" / "version.py").read_text(encoding="utf-8")
    return text.partition('VERSION = "')[2].partition('"')[0]


def needed(name: str) -> list[str]:
    """The requirements in ``requirements/NAME.in``, those of other files that it names left out."""
    lines = (HERE / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith(("#", "-"))]


setup(
    name="international-liquidity-pool",
    version=version(),
    description="A market maker that takes liquidity from one exchange and offers it on another",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.11",
    py_modules=["ilp"],
    # The examples stand beside the rooms in a checkout and are found there by their own folder's name; so they are packed.
    packages=[*find_packages(include=[*ROOMS, *(f"{room}.*" for room in ROOMS)]), "ilp_example_config"],
    package_data={"web": ["templates/**", "static/**"], "ilp_example_config": ["*.ini"]},
    install_requires=needed("run"),
    # What the pool can do without: an extra is here when something of ours asks for it. There is none for Redis or a cluster, as
    # nothing uses them: one pool is one process, and its ledger, on SQLite or PostgreSQL, is all that it shares.
    extras_require={
        "postgres": ["psycopg[binary]>=3.3"],
        "ccxt": ["ccxt>=4.5.90"],
        "apprise": ["apprise>=1.9"],
        "docs": needed("docs"),
        "test": [*needed("docs"), *needed("test")],
    },
    entry_points={"console_scripts": ["ilp = ilp:main"]},
)
