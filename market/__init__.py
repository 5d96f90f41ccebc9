"""What we believe about the world: live books, rates, volatility, and how old each belief is."""
