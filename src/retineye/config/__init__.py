"""Settings from the environment, and the wiring of the rooms."""
