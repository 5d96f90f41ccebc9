"""The OpenAPI 3.1 document of the API, made from the table that also routes it, so that they cannot differ."""

import re
from collections.abc import Sequence
from typing import Any

from web.api import Route

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "problems": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_REFUSALS = {
    "400": "not understood, or a value is refused; problems names each field",
    "401": "no valid credentials",
    "403": "not allowed: role, origin or missing proof",
    "409": "the pool's state does not allow it",
    "429": "too many failed logins",
    "503": "the ledger cannot be read",
}


def document(title: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The document. Amounts are strings, times integer microseconds UTC."""
    paths: dict[str, Any] = {}
    for route in routes:
        path = re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": "Amounts and prices are strings of plain digits; times are integer microseconds UTC. "
            "A POST by HTTP Basic sends JSON or the header X-Requested-With.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "ilp_session"},
            },
        },
        "security": [{"basic": []}, {"session": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z]+', '_', route.path)}".rstrip("_"),
        "description": f"Role: {route.role}.",
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {}}}},
            **{status: _refusal(text) for status, text in _statuses(route).items()},
        },
    }
    names = re.findall(r"<(\w+)>", route.path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    parameters += [{"name": n, "in": "query", "required": False, "schema": schema} for n, schema in route.query.items()]
    if parameters:
        found["parameters"] = parameters
    if route.method == "POST":
        schema = route.body or {"type": "object"}
        is_needed = bool(schema.get("required"))
        found["requestBody"] = {"required": is_needed, "content": {"application/json": {"schema": schema}}}
    return found


def _statuses(route: Route) -> dict[str, str]:
    found = {**_REFUSALS, "404": "nothing of that id"} if "<" in route.path else dict(_REFUSALS)
    if route.method == "POST":
        found |= {"413": "the body is too long", "415": "the body is not JSON"}
    return found


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
