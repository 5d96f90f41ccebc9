"""The parameters as the console shows them: the table of :mod:`runtime.parameters` with each one's current text."""

from attrs import frozen

from model.settings import Settings
from runtime.parameters import Parameter, changeable, current_texts


@frozen
class ConsoleParameter:
    """One parameter that UPDATE takes (:class:`web.parameters.ParameterInfo`)."""

    about: Parameter

    @property
    def name(self) -> str:
        """``section.key``."""
        return self.about.name

    @property
    def label(self) -> str:
        """For people: the key, in words."""
        section, _, key = self.about.name.partition(".")
        place = section.removeprefix("target_balance_") if section.startswith("target_balance_") else ""
        return f"ideal {key} at the {place}" if place else key.replace("_", " ")

    @property
    def unit(self) -> str:
        """Of what the value is counted in; empty for none."""
        return self.about.unit

    @property
    def help(self) -> str:
        """What it means."""
        return self.about.help

    @property
    def default(self) -> str | None:
        """Its text where the config does not write it; None if it must."""
        return self.about.default

    def value_of(self, settings: Settings) -> str:
        """The value in ``settings``, as the config file spells it."""
        return current_texts(settings)[self.about.name]


def console_parameters(settings: Settings) -> tuple[ConsoleParameter, ...]:
    """All that may be changed while the pool runs, in the order of the reference."""
    return tuple(ConsoleParameter(parameter) for parameter in changeable(settings).values())
