"""Pure functions: Snapshot + Settings -> Decision. No Twisted, no clock, no logging."""

from optimizer.decide import decide

__all__ = ["decide"]
