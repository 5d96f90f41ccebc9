"""From the name in [modules] to a client: ``kraken.Kraken``, ``clients.kraken.Kraken``, or a class of the user's own package."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clients.closed import CLOSED
from clients.surroundings import Surroundings
from runtime.config_values import Connection
from runtime.problems import ConfigError, Problem

_OURS = "clients"
#: What a module of ours may miss that is not installed with the pool, and how it is got.
_EXTRAS: Mapping[str, str] = {"ccxt": "pip install '.[ccxt]'"}


def finder(path: Path) -> Callable[[str], object]:
    """:func:`find` for the config ``path``: modules in its folder are found too, from now on."""
    _allow_modules_beside(path)
    return find


def find(name: str) -> Callable[..., Any]:
    """The class of that name.

    :raises ValueError: in words for the operator: a closed venue, no such module, an error inside it, no class.
    """
    module_name, _, class_name = name.rpartition(".")
    if closed := CLOSED.get(_short(module_name)):
        raise ValueError(f"{name}: {closed}")
    try:
        found = getattr(import_module(_full(module_name)), class_name, None)
    except ModuleNotFoundError as error:
        if remedy := _EXTRAS.get(error.name or ""):
            raise ValueError(f"{name}: {error.name} is not installed; type: {remedy}") from None
        raise ValueError(f"{name}: there is no module {error.name}, or it is not installed") from None
    except Exception as error:
        # Whatever a module of the user's own does when it is imported, it is the config that names it.
        raise ValueError(f"{name}: the module cannot be imported: {type(error).__name__}: {error}") from error
    if not inspect.isclass(found):
        raise ValueError(f"{name}: {module_name} has no class {class_name}")
    return found


def construct(module: str, connection: Connection, surroundings: Surroundings) -> Any:
    """The client of class ``module``: ``Exchange(id=..., secret=..., endpoint=...)``, as in the seed.

    What the config leaves empty is left to the class's own defaults. ``surroundings`` and ``options`` are passed only to a
    constructor that takes them. Nothing is connected yet.

    :raises ConfigError: where the class cannot be found or will not have what the section says.
    """
    try:
        maker = find(module)
        arguments = _arguments(inspect.signature(maker).parameters, connection, surroundings)
        return maker(**arguments)
    except (ValueError, TypeError) as error:
        # A constructor's own words may quote what it was given.
        text = str(error)
        for secret in filter(None, connection.secret_texts()):
            text = text.replace(secret, "<secret>")
        raise ConfigError([Problem("config", None, connection.section, "", f"{module}: {text}")]) from None


def _arguments(parameters: Mapping[str, inspect.Parameter], connection: Connection, surroundings: Surroundings) -> dict[str, Any]:
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    given: dict[str, Any] = {"id": connection.id, "secret": connection.secret.reveal(), "endpoint": connection.endpoint}
    needed = {name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    arguments = {name: value for name, value in given.items() if value or name in needed}
    if "surroundings" in parameters or takes_all:
        arguments["surroundings"] = surroundings
    if "options" in parameters or takes_all:
        arguments["options"] = dict(connection.options)
    elif connection.options:
        raise ValueError(f"takes no {_listed(connection.options)}")
    return arguments


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _short(module_name: str) -> str:
    return module_name.removeprefix(f"{_OURS}.").lower()


def _full(module_name: str) -> str:
    """Ours goes first: a short name means what the seed's own examples mean by it."""
    if module_name.startswith(f"{_OURS}."):
        return module_name
    ours = f"{_OURS}.{module_name}"
    return ours if _exists(ours) else module_name


def _exists(module_name: str) -> bool:
    try:
        return find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False


def _allow_modules_beside(path: Path) -> None:
    # Last, so that nothing beside the config can take the place of what is installed.
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
