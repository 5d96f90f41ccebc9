"""What goes wrong in other pools (research/hummingbot_measured.md section 4), made to happen to ours over real sockets."""
