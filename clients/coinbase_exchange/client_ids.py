"""Our own ids of orders as Coinbase Exchange takes them: it wants a UUID (``client_oid``), the pool's ids are words.

A word of up to 18 letters, digits, ``-`` and ``_`` is written into the 122 free bits of a version 4 UUID (RFC 9562) and read
out of it again, so that an order is recognised as ours also by a process that has never heard of it: 109 bits are the word,
each letter a digit of 1 to 64, and 13 bits are a check, by which other programs' UUIDs stay what they are.
"""

from hashlib import sha256
from uuid import UUID

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
MOST_LETTERS = 18
_CHECK_BITS = 13
_LOW, _MIDDLE = 62, 12


def uuid_of(client_id: str) -> str:
    """The UUID that stands for ``client_id``; a UUID stands for itself.

    :raises ValueError: for a word that is too long or has other letters.
    """
    if _is_uuid(client_id):
        return client_id
    if not 0 < len(client_id) <= MOST_LETTERS or any(letter not in _LETTERS for letter in client_id):
        raise ValueError(f"{client_id!r:.60} is neither a UUID nor 1 to {MOST_LETTERS} letters, digits, - and _")
    number = 0
    for letter in client_id:
        number = number * len(_LETTERS) + _LETTERS.index(letter) + 1
    bits = number << _CHECK_BITS | _check(client_id)
    low, middle, high = bits & (1 << _LOW) - 1, bits >> _LOW & (1 << _MIDDLE) - 1, bits >> _LOW + _MIDDLE
    # Between the free bits stand the variant (2) and the version (4).
    return str(UUID(int=high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low))


def client_id_of(uuid: str) -> str:
    """What :func:`uuid_of` was given; of another program's UUID, the UUID."""
    if not _is_uuid(uuid):
        return uuid
    number = UUID(uuid).int
    bits = number >> 80 << _LOW + _MIDDLE | (number >> 64 & (1 << _MIDDLE) - 1) << _LOW | number & (1 << _LOW) - 1
    left, letters = bits >> _CHECK_BITS, ""
    while left:
        left, letter = divmod(left - 1, len(_LETTERS))
        letters = _LETTERS[letter] + letters
    is_ours = 0 < len(letters) <= MOST_LETTERS and uuid_of(letters) == uuid
    return letters if is_ours else uuid


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _check(client_id: str) -> int:
    return int.from_bytes(sha256(client_id.encode()).digest()[:2]) >> 16 - _CHECK_BITS
