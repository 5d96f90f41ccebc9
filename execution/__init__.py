"""How: orders, quotes, hedges, transfers. Never decides."""
