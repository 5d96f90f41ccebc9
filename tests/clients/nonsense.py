"""Payloads of a venue, spoiled in all the ways in which a wire spoils them: one suite for all native clients.

A venue's test class mixes :class:`Nonsense` in and says which payloads it reads and how; what it says besides, about anything
at all in a place of its own choice, it checks with :meth:`Nonsense.check`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar

from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.errors import ExchangeError
from clients.http_link import exact_json
from clients.parsing import MOST_DIGITS, reading
from model.money import decimal_of

#: Anything that JSON can hold, and some texts that only look right.
nonsense = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-1", "1e999999", "0", "٣", "2016-12-08", "2016-12-08T20:02:28.53864Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
#: What is no number, and no part of one: whatever place it takes, no new number may come of it.
NO_NUMBER: Sequence[Any] = (
    *(None, True, False, [], {}, [[]], {"price": "1"}, ["1", "2"]),
    *("", "NaN", "-Infinity", "sNaN", "1e999999", "-1e-999999", "0x10", "1,5"),
    *(Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999")),
)
#: Of these a negative one is an error.
AMOUNTS = frozenset({"price", "quantity", "quantity_left", "open", "high", "low", "close", "volume"})

#: The same test runs in the class of each venue, with payloads of its own: an example of the one is none for the other.
everywhere = settings(suppress_health_check=[HealthCheck.differing_executors], database=None)

Path = tuple[Any, ...]


@frozen
class Payload:
    """A payload that is right, and what makes the interface's shapes of it."""

    good: Any
    read: Callable[[Any], Any]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The way to each part of it."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


def at(value: Any, path: Path) -> Any:
    """The part at ``path``."""
    for name in path:
        value = value[name]
    return value


def changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy, with the part at ``path`` as ``change`` makes it."""
    if not path:
        return change(value)
    name, *rest = path
    if isinstance(value, dict):
        return {**value, name: changed(value[name], tuple(rest), change)}
    return [*value[:name], changed(value[name], tuple(rest), change), *value[name + 1 :]]


def without(value: Any, path: Path) -> Any:
    """A copy without the part at ``path``."""
    *way, last = path

    def drop(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: each for name, each in part.items() if name != last}
        return [*part[:last], *part[last + 1 :]]

    return changed(value, tuple(way), drop)


def negative(value: Any) -> Any:
    """What it says, below zero; what is no number stays."""
    if isinstance(value, str):
        return f"-{value}"
    return -value if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def cut(value: Any) -> Any:
    """The beginning of a text or a list."""
    return value[: len(value) // 2] if isinstance(value, str | list) else value


def numbers(value: Any) -> set[Decimal]:
    """All amounts in it."""
    if isinstance(value, dict):
        return set().union(*map(numbers, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(numbers, value))
    return {value} if isinstance(value, Decimal) else set()


def written(value: Any) -> set[Decimal]:
    """All that can be read as a number in a payload."""
    if isinstance(value, dict):
        return set().union(*map(written, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(written, value))
    with suppress(ValueError):
        return {abs(decimal_of(value))}
    return set()


class Nonsense(SynchronousTestCase):
    """Whatever comes: a named error, or numbers that are numbers. The suite itself, without payloads, is skipped."""

    payloads: ClassVar[Sequence[Payload]] = ()

    def setUp(self) -> None:
        if not self.payloads:
            raise SkipTest("the suite itself has no payloads")

    def outcome(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What it reads, or the named error; any other exception is a failure."""
        try:
            with reading("fuzz", "fuzz"):
                return call(*arguments)
        except ExchangeError as error:
            return error
        except NotImplementedError as error:
            return error

    def check(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """It is a named error, or every amount in the result is sound."""
        result = self.outcome(call, *arguments)
        if not isinstance(result, Exception):
            self.check_numbers(result)
        return result

    def check_numbers(self, value: Any, name: object = None) -> None:
        """No float, no NaN, nothing huge, no negative price or quantity, anywhere."""
        if isinstance(value, dict):
            for each, item in value.items():
                self.check_numbers(item, each)
            if "quantity_left" in value:
                self.assertLessEqual(value["quantity_left"], value["quantity"])
        elif isinstance(value, list | tuple):
            for item in value:
                self.check_numbers(item)
        else:
            self.assertNotIsInstance(value, float)
            if isinstance(value, Decimal):
                self.assertTrue(value.is_finite())
                self.assertTrue(not value or abs(value.adjusted()) <= 2 * MOST_DIGITS, value)
                if name in AMOUNTS:
                    self.assertGreaterEqual(value, 0, name)

    def spoil(self, data: st.DataObject) -> tuple[Payload, Path]:
        """A payload, and a place in it."""
        payload = data.draw(st.sampled_from(self.payloads))
        return payload, data.draw(st.sampled_from(list(places(payload.good))))

    def test_good_ones(self) -> None:
        """What is right is read: else the rest would prove nothing."""
        for payload in self.payloads:
            self.assertNotIsInstance(self.outcome(payload.read, payload.good), Exception)

    @everywhere
    @given(st.data())
    def test_missing(self, data: st.DataObject) -> None:
        """A field or an entry that is not there."""
        payload, place = self.spoil(data)
        self.no_new_number(payload, without(payload.good, place))

    @everywhere
    @given(st.data(), st.sampled_from(NO_NUMBER))
    def test_no_number(self, data: st.DataObject, bad: Any) -> None:
        """Wrong types, NaN, infinite and huge numbers in any one place."""
        payload, place = self.spoil(data)
        self.no_new_number(payload, changed(payload.good, place, lambda _: bad))

    def no_new_number(self, payload: Payload, spoiled: Any) -> None:
        """A named error; or only amounts that the right payload has, or is read as."""
        result = self.check(payload.read, spoiled)
        if not isinstance(result, Exception):
            right = numbers(payload.read(payload.good)) | written(payload.good)
            self.assertLessEqual(numbers(result), right | {Decimal(0)}, spoiled)

    @everywhere
    @given(st.data(), nonsense)
    def test_anything(self, data: st.DataObject, bad: Any) -> None:
        """Anything in any one place, or instead of all."""
        payload, place = self.spoil(data)
        self.check(payload.read, changed(payload.good, place, lambda _: bad))
        self.check(payload.read, bad)

    @everywhere
    @given(st.data(), st.sampled_from([negative, cut]))
    def test_negative_or_cut(self, data: st.DataObject, change: Callable[[Any], Any]) -> None:
        """A number below zero, half a text, half a list."""
        payload, place = self.spoil(data)
        self.check(payload.read, changed(payload.good, place, change))

    @everywhere
    @given(st.data(), nonsense)
    def test_extra(self, data: st.DataObject, bad: Any) -> None:
        """A field that nobody has heard of changes nothing: venues add some without a word."""
        payload, _ = self.spoil(data)
        within = [place for place in [(), *places(payload.good)] if self.is_record(payload, place)]
        if within:
            more = changed(payload.good, data.draw(st.sampled_from(within)), lambda part: {**part, "unheard_of": bad})
            self.assertEqual(payload.read(payload.good), payload.read(more))

    def is_record(self, payload: Payload, place: Path) -> bool:
        """Whether its names are those of fields, not of things (orders by id, balances by ticker)."""
        part = at(payload.good, place)
        return isinstance(part, dict) and not any(isinstance(each, dict) for each in part.values())

    @everywhere
    @given(st.data())
    def test_broken_text(self, data: st.DataObject) -> None:
        """Cut off anywhere, or in another encoding, it is no JSON."""
        payload, _ = self.spoil(data)
        text = json.dumps(payload.good, default=str)
        end = data.draw(st.integers(0, len(text) - 1))
        self.assertRaises(ValueError, exact_json, text[:end])
        self.assertRaises(ValueError, exact_json, text.encode("utf-16"))
        self.assertRaises(ValueError, exact_json, text.encode()[:end] + b"\xff" + text.encode()[end:])
