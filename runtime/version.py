"""Which program this is. Calendar version: year, month, number."""

VERSION = "2026.11.0"
