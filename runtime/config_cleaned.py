"""A config's text as it may leave the machine: with everything but the secrets."""

from pathlib import Path
from typing import Final

from runtime.config_source import read
from runtime.config_values import Config
from runtime.logs import Redactor
from runtime.secrets import names_a_secret, password_in

REMOVED: Final = "<removed: a secret>"


def cleaned(config: Config, path: Path) -> str:
    """The text of ``config``'s file ``path``; each secret that stands in it, and each password's hash, is taken out.

    What only names a secret (``${VARIABLE}``, ``file:...``) stays.

    :raises OSError: the file cannot be read.
    """
    source = read(path)
    hidden = {
        source.lines[section, key]: key
        for section, keys in source.sections.items()
        for key, value in keys.items()
        if _is_secret(section, key, value)
    }
    lines, is_inside = [], False
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if number in hidden:
            lines.append(f"{hidden[number]} = {REMOVED}")
        elif not (is_inside and line[:1].isspace() and line.strip()):
            lines.append(line)
        # A value goes on in the indented lines below it.
        is_inside = number in hidden or (is_inside and line[:1].isspace())
    return Redactor(config.secret_texts()).clean("\n".join(lines) + "\n")


def _is_secret(section: str, key: str, value: str) -> bool:
    if not value or value.startswith("file:") or (value.startswith("${") and value.endswith("}")):
        return False
    # The address of a chat's hook is a secret too: whoever knows it can write there.
    is_hook = section == "notify" and "://" in value
    return names_a_secret(key) or section == "users" or is_hook or bool(password_in(value))
