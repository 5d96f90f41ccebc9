"""The process: options, config, wiring, logging."""
