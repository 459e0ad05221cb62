"""The Django app of the domain."""

from django.apps import AppConfig


class ClinicConfig(AppConfig):
    """Name the app and have the house checked at start-up."""

    name = "retineye.clinic"
    label = "clinic"
    verbose_name = "Clinic"

    def ready(self) -> None:
        """Register the start-up checks."""
        from retineye.clinic import checks  # noqa: F401  models must be loaded first
