"""Any exchange of the library ccxt: ``source = clients.ccxt.kraken`` in [modules] is ccxt's kraken behind our interface.

The name after ``clients.ccxt`` is ccxt's id of the exchange. The library is an extra: ``pip install '.[ccxt]'``.
"""

from functools import cache
from typing import Any

import ccxt

from clients.ccxt.client import CcxtClient, client_class

__all__ = ["CcxtClient"]


@cache
def _class_of(exchange_id: str) -> type[CcxtClient]:
    return client_class(exchange_id)


def __getattr__(name: str) -> Any:
    """The client class of the exchange that ccxt calls ``name``.

    :raises AttributeError: if ccxt has no such exchange.
    """
    if name in ccxt.exchanges:
        return _class_of(name)
    raise AttributeError(f"ccxt {ccxt.__version__} has no exchange {name}")
