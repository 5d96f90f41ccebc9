"""What a request says, read defensively: headers, form fields and JSON bodies, none longer than the console needs."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.web.server import Request

from web.errors import BadRequest, TooLarge, WrongMediaType

#: The largest body that is read, in bytes.
MAX_BODY = 64 * 1024


def header(request: Request, name: str) -> str:
    """A request header, or empty text."""
    value: bytes | None = request.getHeader(name.encode())
    return value.decode("latin-1") if value else ""


def content_type(request: Request) -> str:
    """The body's media type without its parameters, in lower case."""
    return header(request, "content-type").partition(";")[0].strip().lower()


def host_name(request: Request) -> str:
    """The name in the Host header, without the port, in lower case."""
    return origin_of_site(f"http://{header(request, 'host')}")


def origin_of_site(origin: str) -> str:
    """The host name of an Origin, or empty text for one that has none (``null``)."""
    try:
        return (urlsplit(origin).hostname or "").lower()
    except ValueError:
        return ""


def body_of(request: Request) -> bytes:
    """The whole body.

    :raises TooLarge: it is longer than :data:`MAX_BODY`.
    """
    body: bytes = request.content.read(MAX_BODY + 1) if request.content else b""
    if len(body) > MAX_BODY:
        raise TooLarge(f"the body is longer than {MAX_BODY} bytes")
    return body


def form_of(request: Request) -> dict[str, str]:
    """The fields of an HTML form; of a field given twice the last counts.

    :raises WrongMediaType: the body is no form.
    """
    if content_type(request) not in ("application/x-www-form-urlencoded", ""):
        raise WrongMediaType("send a form")
    try:
        fields = parse_qs(body_of(request).decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except (UnicodeDecodeError, ValueError):
        raise BadRequest("the form cannot be read") from None
    return {name: values[-1] for name, values in fields.items()}


def json_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of the body, numbers exact (``Decimal``); an empty body is an empty object.

    :raises WrongMediaType: there is a body and it is not called JSON.
    :raises BadRequest: it is not a JSON object, or holds NaN or infinity.
    """
    body = body_of(request)
    if not body.strip():
        return {}
    if content_type(request) != "application/json":
        raise WrongMediaType("send application/json")
    try:
        found = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        raise BadRequest(f"the body is not JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise BadRequest("the body must be a JSON object")
    return found


def arguments_of(request: Request) -> dict[str, str]:
    """The query's fields; of one given twice the last counts."""
    query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
    try:
        return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True, max_num_fields=200).items()}
    except ValueError:
        raise BadRequest("the query cannot be read") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
