"""What must be remembered (:mod:`ledger.interface`): SQLite by default, PostgreSQL by URL."""
