"""The International Liquidity Pool: ``python ilp.py --config ilp.ini``."""

import sys

from runtime.options import main as run


def main() -> int:
    """Run what the command line says; the exit code. Also the console script ``ilp``."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
