"""Replies and what their errors mean: nothing that may have been done is ever called refused."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.sputnik import replies
from clients.sputnik.replies import REFUSALS, result_of, router_refusal


def error_of(*error: Any, is_write: bool = True) -> ExchangeError:
    """What ``result_of`` raises for an error list."""
    try:
        result_of("sputnik", "call", {"success": False, "error": list(error)}, is_write)
    except ExchangeError as raised:
        return raised
    raise AssertionError("no error")


class ReplyTests(SynchronousTestCase):
    def test_results(self) -> None:
        """Success carries its result, whatever that is."""
        results: list[Any] = [12, False, None, [], {"a": 1}]
        for result in results:
            self.assertEqual(result, result_of("sputnik", "call", {"success": True, "result": result}, True))

    def test_refusals(self) -> None:
        """The names the pool meets, by their reason."""
        known = {
            "accountant/insufficient_margin": Reason.FUNDS,
            "accountant/invalid_price_quantity": Reason.PRICE,
            "webserver/invalid_price_quantity": Reason.PRICE,
            "webserver/invalid-withdrawal-amount": Reason.SIZE,
            "accountant/order_cancelled": Reason.UNKNOWN_ORDER,
            "accountant/trade_not_permitted": Reason.AUTH,
            "webserver/no-such-ticker": Reason.OTHER,
        }
        for name, reason in known.items():
            error = error_of(f"exceptions/{name}", "detail")
            self.assertIsInstance(error, Refused)
            self.assertEqual(reason, getattr(error, "reason", None), name)

    def test_contract_clearing_is_a_number(self) -> None:
        """One error comes with a bare number instead of its name."""
        self.assertIs(Reason.MAINTENANCE, getattr(error_of(9, "clearing"), "reason", None))

    def test_what_proves_nothing(self) -> None:
        """The venue's own time-outs and surprises: a write may have been done, a read may be repeated."""
        names = (
            "zmq/call-timed-out",
            "zmq/resource-unavailable",
            "sputnik/generic_exception",
            "webserver/database-error",
            "new/x",
        )
        for name in names:
            self.assertIsInstance(error_of(f"exceptions/{name}"), OutcomeUnknown)
            self.assertIsInstance(error_of(f"exceptions/{name}", is_write=False), Retryable)

    def test_the_table_is_complete(self) -> None:
        """Every name that is mapped stands in the module's own table, where a reader looks for it."""
        text = re.sub(r"\s+", "", replies.__doc__ or "")
        for name in REFUSALS:
            self.assertIn(name.partition("/")[2], text)

    def test_router(self) -> None:
        """The router's own errors; its closing words prove nothing."""
        self.assertIsInstance(router_refusal("sputnik", "x", "wamp.error.no_such_procedure", True), NotImplementedError)
        refused = router_refusal("sputnik", "x", "wamp.error.not_authorized", True)
        self.assertIs(Reason.AUTH, getattr(refused, "reason", None))
        self.assertIsInstance(router_refusal("sputnik", "x", "wamp.error.runtime_error", True), OutcomeUnknown)
        self.assertIsInstance(router_refusal("sputnik", "x", "wamp.error.runtime_error", False), Retryable)

    @given(
        st.none() | st.integers() | st.lists(st.integers()) | st.dictionaries(st.sampled_from(["success", "error", "result"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.none() | st.text() | st.floats(), max_size=3)),
        st.booleans(),
    )  # fmt: skip
    def test_any_reply(self, reply: Any, is_write: bool) -> None:
        """Whatever comes back, it is a result or one of the documented errors; a write is refused by a known name only."""
        try:
            result_of("sputnik", "call", reply, is_write)
        except (OutcomeUnknown, Retryable, InvalidData) as error:
            self.assertEqual(is_write, isinstance(error, OutcomeUnknown))
        except Refused:
            name = str(reply["error"][0]).removeprefix("exceptions/")
            self.assertIn(name, {*REFUSALS, "9", "9.0"})
        else:
            self.assertIs(True, reply["success"])
