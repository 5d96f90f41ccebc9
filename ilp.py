"""The International Liquidity Pool: ``python ilp.py --config ilp.ini``."""

import sys

from runtime import signals


def main() -> int:
    """Run what the command line says; the exit code. Also the console script ``ilp``."""
    is_command = bool(sys.argv[1:]) and not sys.argv[1].startswith("-")
    (signals.give_up if is_command else signals.end_at_once)()
    # Imported after that: it takes a second, in which Ctrl-C would end in a traceback.
    from runtime.options import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
