"""The crash campaign: a pool that is killed and restarted among faults, and the truth beside its ledger at the end."""
