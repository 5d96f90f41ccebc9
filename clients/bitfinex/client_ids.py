"""Our client ids in the two numbers that a Bitfinex order carries, so that nothing has to be remembered to read them back.

An order has a group id (``gid``, 31 bits) and a client id (``cid``, 45 bits), both numbers. Ours are texts: a tag of up to four
letters and digits, a dash, and a number in base 36, microseconds as a rule (``ilp-hodh4ij3lt``). The number's low 45 bits
become the cid; its other bits and the tag, read as a number in base 63 whose digits begin at one, become the gid, which has room
for microseconds until the year 2121. Executions carry the cid only, so theirs is read from the order.
"""

from string import ascii_letters, ascii_lowercase, digits

from clients.bitfinex.faults import VENUE
from clients.errors import Refused

_NUMBER, _TAG = digits + ascii_lowercase, digits + ascii_letters
_CID_BITS = 45
_LONGEST_TAG = 4
#: Tags that there can be; what is left of the group id holds the number's upper bits.
_BASE = len(_TAG) + 1
_TAGS = _BASE**_LONGEST_TAG
_MOST_GROUPS = 2**31


def numbers(call: str, client_id: str) -> tuple[int, int]:
    """``gid`` and ``cid`` of one of our ids.

    :raises Refused: for an id that two numbers cannot carry: it would not come back.
    """
    tag, _, text = client_id.rpartition("-")
    if 0 < len(tag) <= _LONGEST_TAG and set(tag) <= set(_TAG) and text and set(text) <= set(_NUMBER):
        upper, cid = divmod(int(text, 36), 2**_CID_BITS)
        gid = upper * _TAGS + sum((_TAG.index(letter) + 1) * _BASE**place for place, letter in enumerate(tag))
        if client_id_of(gid, cid) == client_id:
            return gid, cid
    words = f"{client_id!r} is no tag of 1 to {_LONGEST_TAG} letters and digits, a dash and a number in small letters and digits"
    raise Refused(VENUE, call, f"client id {words}")


def client_id_of(gid: int | None, cid: int | None) -> str | None:
    """The id that these numbers carry; None for an order that was not placed by us."""
    if gid is None or cid is None or not 0 <= gid < _MOST_GROUPS or not 0 <= cid < 2**_CID_BITS:
        return None
    upper, code = divmod(gid, _TAGS)
    tag = ""
    while code:
        code, digit = divmod(code, _BASE)
        if not digit:
            return None
        tag += _TAG[digit - 1]
    return f"{tag}-{_base36(upper * 2**_CID_BITS + cid)}" if tag else None


def _base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _NUMBER[digit] + text
        if not number:
            return text
