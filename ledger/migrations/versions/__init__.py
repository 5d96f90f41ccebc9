"""The upgrades, oldest first by number."""
