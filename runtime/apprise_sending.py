"""``python -m runtime.apprise_sending``: one message by Apprise, read as JSON from standard input; 0 if it was taken.

Says nothing else: whatever Apprise's services complain about may quote the URL, which is a secret.
"""

import json
import logging
import sys
from typing import Final

TAKEN: Final = 0
#: Exit codes: the service did not take it; the URL names none.
NOT_TAKEN, NO_SERVICE = 1, 2


def send(question: str) -> int:
    """``{"url", "title", "body"}`` as JSON; the exit code."""
    import apprise  # the one import here that takes a second, and an extra that need not be installed

    asked = json.loads(question)
    logging.disable()
    service = apprise.Apprise()
    if not service.add(asked["url"]):
        return NO_SERVICE
    is_taken = service.notify(title=asked["title"], body=asked["body"], body_format=apprise.NotifyFormat.TEXT)
    return TAKEN if is_taken else NOT_TAKEN


if __name__ == "__main__":
    sys.exit(send(sys.stdin.read()))
