"""When: the state machine, the cycle, the limits, the agreement with the venues at start."""
