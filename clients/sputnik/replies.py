"""What Sputnik answers to a call, and what each of its refusals means for the caller.

A reply is one dict: ``{"success": true, "result": R}`` or ``{"success": false, "error": [name, detail...]}``. Names begin
with ``exceptions/``, left out here. A *write* is a call that may change something: placing, cancelling, withdrawing.

=================================================================== ==============================================
name                                                                becomes
=================================================================== ==============================================
accountant/insufficient_margin                                      Refused FUNDS
accountant/invalid_price_quantity, webserver/invalid_price_quantity Refused PRICE (off-lot sizes are caught before)
accountant/invalid_currency_quantity, accountant/withdrawal_too_small,
webserver/invalid-withdrawal-amount                                 Refused SIZE
accountant/no_order_found, user_order_mismatch, order_cancelled     Refused UNKNOWN_ORDER
accountant/trade_not_permitted, withdraw_not_permitted,
disabled_user, no_such_user; webserver/denied, invalid_otp          Refused AUTH
administrator/password_mismatch, invalid_token, expired_token,
no_such_user; rest/not_authorized, invalid_nonce                    Refused AUTH
accountant/contract_clearing (also as a bare 9), contract_not_active Refused MAINTENANCE
cashier/out_of_addresses                                            Refused ADDRESS
accountant/contract_expired, contract_not_expired,
invalid_contract_type, non_clearing_contract; administrator/
username_taken, user_limit_reached, malicious_looking_input,
totp_not_enabled, totp_already_enabled; webserver/no-such-ticker,
schema_exception; rest/invalid_json, no_such_function,
unsupported_method                                                  Refused OTHER
zmq/call-timed-out, zmq/resource-unavailable,
webserver/database-error, sputnik/generic_exception,
sputnik/undefined, rest/generic_error, ledger/*, any other name     write: OutcomeUnknown; read: Retryable
wamp.error.not_authorized                                           Refused AUTH
wamp.error.no_such_procedure                                        NotImplementedError
wamp.error.invalid_uri, invalid_argument                            Refused OTHER
any other WAMP error; no answer in time; socket lost after sending  write: OutcomeUnknown; read: Retryable
not connected, or lost before sending                               Retryable
a reply of another form                                             write: OutcomeUnknown; read: InvalidData
=================================================================== ==============================================

``call-timed-out`` is no refusal: the venue's own parts gave up waiting for each other, and the order has been seen to enter
the book a moment later. ``generic_exception`` is whatever it did not foresee, perhaps after it did what was asked.
"""

from collections.abc import Mapping
from typing import Any

from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable

_PREFIX = "exceptions/"
_CONTRACT_CLEARING = 9


def _named(part: str, *names: str) -> list[str]:
    return [f"{part}/{name}" for name in names]


_REASONS: Mapping[Reason, list[str]] = {
    Reason.FUNDS: _named("accountant", "insufficient_margin"),
    Reason.PRICE: ["accountant/invalid_price_quantity", "webserver/invalid_price_quantity"],
    Reason.SIZE: [
        *_named("accountant", "invalid_currency_quantity", "withdrawal_too_small"),
        "webserver/invalid-withdrawal-amount",
    ],
    Reason.UNKNOWN_ORDER: _named("accountant", "no_order_found", "user_order_mismatch", "order_cancelled"),
    Reason.AUTH: [
        *_named("accountant", "trade_not_permitted", "withdraw_not_permitted", "disabled_user", "no_such_user"),
        *_named("administrator", "password_mismatch", "invalid_token", "expired_token", "no_such_user"),
        *_named("webserver", "denied", "invalid_otp"),
        *_named("rest", "not_authorized", "invalid_nonce"),
    ],
    Reason.MAINTENANCE: _named("accountant", "contract_clearing", "contract_not_active"),
    Reason.ADDRESS: _named("cashier", "out_of_addresses"),
    Reason.OTHER: [
        *_named("accountant", "contract_expired", "contract_not_expired", "invalid_contract_type", "non_clearing_contract"),
        *_named("administrator", "username_taken", "user_limit_reached", "malicious_looking_input"),
        *_named("administrator", "totp_not_enabled", "totp_already_enabled"),
        *_named("webserver", "no-such-ticker", "schema_exception"),
        *_named("rest", "invalid_json", "no_such_function", "unsupported_method"),
    ],
}
#: What a name says no to; a name that is not here says nothing about what was done.
REFUSALS: Mapping[str, Reason] = {name: reason for reason, names in _REASONS.items() for name in names}

_WAMP_REFUSALS: Mapping[str, Reason] = {
    "wamp.error.not_authorized": Reason.AUTH,
    "wamp.error.invalid_uri": Reason.OTHER,
    "wamp.error.invalid_argument": Reason.OTHER,
}


def unproven(venue: str, call: str, detail: str, is_write: bool) -> ExchangeError:
    """No answer that proves anything: a write must be looked up, a read may be repeated."""
    return (OutcomeUnknown if is_write else Retryable)(venue, call, detail)


def result_of(venue: str, call: str, reply: object, is_write: bool) -> Any:
    """The result in a reply.

    :raises ExchangeError: as the table above says.
    """
    if isinstance(reply, dict):
        if reply.get("success") is True and "result" in reply:
            return reply["result"]
        error = reply.get("error")
        if reply.get("success") is False and isinstance(error, list) and error:
            raise refusal(venue, call, error, is_write)
    kind = OutcomeUnknown if is_write else InvalidData
    raise kind(venue, call, f"a reply of no documented form: {reply!r:.200}")


def refusal(venue: str, call: str, error: list[object], is_write: bool) -> ExchangeError:
    """What an error list means; its first element is the name, for one error a bare number."""
    detail = " ".join(str(part) for part in error)[:200]
    name = "accountant/contract_clearing" if error[0] == _CONTRACT_CLEARING else str(error[0]).removeprefix(_PREFIX)
    if name in REFUSALS:
        return Refused(venue, call, detail, REFUSALS[name])
    return unproven(venue, call, detail, is_write)


def router_refusal(venue: str, call: str, uri: str, is_write: bool) -> Exception:
    """What a WAMP ERROR to a call or subscription means."""
    if uri == "wamp.error.no_such_procedure":
        return NotImplementedError(f"{venue} has no {call}")
    if uri in _WAMP_REFUSALS:
        return Refused(venue, call, uri, _WAMP_REFUSALS[uri])
    return unproven(venue, call, uri, is_write)
