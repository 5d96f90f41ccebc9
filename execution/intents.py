"""Names for what we send: unique for ever, and recognisably ours."""

from collections.abc import Callable

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A non-negative number in digits and lower-case letters."""
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


class Names:
    """Ids like ``ilp-lq3k9x0a1b2``: the owner tag and the microsecond, never given twice; at most 18 characters with a
    tag of up to 4 (the least that a venue allows a client id is Kraken's 18)."""

    def __init__(self, tag: str, now: Callable[[], int]) -> None:
        self.tag = tag
        self._now = now
        self._last = 0

    def next(self) -> str:
        """A new id."""
        self._last = max(self._last + 1, self._now())
        return f"{self.tag}-{base36(self._last)}"

    def is_ours(self, client_id: str | None) -> bool:
        """Whether an order with this client id is the pool's."""
        return client_id is not None and client_id.startswith(f"{self.tag}-")
