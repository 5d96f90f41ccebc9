"""Pure functions: Snapshot + Settings -> Decision. No Twisted, no clock, no logging."""
