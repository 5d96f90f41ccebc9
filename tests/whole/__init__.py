"""The whole program, as a user runs it: a process, real sockets, the sandbox's truth beside the pool's own books."""
