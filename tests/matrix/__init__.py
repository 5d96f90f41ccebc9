"""A whole pool between each two native clients: real processes, real wires, books compared with the truth."""
