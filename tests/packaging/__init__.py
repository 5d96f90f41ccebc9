"""What is shipped: the packages, the units, the container."""
