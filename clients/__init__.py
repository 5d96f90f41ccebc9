"""Exchanges behind one Deferred-returning interface (:mod:`clients.interface`)."""
