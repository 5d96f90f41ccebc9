"""``python -m trader``: the process that decides (:mod:`trader.worker`)."""

import sys

from trader.worker import serve

serve(sys.stdin.buffer, sys.stdout.buffer)
