"""``python -m trader``: the process that decides (:mod:`trader.worker`)."""

import signal
import sys

# Ctrl-C reaches the whole group; the parent ends this process when it has stopped trading. Before the import of the
# numerics, which takes a second in which it would end in a traceback.
signal.signal(signal.SIGINT, signal.SIG_IGN)

from trader.worker import serve  # noqa: E402

serve(sys.stdin.buffer, sys.stdout.buffer)
