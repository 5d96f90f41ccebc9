"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# No test asserts a wall-clock time, properties neither: CI's machines are small and busy.
settings.register_profile("pool", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pool")
