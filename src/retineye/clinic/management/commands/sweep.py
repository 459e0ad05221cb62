"""`retineye manage sweep`: one sweep now, for a timetable outside or a person who wants to see."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from retineye.clinic.orphans import remove_orphans
from retineye.clinic.sweep import sweep


class Command(BaseCommand):
    """Sweep once and say what was done."""

    help = "Take back claims of dead workers, announce lost photographs, seal the audit, delete files without a row."

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep."""
        swept = sweep(timezone.now())
        orphans = remove_orphans(timezone.now())
        self.stdout.write(
            f"{swept.lapsed} taken back, {swept.announced} announced, {swept.alone} alone, {swept.failed} failed, "
            f"{swept.sealed} audit events sealed, {orphans} files deleted"
        )
