"""How: orders, quotes, hedges, transfers. Does what a decision says, remembers it, and never decides."""
