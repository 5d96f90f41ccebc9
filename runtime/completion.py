"""``completion``: scripts that complete the command line, made from the parsers themselves."""

from argparse import Action, ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from runtime.commands import COMMANDS
from runtime.options import pool_parser

#: What the program is called: where it is installed, and in a checkout.
PROGRAMS: Final = ("ilp", "ilp.py")


def script(shell: str) -> str:
    """The script for ``shell`` (one of :data:`runtime.commands.SHELLS`), to be sourced where that starts."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _parsers() -> Mapping[str, ArgumentParser]:
    """By command; the pool itself has no name."""
    return {"": pool_parser(), **{name: command.parser() for name, command in COMMANDS.items()}}


def _actions(parser: ArgumentParser) -> list[Action]:
    return parser._actions  # argparse has no public way to ask what a parser knows


def _takes_value(action: Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _words(name: str, parser: ArgumentParser) -> list[str]:
    """What may stand where nothing else is expected."""
    options = [word for action in _actions(parser) for word in action.option_strings if word.startswith("--")]
    choices = [str(word) for action in _actions(parser) if not action.option_strings for word in action.choices or ()]
    return [*(COMMANDS if not name else ()), *choices, *options]


def _bash() -> str:
    names = "|".join(COMMANDS)
    cases = "\n".join(f"        {line}" for name, parser in _parsers().items() for line in _bash_cases(name, parser))
    return f"""\
# Completes the words of ilp: source this file, or put it into /etc/bash_completion.d.
_ilp() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" command="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$word" in {names}) command="$word"; break ;; esac
    done
    case "$command:$prev" in
{cases}
    esac
}}
complete -o bashdefault -o default -F _ilp {" ".join(PROGRAMS)}
"""


def _bash_cases(name: str, parser: ArgumentParser) -> Iterator[str]:
    """First what follows an option that takes a value, then everything else."""
    for action in filter(_takes_value, _actions(parser)):
        pattern = "|".join(f"{name}:{word}" for word in action.option_strings)
        if action.choices:
            choices = " ".join(map(str, action.choices))
            yield f'{pattern}) COMPREPLY=($(compgen -W "{choices}" -- "$cur")) ;;'
        else:
            # Nothing: then the shell completes files, of which a time or number is none, and no harm done.
            yield f"{pattern}) COMPREPLY=() ;;"
    yield f'{name}:*) COMPREPLY=($(compgen -W "{" ".join(_words(name, parser))}" -- "$cur")) ;;'


def _zsh() -> str:
    return f"""\
# Completes the words of ilp: source this file from ~/.zshrc.
autoload -Uz compinit bashcompinit && compinit && bashcompinit
{_bash()}"""


def _fish() -> str:
    lines = ["# Completes the words of ilp: put this file into ~/.config/fish/completions/ilp.fish."]
    for name, parser in _parsers().items():
        for program in PROGRAMS:
            lines += _fish_lines(program, name, parser)
    return "\n".join(lines) + "\n"


def _fish_lines(program: str, name: str, parser: ArgumentParser) -> Iterator[str]:
    when = f"__fish_seen_subcommand_from {name}" if name else f"not __fish_seen_subcommand_from {' '.join(COMMANDS)}"
    start = f"complete -c {program} -n '{when}'"
    for command in () if name else COMMANDS.values():
        yield f"{start} -f -a {command.name} -d {_quoted(command.summary)}"
    for action in _actions(parser):
        text = _quoted((action.help or "").replace("%%", "%"))
        if not action.option_strings:
            if action.choices:
                yield f"{start} -f -a '{' '.join(map(str, action.choices))}' -d {text}"
            continue
        flags = " ".join(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in action.option_strings)
        yield f"{start} {flags}{_fish_value(action)} -d {text}"


def _fish_value(action: Action) -> str:
    if not _takes_value(action):
        return ""
    if action.choices:
        return f" -x -a '{' '.join(map(str, action.choices))}'"
    return " -r -F" if action.type is Path else " -x"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
