"""Pure functions: Snapshot + Settings -> Decision (:func:`optimizer.decide.decide`). No Twisted, no clock, no logging.

Imports nothing itself: the pool needs the variance only, and starts without numpy and scipy, which its deciding process has.
"""
