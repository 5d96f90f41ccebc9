"""The words of the trade: frozen values, no I/O; this room imports nothing of ours."""
