"""``python -m bench.viewers URL LOGIN COUNT``: browsers that look at the live pages of a console, until standard input ends.

They read all that they are sent, and keep nothing of it. They yield to everything else: a real viewer's computer is another one.
"""

import os
import selectors
import socket
import sys
import urllib.request
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlencode, urlsplit

#: What people leave open, about as often.
PAGES = ("trader", "trader", "trader", "optimized", "balances", "orders", "health", "fills")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


def log_in(url: str, name: str, password: str) -> str:
    """The session's cookie."""
    form = urlencode({"name": name, "password": password}).encode()
    try:
        urllib.request.build_opener(_NoRedirect()).open(f"{url}/login", form, timeout=30)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["set-cookie"]).partition(";")[0]
    raise SystemExit("the console did not take the login")


def streams(url: str, cookie: str, count: int) -> Iterator[socket.socket]:
    """``count`` open streams."""
    place = urlsplit(url)
    for page in islice(cycle(PAGES), count):
        viewer = socket.create_connection((place.hostname, place.port))
        viewer.sendall(f"GET /events/{page} HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
        if b" 200 " not in viewer.recv(4096):
            raise SystemExit(f"the console shows no {page}")
        yield viewer


def main(url: str, login: str, count: str) -> None:
    """Say ``watching`` when all are open."""
    os.nice(19)
    name, _, password = login.partition(" / ")
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)
    for viewer in streams(url, log_in(url, name, password), int(count)):
        chosen.register(viewer, selectors.EVENT_READ)
    print("watching", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is sys.stdin or not os.read(key.fd, 1 << 16):
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
