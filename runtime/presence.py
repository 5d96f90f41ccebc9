"""How the process shows itself to the machine it runs on: to the service manager, and to whoever types ``status``."""

from collections.abc import Callable

from clients.surroundings import Surroundings
from runtime.config_values import Config
from runtime.ledger_place import beside_ledger
from runtime.status_shape import running
from runtime.status_socket import StatusSocket
from runtime.systemd import Systemd
from trader.pool import Pool

#: After the name of the ledger's file.
SUFFIX = ".status"


class Presence:
    """``start`` when there is a pool, ``stopping`` when the end begins, ``close`` when it is over."""

    def __init__(self, config: Config, pool: Pool, surroundings: Surroundings) -> None:
        self._pool = pool
        self._systemd = Systemd(pool, surroundings.reactor)
        self._socket = StatusSocket(beside_ledger(config, SUFFIX), lambda: running(pool.view()), surroundings.reactor)
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin."""
        self._unsubscribe = self._pool.subscribe(self._systemd.changed)
        self._systemd.start()
        self._socket.start()

    def stopping(self) -> None:
        """The process begins to end. Safe to repeat."""
        self._systemd.stopping()

    def close(self) -> None:
        """Show nothing any more. Safe to repeat."""
        self._unsubscribe()
        self._systemd.close()
        self._socket.close()
