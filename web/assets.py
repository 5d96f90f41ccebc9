"""The static files, read once at start: nothing else of the disk can ever be asked for."""

import hashlib
from pathlib import Path

from attrs import frozen

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@frozen
class Asset:
    """One file. ``tag`` changes with its content."""

    content: bytes
    type: str
    tag: str


def read_assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """Every servable file below ``folder``, by its path there; licences stay on the disk."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:16]
            found[path.relative_to(folder).as_posix()] = Asset(content, _TYPES[path.suffix], tag)
    return found
