"""Deciding processes for tests: ``python -m tests.trader.workers`` never answers."""

import time

if __name__ == "__main__":
    while True:
        time.sleep(60)
