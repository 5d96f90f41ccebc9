"""The rules and pictures that operators are given, against the real pool."""
