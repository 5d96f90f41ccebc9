"""A contest: the pool's own decision code and its peers' rules, on the same seeded market.

``python -m bench.arena`` runs it and prints one table; docs/arena.md says what it assumes and what it found.
"""
